"""Binary values of the registry, one at a time within its hive: a change anywhere in a hive seldom reaches what a value means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from commodore import catalogue
from scout.formats.regf.hive import Hive
from tests.commodore.damage import inputs
from tests.mutants.families.artefacts import _reader
from tests.mutants.family import Family, Read

SHORTEST = 8
"""bytes of a value; shorter ones are numbers"""
HEADER, LARGEST = 4096, 1 << 18
"""bytes of the base block, whose 32-bit number at 28 is 0 in a hive and not in a log; bytes of a hive that is read often"""


def families(folder: Path) -> Iterator[Family]:
    """Yield the family: (name of the value, its bytes), and the hive that it is in."""
    known = catalogue.artefacts()
    readers = tuple(name for name, one in known.items() if one.artefact.holds is not None and one.artefact.holds.container == "registry")
    hives = sorted({(path, data) for name in readers for path, data in inputs(name) if 0 < len(data) <= LARGEST})
    places = {f"{n} {path}@{at:#x}": (n, at, size) for n, (path, data) in enumerate(hives) for at, size in _values(data)}
    values = [(name, hives[n][1][at : at + size]) for name, (n, at, size) in places.items()]
    yield Family("registry_values", values, lambda _: _opened(hives, places, readers))


def _values(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (offset in the hive, size) of each value that is not a number or a name."""
    for key in Hive.open(data).walk() if len(data) > HEADER and data[:4] == b"regf" and data[28:32] == bytes(4) else ():
        for value in key.values():
            raw = value.raw
            at = data.find(raw) if len(raw) >= SHORTEST else -1
            if at >= 0:
                yield at, len(raw)


def _opened(hives: list[tuple[str, bytes]], places: dict[str, tuple[int, int, int]], readers: tuple[str, ...]) -> Read:
    read_hive = _reader(readers)

    def read(name: str, data: bytes) -> Counter[str]:
        number, at, size = places[name]
        path, hive = hives[number]
        return read_hive(path, hive[:at] + data[:size].ljust(size, b"\0") + hive[at + size :])

    return read
