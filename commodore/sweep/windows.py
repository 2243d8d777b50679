"""Tables of eight-byte windows: which of many texts may be at a place, answered for thousands of places at once."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = Any
"""a numpy array: its element types are stated where it is made"""
FOLD = np.uint64(0x2020202020202020)
"""bits that letters of both cases have in common once they are set; other characters may collide, so that each match is verified"""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FEWEST, _MOST = 12, 25
"""bits of the smallest and of the largest table: 4 KiB to 32 MiB"""
_TOGETHER = 64
"""places whose texts are compared together"""
PAD = 48
"""zero bytes that the searched bytes have on both sides, so that each place has neighbours"""


_ZEROS = bytes(4096)
"""blocks of zeros are left out of what is searched: a third of hives, event logs and databases is such"""


class Joined:
    """Units side by side, `PAD` zero bytes around each and in place of its blocks of zeros; a place leads back to unit and offset."""

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview] = []
        self._starts: list[int] = []
        self._origins: list[tuple[int, int]] = []
        """(number of the unit, what is added to a place to get the offset in it) of the places from each start"""
        self._units, self._at = 0, 0

    def add(self, unit: bytes, before: bytes, after: bytes) -> None:
        """Add a unit with what surrounds it."""
        self._gap()
        self._add(before, -len(before))
        low, block, view = 0, len(_ZEROS), memoryview(unit)
        for at in range(0, len(unit) - block + 1, block):
            if unit.startswith(_ZEROS, at):
                if low < at:
                    self._add(view[low:at], low)
                if low <= at:
                    self._gap()
                low = at + block
        self._add(view[low:], low)
        self._add(after, len(unit))
        self._units += 1

    def _gap(self) -> None:
        self._parts.append(bytes(PAD))
        self._at += PAD

    def _add(self, part: bytes | memoryview, offset: int) -> None:
        if len(part):
            self._starts.append(self._at)
            self._origins.append((self._units, offset - self._at))
            self._parts.append(part)
            self._at += len(part)

    def bytes(self) -> bytes:
        """Return all of them."""
        return b"".join((*self._parts, bytes(PAD)))

    def origin(self, place: int) -> tuple[int, int]:
        """Return the number of the unit that has a place, and what is added to the place to get the offset in the unit."""
        return self._origins[bisect_right(self._starts, place) - 1]


_BESIDE = np.uint64(0xFF00FF)
"""of the word that begins one byte before a place: the bytes on both sides of the place"""


class Searched:
    """Bytes that are searched, as arrays: `raw` has the padding, `words[i]` is the eight bytes from i, little-endian."""

    __slots__ = ("_places", "bytes", "raw", "words")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.bytes: Array = np.frombuffer(raw, dtype=np.uint8)
        self.words: Array = np.ndarray((len(raw) - 7,), dtype="<u8", buffer=raw, strides=(1,))
        self._places: dict[int, tuple[Array, Array]] = {}

    def places(self, byte: int) -> tuple[Array, Array]:
        """Return all places of a byte, and those of them between two zero bytes, as a character of UTF-16 is between ASCII ones."""
        if byte not in self._places:
            at = np.flatnonzero(self.bytes == byte)
            self._places[byte] = at, at[(self.words[at - 1] & _BESIDE) == 0]
        return self._places[byte]

    def narrow(self, at: Array) -> Array:
        """Return the eight bytes from each place."""
        return self.words[at]

    def wide(self, at: Array) -> Array:
        """Return the low bytes of the eight UTF-16 units from each place; that of a unit is at the place, in either byte order."""
        return _low(self.words[at]) | (_low(self.words[at + 8]) << np.uint64(32))


def _low(words: Array) -> Array:
    out = words & np.uint64(0x00FF00FF00FF00FF)
    out = (out | (out >> np.uint64(8))) & np.uint64(0x0000FFFF0000FFFF)
    return (out | (out >> np.uint64(16))) & np.uint64(0xFFFFFFFF)


class WindowTable:
    """Windows, each with the texts that have it: of each text its number, the eight bytes beside the window, and how many of them it has.

    keep    bits of the window that are compared
    """

    def __init__(self, rows: array[int], keep: int) -> None:
        """Take rows of four: window, number, the bytes beside it, and a mask of those of them that the text has."""
        self._keep = np.uint64(keep)
        columns = np.frombuffer(rows, dtype=np.uint64).reshape(-1, 4)
        made = (columns[:, 0] | FOLD) & self._keep
        order = np.argsort(made, kind="stable")
        self._numbers: Array = columns[order, 1].astype(np.int32)
        self._mask: Array = columns[order, 3]
        self._beside: Array = (columns[order, 2] | FOLD) & self._mask
        self._windows, starts = np.unique(made[order], return_index=True)
        self._starts: Array = np.append(starts, len(columns)).astype(np.int64)
        bits = min(max(len(self._windows).bit_length() + 4, _FEWEST), _MOST)
        self._shift = np.uint64(64 - bits)
        self._seen: Array = np.zeros(1 << bits, dtype=np.bool_)
        self._seen[self._slots(self._windows)] = True

    def _slots(self, windows: Array) -> Array:
        return ((windows * _FACTOR) >> self._shift).view(np.int64)

    def matches(self, at: Array, windows: Array, beside: Callable[[Array], Array]) -> Iterator[tuple[int, int]]:
        """Yield (place, number of a text) where a text may be. `beside`: places → the eight bytes beside the window of each."""
        folded = (windows | FOLD) & self._keep
        maybe = np.flatnonzero(self._seen[self._slots(folded)])
        if not len(maybe):
            return
        folded, at = folded[maybe], at[maybe]
        found = np.searchsorted(self._windows, folded)
        found[found == len(self._windows)] = 0
        same = np.flatnonzero(self._windows[found] == folded)
        if not len(same):
            return
        found, at = found[same], at[same]
        counts = self._starts[found + 1] - self._starts[found]
        near = beside(at) | FOLD
        for low in range(0, len(at), _TOGETHER):  # bounded: a window may be that of a million texts
            part = slice(low, low + _TOGETHER)
            count, total = counts[part], int(counts[part].sum())
            rows = np.repeat(self._starts[found[part]] - (np.cumsum(count) - count), count) + np.arange(total)
            places, words = np.repeat(at[part], count), np.repeat(near[part], count)
            hits = np.flatnonzero((words & self._mask[rows]) == self._beside[rows])
            yield from zip(places[hits].tolist(), self._numbers[rows[hits]].tolist(), strict=True)
