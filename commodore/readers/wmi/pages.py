"""Pages of a repository's files, and the records of the object store."""

from __future__ import annotations

import struct
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import BinaryIO, NamedTuple

PAGE = 8192
LARGEST_RECORD = 16 << 20
"""bytes of a record; WMI refuses larger objects"""
_SLOT = struct.Struct("<4I")
_KEPT = 512
"""pages that stay in memory, 4 MiB"""
_TABLES = 64
"""tables of pages that stay in memory"""
_OVERLAP = 2 * PAGE
"""bytes of all records of a page beyond which its table is not read further: records do not overlap"""


class WmiFormatError(ValueError):
    """A part of a repository that is not as the format says."""


class Slot(NamedTuple):
    """One entry of the table at the beginning of a page of objects. `at`: offset in the page; `checksum`: 0 in Windows 10, not tested."""

    id: int
    at: int
    size: int
    checksum: int


class PagedFile:
    """A file of pages, with those that were read last."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self.count = stream, size // PAGE
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def page(self, number: int) -> bytes:
        """Return a physical page. Raises WmiFormatError where the file ends before its end."""
        if (kept := self._kept.get(number)) is not None:
            self._kept.move_to_end(number)
            return kept
        if number >= self.count:
            raise WmiFormatError(f"page {number} is behind the end of the file, which has {self.count}")
        self._stream.seek(number * PAGE)
        data = self._stream.read(PAGE)
        if len(data) != PAGE:
            raise WmiFormatError(f"page {number} is cut")
        self._kept[number] = data
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return data


class ObjectStore:
    """The records of `OBJECTS.DATA`. `pages`: logical page → physical page."""

    def __init__(self, file: PagedFile, pages: array[int]) -> None:
        self.file, self.pages = file, pages
        self._tables = lru_cache(maxsize=_TABLES)(partial(_table, file))
        self.left = 8 * file.count * PAGE + (64 << 20)
        """bytes of records that may still be read: an index may name one record many times"""

    def physical(self, logical: int) -> int:
        """Return the physical page. Raises WmiFormatError for a page that the mapping file does not have."""
        if logical >= len(self.pages) or self.pages[logical] >= self.file.count:
            raise WmiFormatError(f"logical page {logical} is not in the mapping file")
        return self.pages[logical]

    def record(self, logical: int, number: int, size: int) -> tuple[bytes, int]:
        """Return a record that the index names, and the offset in the file at which it begins. Raises WmiFormatError."""
        physical = self.physical(logical)
        page = self.file.page(physical)
        slot = self._tables(physical).get(number)
        if slot is None:
            raise WmiFormatError(f"page {logical} has no record {number}")
        if slot.size != size:
            raise WmiFormatError(f"record {number} of page {logical} has {slot.size} bytes, {size} in the index")
        return self.content(page, slot, logical), physical * PAGE + slot.at

    def content(self, page: bytes, slot: Slot, logical: int) -> bytes:
        """Return the bytes of a record; one longer than its page goes on in the logical pages behind it."""
        self.left -= slot.size
        if slot.size > LARGEST_RECORD or self.left < 0:
            raise WmiFormatError(f"record {slot.id} of page {logical} was not read: it, or all records together, are larger than possible")
        parts, missing = [page[slot.at : slot.at + slot.size]], slot.size - min(slot.size, PAGE - slot.at)
        while missing > 0:
            logical += 1
            parts.append(self.file.page(self.physical(logical))[:missing])
            missing -= PAGE
        return b"".join(parts)


def _table(file: PagedFile, physical: int) -> dict[int, Slot]:
    found: dict[int, Slot] = {}
    for slot in slots(file.page(physical)):
        found.setdefault(slot.id, slot)
    return found


def slots(page: bytes) -> Iterator[Slot]:
    """Yield the entries of a page's table, up to the empty one. A page in the middle of a long record has none: what is there looks like
    entries, and ends at the first that is impossible.
    """
    room = _OVERLAP
    for at in range(0, PAGE - _SLOT.size, _SLOT.size):
        slot = Slot(*_SLOT.unpack_from(page, at))
        if not (slot.id or slot.at or slot.size) or not at < slot.at < PAGE or slot.size == 0:
            return
        room -= min(slot.size, PAGE - slot.at)
        if room < 0:
            return
        yield slot
