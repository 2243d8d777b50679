r"""Short declarations of artefacts that lie in the registry.

    ARTEFACT, parse, expected = registry_artefact(
        name="typed_paths",
        title="Typed paths",
        about="…",
        proves_not="…",
        keys=(r"Software\Microsoft\Windows\CurrentVersion\Explorer\TypedPaths",),
        read=each_value(lambda at, value: {"file.path": value.text}, names=("url*",)),
        fields=("file.path",),
        action="recent-item-observed",
        message="{user.name} typed {file.path!q} into the address bar.",
        sources=("…",),
    )

A decoder gets the place at which the key was found and a value or key of it, and returns the fields that it adds: a mapping, None where the
value is none of its own, or several `Part`s and `Problem`s. Path, user, type and data, the time of the key, locator, state, and the fence
around each element are added here. Decoders for what many keys have in common are `restated` (values that need no decoding) and
`commodore/registry/mru.py` (lists of what was used last).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from commodore.artefact import Artefact, Expected, Parser, Problem, Record
from commodore.containers.registry import Keys, RegistryView
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.hives import fields
from commodore.readers.hives.typed import setting, typed
from scout.formats.regf import Key, Value
from scout.formats.regf.patterns import FoundKey
from scout.formats.shell.folders import resolved

__all__ = [
    "COMMAND_FIELDS",
    "At",
    "KeyReading",
    "Made",
    "Part",
    "Problem",
    "commands",
    "each_key",
    "each_subkey",
    "each_value",
    "program_fields",
    "registry_artefact",
    "restated",
]
KEY_FIELDS = (
    "registry.hive",
    "registry.key",
    "registry.path",
    "escadre.registry.copy",
    "escadre.registry.last_written",
    "user.name",
    "user.id",
)
"""fields of any record about a key"""
_CONTROL_SET = ("escadre.registry.control_set", "escadre.registry.current")
"""the same, of a key in a control set"""
VALUE_FIELDS = (*KEY_FIELDS, "registry.value")
DATA_FIELDS = (*VALUE_FIELDS, "registry.data.type", "registry.data.strings", "registry.data.bytes")
COMMAND_FIELDS = ("process.command_line", "process.executable", "process.name")
"""fields that `At.command` adds"""
_TARGETS = {"software": ("WR01", "WR03", "WR04"), "system": ("WR01",), "sam": ("WR01",), "policy": ("WR01",)}
"""first component of a key → what SCOUT collects of it"""


class At(NamedTuple):
    """The place at which a decoder reads."""

    hive: RegistryView
    found: FoundKey
    host: Host
    prepared: Any = None
    """what the reading prepared for the key"""

    @property
    def parts(self) -> list[str]:
        """Return the components of the normalised path of the key, with the names as the hive has them."""
        return self.found.path.split("\\")

    def command(self, line: str) -> dict[str, Any]:
        """Return `process.*` of a command line."""
        return fields.command_fields(line, self.host)

    def path(self, path: str) -> str:
        """Return a path with ids of known folders and variables filled in, as far as they are known for the hive's user."""
        return resolved(path, self.host.system_root or "C:\\Windows", self.hive.at.profile)

    def program(self, path: str) -> dict[str, Any]:
        """Return `process.executable` and `process.name` of a program's path, as far as it is one."""
        return program_fields(self.path(path))


def program_fields(path: str) -> dict[str, Any]:
    """Return `process.executable` of an absolute path, and `process.name` of what is a path or ends as a program does."""
    made = {"process.executable": path} if re.match(r"[A-Za-z]:\\|\\", path) else {}
    _, folder, name = path.rpartition("\\")
    return made | (
        {"process.name": name} if name and (folder or re.search(r"(?i)\.(?:exe|com|lnk|bat|cmd|scr|msi|dll|cpl)$", name)) else {}
    )


class Part(NamedTuple):
    """One of several records that a key or value holds. `locator` is unique within it, '' for the only one."""

    locator: str
    fields: Mapping[str, Any]


Made = Mapping[str, Any] | Iterable[Part | Problem] | None
Decoder = Callable[[At, Any], Made]


@dataclass(frozen=True, slots=True)
class KeyReading:
    """How the found keys are read: the elements of a key, and the fields of a record before those of the decoder."""

    decode: Decoder
    base: tuple[str, ...]
    elements: Callable[[Key], Iterable[Key | Value]]
    count: Callable[[Key], int] | None
    """how many records the headers of a key promise, None where they do not"""
    prepare: Callable[[FoundKey], Any] = lambda found: None  # noqa: ARG005
    """what the decoder needs of the key, made once"""

    def parse(self, hive: RegistryView, host: Host) -> Iterator[Record | Problem]:
        """Yield the records of all found keys."""
        for found in hive:
            at = At(hive, found, host, self.prepare(found))
            yield from fenced(self.elements(found.key), partial(_locator, found.key), partial(self._records, at))

    def expected(self, hive: RegistryView) -> int | None:
        """Count the records that the keys promise."""
        count = self.count
        return sum(count(found.key) for found in hive) if count else None

    def _records(self, at: At, element: Key | Value) -> Iterator[Record | Problem]:
        made = self.decode(at, element)
        if made is None:
            return
        parts: Iterable[Part | Problem] = [Part("", made)] if isinstance(made, Mapping) else made
        base, where = self._base(at, element), _locator(at.found.key, element)
        yield from fenced(_unique(parts), lambda part: f"{where}{part.locator}", partial(_record, base, where, element))

    def _base(self, at: At, element: Key | Value) -> dict[str, Any]:
        key = at.found.key
        if isinstance(element, Key):
            made = at.hive.key_fields(element)
        elif "registry.data.type" in self.base:
            made = at.hive.value_fields(key, element)
        else:
            path = fields.registry_path(at.hive.at, key, element.name)
            made = at.hive.key_fields(key) | {"registry.value": element.name, "registry.path": path}
        if at.found.control_set:
            made["escadre.registry.control_set"] = at.found.control_set
        if at.found.current is not None:
            made["escadre.registry.current"] = at.found.current
        return made


def _locator(key: Key, element: Key | Value) -> str:
    return fields.locator(key, element) if isinstance(element, Value) else fields.locator(element)


def _unique(parts: Iterable[Part | Problem]) -> Iterator[Part | Problem]:
    """Yield the parts with `/` before their locators."""
    for part in parts:
        yield part._replace(locator=f"/{part.locator}") if isinstance(part, Part) and part.locator else part


def _record(base: dict[str, Any], where: str, element: Key | Value, part: Part) -> Iterator[Record]:
    made = {name: value for name, value in (base | dict(part.fields)).items() if value is not None}
    yield Record(where + part.locator, made, fields.state(element))


def each_value(
    decode: Callable[[At, Value], Made], *, names: tuple[str, ...] = (), data: bool = False, counted: bool = False
) -> KeyReading:
    """Read each value, or those whose names fit one of the patterns, without case.

    `data`: records have its type, text and bytes; `counted`: each value is a record.
    """
    low = tuple(name.casefold() for name in names)

    def chosen(key: Key) -> Iterator[Value]:
        return (value for value in key.values() if not low or any(fnmatchcase(value.name.casefold(), name) for name in low))

    return KeyReading(decode, DATA_FIELDS if data else VALUE_FIELDS, chosen, (lambda key: key.value_count) if counted else None)


def each_key(decode: Callable[[At, Key], Made]) -> KeyReading:
    """Read each found key as one element."""
    return KeyReading(decode, KEY_FIELDS, lambda key: (key,), None)


def each_subkey(decode: Callable[[At, Key], Made], *, counted: bool = False) -> KeyReading:
    """Read each subkey of the found keys as one element. `counted`: each one is a record."""
    return KeyReading(decode, KEY_FIELDS, lambda key: key.subkeys(), (lambda key: key.subkey_count) if counted else None)


def restated(
    named: Mapping[str, str], *, also: tuple[str, ...] = (), needs: tuple[str, ...] = ()
) -> Callable[[At, Key], dict[str, Any] | None]:
    """Return a decoder of keys whose values need no decoding: value name → field, converted to the field's type.

    `also`: patterns of values that `escadre.settings` lists as `Name=value`. A key that has none of `needs` (patterns; by default all
    named values) is no record. A value that does not fit its field's type is listed in `escadre.settings`.
    """
    targets = {name.casefold(): field for name, field in named.items()}
    wanted = tuple(name.casefold() for name in needs) or tuple(targets)
    patterns = tuple(pattern.casefold() for pattern in also)

    def decode(at: At, key: Key) -> dict[str, Any] | None:  # noqa: ARG001
        made: dict[str, Any] = {}
        rest: list[str] = []
        seen = False
        for value in key.values():
            name = value.name.casefold()
            seen = seen or any(fnmatchcase(name, pattern) for pattern in wanted)
            if name in targets:
                if (found := typed(targets[name], value)) is not None:
                    made[targets[name]] = found
                    continue
                if not any(value.raw):
                    continue
            elif (value.number is None and not any(value.raw)) or not any(fnmatchcase(name, pattern) for pattern in patterns):
                continue
            rest.append(setting(value))
        if rest:
            made["escadre.settings"] = rest
        return made if seen else None

    return decode


def commands(more: Callable[[At, Value], Mapping[str, Any] | None] = lambda at, value: {}) -> Callable[[At, Value], Made]:  # noqa: ARG005
    """Return a decoder of values whose data is a command line. `more` adds fields; None where the value is no command."""

    def decode(at: At, value: Value) -> Made:
        added = more(at, value)
        return None if added is None else (at.command(value.text or value.disguised) if value.number is None else {}) | dict(added)

    return decode


def registry_artefact(
    *,
    name: str,
    title: str,
    about: str,
    proves_not: str,
    keys: tuple[str, ...],
    read: KeyReading,
    action: str,
    message: str,
    sources: tuple[str, ...],
    fields: tuple[str, ...] = (),
    times: Mapping[str, str] | None = None,
    files: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    kind: str = "state",
    category: tuple[str, ...] = ("registry",),
    type: tuple[str, ...] = ("info",),  # noqa: A002  (the name in the declaration)
    attack: tuple[str, ...] = (),
    confidence: str = "inferred",
    version: int = 1,
) -> tuple[Artefact, Parser, Expected]:
    """Return the declaration, `parse` and `expected` of an artefact. `files` are those of another kind of hive (Amcache, BCD)."""
    artefact = Artefact(
        name=name,
        title=title,
        about=about,
        proves_not=proves_not,
        holds=Keys(*keys, files=files),
        targets=targets or _targets(keys),
        needs=tuple(dict.fromkeys((*(() if files else ("profiles", "users")), *needs))),
        fields=tuple(dict.fromkeys((*read.base, *(_CONTROL_SET if _in_control_set(keys) else ()), *fields))),
        times=_TIMES | dict(times or {}),
        kind=kind,
        category=category,
        type=type,
        action=action,
        attack=attack,
        message=message,
        confidence=confidence,
        version=version,
        sources=(_REGF, *sources),
    )
    return artefact, read.parse, read.expected


_TIMES = fields.TIMES
(_REGF,) = fields.SOURCES


def _in_control_set(keys: tuple[str, ...]) -> bool:
    return any(key.casefold().startswith("system\\currentcontrolset\\") for key in keys)


def _targets(keys: tuple[str, ...]) -> tuple[str, ...]:
    tops = [key.partition("\\")[0].casefold() for key in keys]
    return tuple(dict.fromkeys(target for top in tops for target in _TARGETS.get(top, ("WR03", "WR04"))))
