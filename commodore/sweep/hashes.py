"""Find hashes in bytes: runs of 32, 40 or 64 hexadecimal digits, in ASCII and UTF-16, compared by their first sixteen digits."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from commodore.sweep.windows import PAD, Array, Searched, WindowTable

_HEX = np.zeros(256, dtype=np.bool_)
_HEX[list(b"0123456789abcdefABCDEF")] = True
_STEP = 16
"""every run of 32 digits has two places that are multiples of it"""
_SIGN = np.uint64(0x1010101010101010)
"""of a digit, bit 4 is set and bit 6 is not; of a letter from A to O, the other way round: a first test of eight bytes at once"""
_EVEN = np.uint64(0x00FF00FF00FF00FF)
_TWO, _EIGHT = np.uint64(2), np.uint64(8)


class Hashes:
    """Many hashes: (number, the digits in lower case)."""

    def __init__(self, texts: Iterable[tuple[int, bytes]]) -> None:
        every = (1 << 64) - 1
        rows = array("Q")
        for n, text in texts:
            rows.extend((int.from_bytes(text[:8], "little"), n, int.from_bytes(text[8:16], "little"), every))
        self._table = WindowTable(rows, every)

    def places(self, searched: Searched) -> Iterator[tuple[int, int, bool]]:
        """Yield (first place, number, whether in UTF-16) where a hash may be."""
        words = np.frombuffer(searched.raw, dtype="<u8", count=len(searched.raw) // 8)[PAD // 8 : -(PAD // 8) : 2]
        sign = ((words >> _TWO) ^ words) & _SIGN
        yield from self._of_runs(searched, _digits(searched, _signed(searched, _at(sign == _SIGN), _SIGN), range(8)), 1)
        sparse = _SIGN & _EVEN
        for shift in (0, 1):
            of_units = (sign & (_EVEN << _EIGHT if shift else _EVEN)) == (sparse << _EIGHT if shift else sparse)
            at = _signed(searched, _at(of_units), sparse << _EIGHT if shift else sparse)
            if len(at):
                at = at[(searched.words[at] & (_EVEN if shift else _EVEN << _EIGHT)) == 0] + shift
                yield from self._of_runs(searched, _digits(searched, at, range(0, 8, 2)), 2)

    def _of_runs(self, searched: Searched, at: Array, width: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the runs that some of the places are in; each run once, by the first of its places."""
        if not len(at):
            return
        most = _STEP // width
        before = _HEX[searched.bytes[at[:, None] - width * np.arange(1, most + 1)]]
        length = np.where(before.all(axis=1), most, before.argmin(axis=1))
        first = length < most
        start = (at - width * length)[first]
        words = searched.narrow if width == 1 else searched.wide
        found = self._table.matches(start, words(start), lambda places: words(places + 8 * width))
        yield from ((place, number, width == 2) for place, number in found)


def _at(chosen: Array) -> Array:
    return np.flatnonzero(chosen) * _STEP + PAD


def _signed(searched: Searched, at: Array, sign: Array) -> Array:
    """Return those of the places whose next eight bytes may be digits too."""
    words = searched.words[at + 8]
    return at[(((words >> _TWO) ^ words) & sign) == sign]


def _digits(searched: Searched, at: Array, offsets: range) -> Array:
    """Return those of the places that have a hexadecimal digit at each offset."""
    for offset in offsets:
        at = at[_HEX[searched.bytes[at + offset]]]
    return at
