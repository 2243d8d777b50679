"""Tables of eight-byte windows: which of many texts may be at a place, answered for thousands of places at once."""

from __future__ import annotations

from array import array
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


def padded(parts: list[bytes]) -> bytes:
    """Return the parts as one text with `PAD` zero bytes on both sides."""
    zeros = bytes(PAD)
    return b"".join((zeros, *parts, zeros))


class Searched:
    """Bytes that are searched, as arrays: `raw` has the padding, `words[i]` is the eight bytes from i, little-endian."""

    __slots__ = ("bytes", "raw", "words")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.bytes: Array = np.frombuffer(raw, dtype=np.uint8)
        self.words: Array = np.ndarray((len(raw) - 7,), dtype="<u8", buffer=raw, strides=(1,))

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
