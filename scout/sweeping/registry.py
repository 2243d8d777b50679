r"""Indicators in the registry of the examined host: keys, and values named as the last part of a path.

The hives are opened as files, with their logs replayed: those of the system and of every profile. On a running Windows the system's own
registry is asked by Windows' calls, and the profiles' hives are read as files too: that of a user who is not logged on is nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scout.collecting import identity
from scout.collecting.examined import ExaminedHost
from scout.formats.indicators import Indicator
from scout.formats.regf import BadHive, Hive, Key
from scout.formats.regf.data import filetime
from scout.formats.regf.patterns import FoundKey, KeyPatterns
from scout.formats.regf.views import HiveViews
from scout.sources.source import EvidenceSource, Parts, contents, find
from scout.sweeping.wanted import SweepWanted, WantedKey, described

Line = dict[str, Any]
_SYSTEM = ("SOFTWARE", "SYSTEM", "DEFAULT")
_USER = (("NTUSER.DAT",), ("AppData", "Local", "Microsoft", "Windows", "UsrClass.dat"))
_LOGS = (".LOG1", ".LOG2", ".LOG")
_CONTROL, _CLASSES = "System\\CurrentControlSet", "Software\\Classes"
_SHOWN = 300
"""characters of a value's data that a line has"""


class WantedKeys:
    r"""The keys that indicators name, as normalised paths (`scout/formats/regf/views.py`).

    `\services\evil` is what is left of `HKLM\SYSTEM\CurrentControlSet\Services\evil`, `\clsid\{…}` of `HKCR\CLSID\{…}`.
    """

    def __init__(self, indicators: Iterable[Indicator]) -> None:
        self.by_path: dict[str, list[WantedKey]] = {}
        for one in indicators:
            named = one.value.strip("\\")
            top = named.partition("\\")[0]
            for path in (named,) if top in ("software", "system") else (named, f"{_CONTROL}\\{named}", f"{_CLASSES}\\{named}"):
                above, _, last = path.rpartition("\\")
                self.by_path.setdefault(path, []).append(WantedKey(one, ""))
                if above:
                    self.by_path.setdefault(above, []).append(WantedKey(one, last))
        self.patterns = KeyPatterns(self.by_path)


def keys(host: ExaminedHost, wanted: SweepWanted, step: Callable[[Parts], None]) -> Iterator[Line]:
    """Yield the keys and values that are wanted, and the hives that could not be searched."""
    asked = WantedKeys(wanted.keys)
    if host.live:
        from scout.sweeping import running_registry

        yield from running_registry.keys(asked.by_path)
    else:
        folder = (identity.variables(host.system)["SystemRoot"], "System32", "config")
        for name in _SYSTEM:
            yield from _of_hive(host, host.system, (*folder, name), asked)
            step(())
    for source in host.sources:
        gaps: identity.Gaps = {}
        for profile in identity.profiles(source, gaps) if source is host.system else identity.profiles_on(source, host.system):
            for parts in _USER:
                yield from _of_hive(host, source, (*profile.split("/"), *parts), asked)
                step(())
        for path, why in gaps.items():
            yield {"not_searched": path, "why": why}


def _of_hive(host: ExaminedHost, source: EvidenceSource, parts: Parts, asked: WantedKeys) -> Iterator[Line]:
    """Yield what one hive has. A hive that does not exist gives nothing."""
    place = host.timed.call(find, source, *parts)
    if place is None:
        return
    native = source.native(place)
    try:
        data, cut = host.timed.call(contents, source, place, identity.MAX_HIVE)
        if cut:
            yield {"not_searched": native, "why": f"larger than {identity.MAX_HIVE:,} bytes"}
            return
        hive = Hive.open(data, list(_logs(host, source, parts)))
    except (OSError, BadHive) as e:
        yield {"not_searched": native, "why": f"the hive cannot be read: {getattr(e, 'strerror', None) or e}"}
        return
    views = HiveViews(hive, classes=place[-1].lower() == "usrclass.dat")
    places: dict[tuple[int, WantedKey], FoundKey] = {}
    for pattern, found in asked.patterns.search(views).items():
        for one in found:
            for said in asked.by_path[pattern]:
                other = places.get((one.key.offset, said))
                if other is None or len(other.path) < len(one.path):  # `CLSID` of UsrClass.dat is also below `Software\Classes`
                    places[one.key.offset, said] = one
    for (_, said), one in places.items():
        yield from _hit(native, one.path, one.key, said)
    if hive.refused:
        yield {"not_searched": native, "why": f"a log of the hive was refused: {hive.refused[0]}"}


def _logs(host: ExaminedHost, source: EvidenceSource, parts: Parts) -> Iterator[bytes]:
    for end in _LOGS:
        if place := host.timed.call(find, source, *parts[:-1], parts[-1] + end):
            yield host.timed.call(contents, source, place, identity.MAX_HIVE)[0]


def _hit(native: str, path: str, key: Key, said: WantedKey) -> Iterator[Line]:
    written = filetime(key.written) or "at no time"
    if not said.value:
        yield {"path": native, "place": "registry", **described(said.indicator, path), "around": f"key {path}, written {written}"}
    elif value := key.value(said.value):
        data = ", ".join(value.strings) or value.raw[:64].hex(" ")
        around = f"value of {path}, written {written}: {data[:_SHOWN]}"
        yield {"path": native, "place": "registry", **described(said.indicator, f"{path}\\{value.name}"), "around": around}
