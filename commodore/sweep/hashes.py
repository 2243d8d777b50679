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
"""of a digit, bit 4 is set and bit 6 is not; of a letter from A to O, the other way round: a test of eight bytes at once"""
_EVEN = np.uint64(0x00FF00FF00FF00FF)
_ZERO, _TEN, _LOWER, _A, _SIX = (np.uint8(n) for n in (48, 10, 32, 97, 6))
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
        at = _candidates(searched)
        aligned = np.frombuffer(searched.raw, dtype="<u8", count=len(searched.raw) // 8)
        number = at >> 3
        words = [aligned[number], aligned[number + 1]]
        sign = _sign(words)
        yield from self._of_runs(searched, _digits(searched, at[sign == _SIGN], 1), 1)
        for shift, mask in ((0, _EVEN), (1, _EVEN << _EIGHT)):
            chosen = at[((sign & mask) == (_SIGN & mask)) & (((words[0] | words[1]) & ~mask) == 0)]
            further = _sign([aligned[(chosen >> 3) + more] for more in range(2, 6)])
            yield from self._of_runs(searched, _digits(searched, chosen[(further & mask) == (_SIGN & mask)] + shift, 2), 2)

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


def _candidates(searched: Searched) -> Array:
    """Return the places, multiples of the step, that have a digit there and eight bytes on, or one byte behind both."""
    count = (len(searched.raw) - 2 * PAD) // _STEP + 1
    pairs = [np.ndarray((count,), dtype="<u2", buffer=searched.raw, offset=PAD + more, strides=(_STEP,)).copy() for more in (0, 8)]
    digits = _likely(pairs[0].view(np.uint8)) & _likely(pairs[1].view(np.uint8))
    return np.flatnonzero(digits.view(np.uint16)) * _STEP + PAD


def _likely(values: Array) -> Array:
    """Return which bytes are hexadecimal digits."""
    return ((values - _ZERO) < _TEN) | (((values | _LOWER) - _A) < _SIX)


def _sign(words: list[Array]) -> Array:
    """Return the bits of `_SIGN` that all words have."""
    sign = _SIGN
    for word in words:
        sign = sign & ((word >> _TWO) ^ word)
    return sign


def _digits(searched: Searched, at: Array, width: int) -> Array:
    """Return those of the places that a run of digits begins at or before, and `_STEP` bytes follow."""
    return at[_HEX[searched.bytes[at[:, None] + np.arange(0, _STEP, width)]].all(axis=1)]
