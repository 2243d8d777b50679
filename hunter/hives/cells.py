"""The cells of a hive that is changed in memory: allocate, free, and write, with a record of every byte that was written.

A hive is bins of 4 KiB and their multiples; a bin is a header of 32 bytes and cells without a gap, each with its size in front (negative:
in use). A cell that is freed keeps its bytes, as Windows leaves them. A new cell takes the place that it had before, where that is free,
else the smallest free cell that holds it, else a new bin at the end.
Source: "Windows registry file format specification", M. Suhanov, "Base block", "Hive bin" and "Cell".
"""

from __future__ import annotations

from bisect import bisect_right
from struct import pack, pack_into, unpack_from

from hunter.unsafe import UnsafeError
from scout.formats.regf.data import BASE_BLOCK
from scout.formats.regf.keys import NOWHERE
from scout.formats.regf.log import MAX_HIVE, checksum

_BIN = 4096
_SLACK = 4096
"""a cell that comes back to its place keeps up to so many bytes more than it needs, as it may have had them"""
_HEADER = 32


class CellSpace:
    """The bytes of a clean hive. Offsets count from the first bin. UnsafeError where the cells do not tile the bins."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.written: list[tuple[int, int]] = []
        """(begin, end) of the file's bytes that were written"""
        self._free: dict[int, int] = {}
        """offset → size of each free cell"""
        self._bins: list[int] = []
        (self.size,) = unpack_from("<I", self.data, 40)
        (self.minor,) = unpack_from("<I", self.data, 24)
        if BASE_BLOCK + self.size > len(self.data) or self.size % _BIN:
            raise UnsafeError("the hive is shorter than its base block says")
        self._walk()

    def copy(self) -> CellSpace:
        """Return the same cells, with nothing written yet."""
        other = object.__new__(CellSpace)
        other.data, other.written, other._free, other._bins = bytearray(self.data), [], dict(self._free), list(self._bins)
        other.size, other.minor = self.size, self.minor
        return other

    def _walk(self) -> None:
        at = 0
        while at < self.size:
            signature, offset, size = unpack_from("<4sII", self.data, BASE_BLOCK + at)
            if signature != b"hbin" or offset != at or size < _BIN or size % _BIN or at + size > self.size:
                raise UnsafeError(f"the bin at offset {at:#x} of the hive is damaged")
            self._bins.append(at)
            cell, end = at + _HEADER, at + size
            while cell < end:
                (length,) = unpack_from("<i", self.data, BASE_BLOCK + cell)
                if not length or abs(length) % 8 or cell + abs(length) > end:
                    raise UnsafeError(f"the cell at offset {cell:#x} of the hive is damaged")
                if length > 0:
                    self._free[cell] = length
                cell += abs(length)
            at = end

    def begins(self, offset: int) -> bool:
        """Return whether a cell begins at an offset: what looks like one may be the content of another."""
        cell = self._bins[bisect_right(self._bins, offset) - 1] + _HEADER
        while cell < offset:
            cell += abs(unpack_from("<i", self.data, BASE_BLOCK + cell)[0])
        return cell == offset

    def cell(self, offset: int, least: int = 0) -> int:
        """Return the place of a used cell's content in the file. UnsafeError where there is none of at least this size."""
        place = BASE_BLOCK + offset
        if offset % 8 or offset < _HEADER or offset + 4 > self.size:
            raise UnsafeError(f"the hive refers to {offset:#x}, which is no cell")
        (length,) = unpack_from("<i", self.data, place)
        if length >= 0 or -length - 4 < least or offset - length > self.size:
            raise UnsafeError(f"the hive refers to {offset:#x}, which is no cell in use")
        return place + 4

    def room(self, offset: int) -> int:
        """Return the bytes that a used cell holds."""
        length: int = unpack_from("<i", self.data, self.cell(offset) - 4)[0]
        return -length - 4

    def content(self, offset: int, size: int) -> bytes:
        """Return the first `size` bytes of a used cell."""
        at = self.cell(offset, size)
        return bytes(self.data[at : at + size])

    def keys_with(self, field: int, value: int) -> int:
        """Return how many keys in use, in the tree or not, have this value of 32 bits at this place of their cells."""
        wanted, found, at = pack("<I", value), 0, BASE_BLOCK
        while (at := self.data.find(b"nk", at + 1)) > 0:
            if self.data[at + field : at + field + 4] == wanted and unpack_from("<i", self.data, at - 4)[0] < 0:
                found += 1
        return found

    def write(self, place: int, data: bytes) -> None:
        """Write at a place of the file."""
        self.data[place : place + len(data)] = data
        self.written.append((place, place + len(data)))

    def number(self, place: int, value: int, form: str = "<I") -> None:
        """Write a number at a place of the file."""
        self.write(place, pack(form, value))

    def free(self, offset: int) -> None:
        """Free a cell; its bytes stay."""
        if not self.begins(offset):
            raise UnsafeError(f"the hive refers to {offset:#x}, where no cell begins")
        room = self.room(offset)
        self.number(BASE_BLOCK + offset, room + 4, "<i")
        self._free[offset] = room + 4

    def allocate(self, data: bytes, hint: int = NOWHERE, *, spared: tuple[int, int] = (0, 0)) -> int:
        """Put a new cell with this content, at `hint` where a free cell is there that holds it; return its offset.

        `spared`: (begin, end) of bytes without meaning, which stay what they were where the cell comes back to its place.
        """
        size = -(-(len(data) + 4) // 8) * 8
        there = self._free.get(hint, 0) - size
        if there < 0:
            fitting = [(length, at) for at, length in self._free.items() if length >= size]
            hint = min(fitting)[1] if fitting else self._grow(size)
        length = self._free.pop(hint)
        if length - size >= 8 and not 0 <= there < _SLACK:
            self.number(BASE_BLOCK + hint + size, length - size, "<i")
            self._free[hint + size] = length - size
        else:
            size = length
        self.number(BASE_BLOCK + hint, -size, "<i")
        begin, end = (BASE_BLOCK + hint + 4 + at for at in spared)
        if there >= 0:
            data = data[: spared[0]] + bytes(self.data[begin:end]) + data[spared[1] :]
        self.write(BASE_BLOCK + hint + 4, data)
        return hint

    def _grow(self, size: int) -> int:
        """Add a bin at the end; return its one free cell."""
        added = -(-(size + _HEADER) // _BIN) * _BIN
        if self.size + added > MAX_HIVE:
            raise UnsafeError("the hive cannot grow any more")
        at: int = self.size
        self.data[BASE_BLOCK + at : BASE_BLOCK + at + added] = bytes(added)  # what follows the last bin is no part of the hive
        self._bins.append(at)
        self.write(BASE_BLOCK + at, pack("<4sIIQQI", b"hbin", at, added, 0, 0, 0))
        self.number(BASE_BLOCK + at + _HEADER, added - _HEADER, "<i")
        self.size += added
        self._free[at + _HEADER] = added - _HEADER
        return at + _HEADER

    def seal(self, sequence: int, ticks: int) -> bytes:
        """Write the base block of a clean hive and return the file: sequence numbers, time (100 ns since 1601), size, checksum."""
        pack_into("<IIQ", self.data, 4, sequence, sequence, ticks)
        pack_into("<I", self.data, 40, self.size)
        pack_into("<I", self.data, 508, checksum(self.data))
        self.written.append((0, 512))
        return bytes(self.data)
