"""Mapping files: which page of a file has which logical number."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from commodore.readers.wmi.pages import WmiFormatError

LARGEST = 64 << 20
"""bytes of a mapping file that are read: maps 2,800,000 pages, a repository of 22 GB"""
_BEGIN, _END = 0xABCD, 0xDCBA
_HEAD = struct.Struct("<6I")
"""signature, version, revision, revision before, physical pages, entries"""
_ENTRY = struct.Struct("<6I")
"""physical page, checksum, free bytes, used bytes, two revisions. The `used bytes` of the first entry of the index: its root page"""


class MapPart(NamedTuple):
    """One of the two parts of a mapping file: objects, then index. `pages`: logical page → physical page."""

    pages: array[int]
    version: int
    revision: int
    root: int


@dataclass(frozen=True, slots=True)
class PageMap:
    """A whole mapping file."""

    objects: MapPart
    index: MapPart

    @property
    def age(self) -> tuple[int, int]:
        """Return what orders mapping files: the higher, the newer."""
        return self.objects.version, self.objects.revision


def read_map(data: bytes) -> PageMap:
    """Return a mapping file. Raises WmiFormatError for one that is cut, or of Windows XP and 2003, whose entries are shorter."""
    objects, after = _part(data, 0, "objects")
    index, _ = _part(data, after, "index")
    return PageMap(objects, index)


def newest(maps: Iterable[tuple[str, PageMap]]) -> tuple[str, PageMap] | None:
    """Return the (name, map) that WMI wrote last; None without any."""
    return max(maps, key=lambda named: (named[1].age, named[0]), default=None)


def _part(data: bytes, at: int, what: str) -> tuple[MapPart, int]:
    if len(data) < at + _HEAD.size:
        raise WmiFormatError(f"the map of {what} is missing or cut")
    signature, version, revision, _, _, entries = _HEAD.unpack_from(data, at)
    if signature != _BEGIN:
        raise WmiFormatError(f"the map of {what} has the signature 0x{signature:x}, not 0x{_BEGIN:x}")
    end = at + _HEAD.size + entries * _ENTRY.size
    if len(data) < end + 4:
        raise WmiFormatError(f"the map of {what} has {entries} entries, and the file ends before them: cut, or of Windows XP or 2003")
    pages, root = array("I"), 0
    for number, entry in enumerate(_ENTRY.iter_unpack(data[at + _HEAD.size : end])):
        pages.append(entry[0])
        root = entry[3] if number == 0 else root
    (free,) = struct.unpack_from("<I", data, end)
    end += 4 + 4 * free
    if len(data) < end + 4 or struct.unpack_from("<I", data, end)[0] != _END:
        raise WmiFormatError(f"the map of {what} has no end: it was being written, or is of Windows XP or 2003")
    return MapPart(pages, version, revision, root), end + 4
