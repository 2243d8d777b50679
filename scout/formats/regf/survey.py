"""The cells of a hive in the order of the file, without the tree: what is allocated, what is free, and what the headers promise.

Source: "Windows registry file format specification", M. Suhanov, sections "Hive bin", "Cell" and "Key node".
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from struct import Struct

from scout.formats.regf.cells import HiveCells
from scout.formats.regf.data import BASE_BLOCK

PAGE = 4096
_CELL = Struct("<i2sH")
_BIN = Struct("<4sII")
_COUNTS = Struct("<IIII")  # subkeys, volatile subkeys, list of subkeys, list of volatile subkeys
_VALUES = Struct("<I")
_LEAST_KEY, _LEAST_VALUE = 80, 24
"""bytes of the smallest cells of a key and of a value, with the size in front"""


class Survey:
    """The cells of one hive, in the order of the file. Offsets are those of the hive bins data.

    cells      offsets of all cells, sorted
    keys       offsets of allocated cells that are keys
    values     offsets of allocated cells that are values
    free       (start, end) of free cells that could hold a deleted cell
    promised   number of records that the cells promise: one for each value, and one for each key without values. A key states how many
               values and subkeys it has, so that what a damaged bin held is promised, too
    torn       (start, end, reason) where a bin or a cell is not what it should be: the rest of the bin is not divided into cells
    """

    def __init__(self, hive: HiveCells) -> None:
        self._hive = hive
        self.cells, self.keys, self.values = array("I"), array("I"), array("I")
        self.free: list[tuple[int, int]] = []
        self.empty = 0
        self.torn: list[tuple[int, int, str]] = []
        self._subkeys = self._stated = 0
        self.end = min(hive.end - BASE_BLOCK, hive.size)
        """where the part of the file ends that the base block counts as hive"""
        self._bins()
        missing = max(0, 1 + self._subkeys - len(self.keys)) if self.keys else 0
        self.promised = max(len(self.values), self._stated) + self.empty + missing

    def around(self, offset: int) -> tuple[int, int]:
        """Return offset and size of the cell around `offset`; the size is negative for an allocated cell. (-1, 0) where there is none."""
        at = bisect_right(self.cells, offset) - 1
        if at < 0:
            return -1, 0
        start = self.cells[at]
        (size,) = Struct("<i").unpack_from(self._hive.data, BASE_BLOCK + start)
        return (start, size) if offset < start + abs(size) else (-1, 0)

    def _bins(self) -> None:
        data, at, stop = self._hive.data, BASE_BLOCK, BASE_BLOCK + self.end
        while at + 32 <= stop:
            signature, offset, size = _BIN.unpack_from(data, at)
            good = signature == b"hbin" and offset == at - BASE_BLOCK and size >= PAGE and not size % PAGE
            if not good or at + size > stop:
                size = self._next(at, stop) - at
            if not good:
                self.torn.append((at - BASE_BLOCK, at - BASE_BLOCK + size, "no hive bin where one should be"))
            self._cells(at + 32, min(at + size, stop))
            at += size

    def _next(self, at: int, stop: int) -> int:
        """Return where the next bin begins."""
        data, found = self._hive.data, at
        while (found := data.find(b"hbin", found + 4, stop)) >= 0:
            if not (found - BASE_BLOCK) % PAGE and _BIN.unpack_from(data, found)[1] == found - BASE_BLOCK if found + 12 <= stop else False:
                return found
        return stop

    def _cells(self, at: int, stop: int) -> None:
        data, unpack, add, keys, values_at = self._hive.data, _CELL.unpack_from, self.cells.append, self.keys, self.values.append
        most = len(data) // _LEAST_VALUE
        last = stop - 8
        while at <= last:
            size, signature, flags = unpack(data, at)
            length = -size if size < 0 else size
            if length < 8 or length & 7 or at + length > stop:
                if any(data[at:stop]):
                    self.torn.append(
                        (at - BASE_BLOCK, stop - BASE_BLOCK, f"a cell of {length:,} bytes: the rest of the bin was not divided into cells")
                    )
                return
            offset = at - BASE_BLOCK
            add(offset)
            if size < 0:
                if signature == b"vk" and length >= _LEAST_VALUE:
                    values_at(offset)
                elif signature == b"nk" and length >= _LEAST_KEY:
                    keys.append(offset)
                    subkeys = _COUNTS.unpack_from(data, at + 24)[0]
                    values = 0 if flags & 0x40 else _VALUES.unpack_from(data, at + 40)[0]
                    self._subkeys += subkeys if subkeys <= most else 0
                    if not values:
                        self.empty += 1
                    elif values <= most:
                        self._stated += values
            elif length > _LEAST_VALUE:
                self.free.append((at, at + length))
            at += length
