r"""Registry hives. An artefact declares the keys that it reads, by normalised path, and gets the keys that a hive has of them.

    ARTEFACT = Artefact(…, holds=Keys("Software\Microsoft\Windows\CurrentVersion\Run"), …)

    def parse(hive: RegistryView, host: Host) -> Iterator[Record | Problem]:
        return hive.each_value(lambda found, value: [hive.command(found.key, value, host)])

`scout/formats/regf/views.py` says what a normalised path is. Source: Windows registry file format specification, M. Suhanov.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any, NamedTuple

from commodore.artefact import Problem, Record
from commodore.container import Holds, Opened, UnreadableError
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.hives import fields, second
from commodore.readers.hives.integrity import hive_problems
from commodore.readers.hives.mount import GROUP, MAGIC, Mount, MountedHive, mount, open_hive
from scout.formats.regf import Hive, Key, Value
from scout.formats.regf.patterns import FoundKey, key_patterns
from scout.formats.regf.survey import Survey

_FILES = {
    "software": ("**/config/SOFTWARE", "**/NTUSER.DAT", "**/NTUSER.MAN", "**/config/DEFAULT"),
    "software\\classes": ("**/config/SOFTWARE", "**/UsrClass.dat"),
    "system": ("**/config/SYSTEM",),
    "sam": ("**/config/SAM",),
    "policy": ("**/config/SECURITY",),
}
"""first component of a normalised path → files that have such keys"""
HIVES = (
    "**/config/{SOFTWARE,SYSTEM,SAM,SECURITY,DEFAULT,COMPONENTS,DRIVERS,ELAM,BBI,BCD-Template,userdiff}",
    "**/NTUSER.{DAT,MAN}",
    "**/UsrClass.dat",
    "**/{Amcache,Syscache}.hve",
    "Boot/BCD",
    "EFI/Microsoft/Boot/BCD",
    "System Volume Information/_restore*/RP*/snapshot/_REGISTRY_*",
)
"""files that are hives, wherever the magic is not looked at"""
_USER = ("**/NTUSER.DAT", "**/NTUSER.MAN", "**/config/DEFAULT")


class Keys(Holds):
    """Keys of the registry, as patterns of normalised paths; `files` where keys of another kind of hive are meant (Amcache)."""

    container = "registry"
    magic = MAGIC
    group = GROUP

    def __init__(self, *paths: str, files: tuple[str, ...] = ()) -> None:
        self.paths, self._files = paths, files

    @property
    def match(self) -> tuple[str, ...]:
        return self._files or tuple(dict.fromkeys(file for path in self.paths for file in _files(path)))

    @classmethod
    def open(cls, evidence: Evidence, host: Host) -> OpenedRegistry | OpenedSecond:
        """Open a hive and replay its logs. One that is refused is given to the second reader."""
        hive = open_hive(evidence)
        if isinstance(hive, str):
            keys = second.keys(evidence.data)
            if isinstance(first := next(keys, ""), str):
                raise UnreadableError(hive)
            return OpenedSecond(SecondView(mount(evidence, host), chain((first,), keys)), hive)
        return OpenedRegistry(hive, evidence, host)

    def __str__(self) -> str:
        return ", ".join(f"`{path}`" for path in self.paths)


class WholeHive(Keys):
    """Every key and value of a hive, for the dataset that has them all."""

    def __init__(self) -> None:
        super().__init__(files=HIVES)

    def __str__(self) -> str:
        return "every key"


def _files(path: str) -> tuple[str, ...]:
    low = path.casefold()
    return next((_FILES[top] for top in sorted(_FILES, key=len, reverse=True) if f"{low}\\".startswith(f"{top}\\")), _USER)


class OpenedRegistry(Opened):
    """One hive, opened for all artefacts that read the registry."""

    def __init__(self, hive: Hive, evidence: Evidence, host: Host) -> None:
        self._hive = hive
        with evidence.open() as stream:
            self._head = stream.read(512)
        self._mounted = MountedHive(hive, mount(evidence, host, hive), host.control_set)
        self._views: list[Hive] = [hive]
        self._given: list[RegistryView] = []
        self._found: dict[str, list[FoundKey]] = {}

    def expect(self, wanted: Sequence[Keys]) -> None:
        """Find the keys of all artefacts in one walk."""
        self._found |= key_patterns(tuple(path for holds in wanted for path in holds.paths)).search(self._mounted)

    def offer(self, holds: Keys) -> RegistryView | None:
        if not all(path in self._found for path in holds.paths):
            self.expect([holds])
        each = (key for path in holds.paths for key in self._found[path])
        found = list({(key.key.offset, key.path): key for key in each}.values())  # several patterns may name one key
        if not found and not isinstance(holds, WholeHive):
            return None
        self._views.append(self._hive.view())  # own bound on the work: one artefact cannot use up that of others
        self._given.append(RegistryView(self._mounted, found, self._views[-1]))
        return self._given[-1]

    def problems(self) -> Iterator[Problem]:
        yield from hive_problems(self._hive, self._head)
        damage: dict[int, str] = {}
        for view in self._views:
            damage = view.damage | damage
        for start, end, reason in next((view.survey.torn for view in self._given if "survey" in view.__dict__), ()):
            yield Problem(f"{reason}: {end - start:,} bytes", locator=f"{start:#x}")
        for offset, reason in sorted(damage.items()):
            yield Problem(reason, locator=f"{offset:#x}")


class SecondView(NamedTuple):
    """A hive that only the second reader opens: the dataset of all keys gets it, and no other artefact."""

    at: Mount
    keys: Iterator[second.SecondKey | str]


class OpenedSecond(Opened):
    """One hive that our reader refused."""

    def __init__(self, view: SecondView, reason: str) -> None:
        self._view, self._reason = view, reason

    def offer(self, holds: Keys) -> SecondView | None:
        return self._view if isinstance(holds, WholeHive) else None

    def problems(self) -> Iterator[Problem]:
        yield Problem(f"{self._reason}: refused, and read by {second.NAME}, without logs and deleted keys")


class RegistryView:
    """The keys of one hive that an artefact asked for.

    hive          all keys and values, with a bound on the work of its own
    at            where the hive is mounted
    control_set   number of the current control set, 0 where it is unknown
    survey        the cells of the hive, without the tree
    memo          what an artefact keeps from one key to the next, such as the path to a node of a tree
    """

    def __init__(self, mounted: MountedHive, found: Sequence[FoundKey], view: Hive) -> None:
        self._mounted, self._found, self.hive = mounted, found, view
        self.at: Mount = mounted.at
        self.control_set = mounted.current
        self.memo: dict[Any, Any] = {}

    @cached_property
    def survey(self) -> Survey:
        return Survey(self.hive)

    def __iter__(self) -> Iterator[FoundKey]:
        """Yield the keys that the declaration names, in its order."""
        return map(self._own, self._found)

    def _own(self, found: FoundKey) -> FoundKey:
        """Return the key for this view of the hive."""
        above = found.parent.seen_by(self.hive) if found.parent else None
        return found._replace(key=found.key.seen_by(self.hive), parent=above)

    def find(self, *paths: str) -> Iterator[FoundKey]:
        """Yield the keys of other normalised paths."""
        for path in paths:
            for found in self._mounted.find(path):
                yield self._own(found)

    def each_value(self, read: Callable[[FoundKey, Value], Iterable[Record | Problem]]) -> Iterator[Record | Problem]:
        """Yield what `read` yields for each value of the keys. A value at which it raises is a problem; those behind it are read."""
        for found in self:
            yield from fenced(found.key.values(), partial(fields.locator, found.key), partial(read, found))

    def each_subkey(self, read: Callable[[FoundKey, Key], Iterable[Record | Problem]]) -> Iterator[Record | Problem]:
        """Yield what `read` yields for each subkey of the keys, fenced like values."""
        for found in self:
            yield from fenced(found.key.subkeys(), fields.locator, partial(read, found))

    def key_fields(self, key: Key) -> dict[str, Any]:
        """Return the fields that any record of a key has."""
        return fields.key_fields(self.at, key)

    def value_fields(self, key: Key, value: Value) -> dict[str, Any]:
        """Return the fields that any record of a value has."""
        return fields.value_fields(self.at, key, value)

    def command(self, key: Key, value: Value, host: Host, more: dict[str, Any] | None = None) -> Record:
        """Return the record of a value whose data is a command line. `more`: further fields."""
        made = fields.command_value_fields(self.at, key, value, host) | (more or {})
        return Record(fields.locator(key, value), made, fields.state(value))
