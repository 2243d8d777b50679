"""The fuzzy hash ssdeep, which is alike for files that share pieces.

ssdeep, not TLSH: VirusTotal, MISP and the reports of other responders give it, and ECS has a field for it. ppdeep computes it byte by byte
in Python, a few hundred kB/s; this computes the same text with arrays. The tests compare both.

Source: J. Kornblum, Identifying almost identical files using context triggered piecewise hashing, 2006; spamsum of A. Tridgell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST = 16 << 20
"""bytes of a file beyond which no fuzzy hash is computed: it would take longer than all else"""
_WINDOW, _SMALLEST, _LENGTH = 7, 3, 64
_START = 0x27
_BLOCK = 1 << 15
"""bytes that are handled at a time, so that they stay in the cache of a core"""
_TOGETHER = 1 << 15
"""places that are looked at together"""
_USUAL = 3
"""times that the block size is halved for a usual file at most"""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WORD = np.dtype("<u8")
_ONES = np.uint64((1 << 64) - 1)


def ssdeep(data: bytes) -> str:
    """Return the hash as `block size:hash:hash of twice the block size`; '' for no bytes and for more than `LARGEST`."""
    if not 0 < len(data) <= LARGEST:
        return ""
    values = np.frombuffer(data, dtype=np.uint8)
    size = 0
    while (_SMALLEST << size) * _LENGTH < len(data):
        size += 1
    least = max(0, size - _USUAL)
    places, powers, last = _triggers(values, least)
    if least and len(places) < _LENGTH // 2:
        places, powers, last = _triggers(values, 0)
    while size and np.count_nonzero(powers >= size) < _LENGTH // 2:
        size -= 1
    pieces = _Pieces(values)
    one = pieces.text(places[powers >= size], _LENGTH - 1, last=last)
    two = pieces.text(places[powers >= size + 1], _LENGTH // 2 - 1, last=last)
    return f"{_SMALLEST << size}:{one}:{two}"


def _triggers(values: Any, size: int) -> tuple[Any, Any, bool]:
    """Return the places where a piece of block size `3 << size` ends, for each the power of two up to which it ends larger ones, and
    whether the rolling hash behind the last byte is other than 0.
    """
    places, powers = [], []
    waiting: list[Any] = []
    for start in range(0, len(values), _BLOCK):
        lead = min(start, _WINDOW - 1)
        likely = _likely(values[start - lead : start + _BLOCK], size)
        waiting.append(likely[likely >= lead] + (start - lead))
        if sum(map(len, waiting)) < _TOGETHER and start + _BLOCK < len(values):
            continue
        found = np.concatenate(waiting)
        waiting = []
        after = _rolling(values, found).astype(np.uint64) + np.uint64(1)
        whole = after % np.uint64(_SMALLEST) == 0
        third = after[whole] // np.uint64(_SMALLEST)
        lowest = third & (~third + np.uint64(1))
        places.append(found[whole].astype(np.uint32))
        powers.append(np.log2(lowest.astype(np.float64)).astype(np.uint8))
    last = int(_rolling(values, np.array([len(values) - 1]))[0])
    return np.concatenate(places), np.concatenate(powers), last != 0


def _likely(values: Any, size: int) -> Any:
    """Return the places behind whose byte the low bits of the rolling hash, 16 of them at most, are all ones."""
    low = min(size, 16)
    mask = np.uint16((1 << low) - 1)
    small = values.astype(np.uint16)
    total, spare = small << np.uint16(3), np.empty_like(small)
    for back in range(1, min(_WINDOW, len(values))):
        total[back:] += np.multiply(small[:-back], np.uint16(_WINDOW - back + 1), out=spare[back:])
    mixed = small.copy()
    for back in range(1, min(4, len(values))):
        mixed[back:] ^= np.left_shift(small[:-back], np.uint16(5 * back), out=spare[back:])
    mixed += total
    mixed &= mask
    return np.flatnonzero(mixed == mask)


def _rolling(values: Any, places: Any) -> Any:
    """Return the rolling hash behind the bytes at these places: the sum of three sums over the last seven bytes."""
    total = np.zeros(len(places), dtype=np.uint32)
    mixed = np.zeros(len(places), dtype=np.uint32)
    for back in range(_WINDOW):
        old = np.where(places >= back, values[np.maximum(places - back, 0)], np.uint8(0)).astype(np.uint32)
        total += old * np.uint32(_WINDOW - back + 1)
        mixed ^= old << np.uint32(5 * back)
    return total + mixed


class _Pieces:
    """Six bits of the FNV hash of pieces, a bit of every byte in one row of words.

    A step is `h × 19 xor byte`. A bit of it depends on lower bits, and on itself only by exclusive or, so that a row is a running sum.
    """

    def __init__(self, values: Any) -> None:
        self._length = len(values)
        self._rows = [_packed(values & np.uint8(1 << bit)) for bit in range(6)]

    def text(self, ends: Any, most: int, *, last: bool) -> str:
        """Return a letter per piece, at most `most` and one for the rest; `ends`: the last place of each piece."""
        kept = ends[:most].astype(np.int64)
        rows = self._states(kept + 1)
        found = "".join(_LETTERS[_value(rows, end)] for end in kept.tolist())
        if last:
            whole = len(kept) and kept[-1] + 1 == self._length
            return found + _LETTERS[_START if whole else _value(rows, self._length - 1)]
        return found + (_LETTERS[_value(rows, int(ends[-1]))] if len(ends) > most else "")

    def _states(self, firsts: Any) -> list[Any]:
        """Return the rows of the state behind each byte; it begins again at each of `firsts`."""
        firsts = firsts[firsts < self._length]
        begins = np.concatenate(([0], firsts)).astype(np.int64)
        states: list[Any] = []
        before: list[Any] = []
        carries: list[Any] = []
        for bit in range(6):
            summed = _running(self._rows[bit] ^ _change(before, carries))
            sums = _bits(summed, begins[1:] - 1)
            bases = np.concatenate(([0], sums)) ^ (_START >> bit & 1)
            steps = np.concatenate((bases[:1], bases[1:] ^ bases[:-1]))
            state = summed ^ _running(_marks(begins[steps == 1], len(summed)))
            states.append(state)
            earlier = _later(state)
            before.append(_set(earlier, begins, _START >> bit & 1))
        return states


def _change(before: list[Any], carries: list[Any]) -> Any:
    """Return what lower bits add to the next bit of `h × 19 = h + 2h + 16h`, apart from its own; `carries` gets the carry of `h + 2h`."""
    bit = len(before)
    if not bit:
        return np.uint64(0)
    low = before[bit - 1]
    if bit == 1:
        return low
    lower = before[bit - 2]
    carry = low & lower
    if carries:
        carry |= carries[-1] & (low | lower)
    carries.append(carry)
    change = low ^ carry
    if bit == 4:
        return change ^ before[0]
    if bit == 5:
        fourth = before[4] ^ before[3] ^ carries[-2]
        return change ^ before[1] ^ (fourth & before[0])
    return change


def _packed(values: Any) -> Any:
    """Return a bit per value, 64 in a word, whether it is other than 0."""
    packed = np.packbits(values, bitorder="little")
    return np.concatenate((packed, np.zeros(-len(packed) % 8, dtype=np.uint8))).view(_WORD)


def _running(row: Any) -> Any:
    """Return the exclusive or of each bit and all before it."""
    out, spare = row.copy(), np.empty_like(row)
    for shift in (1, 2, 4, 8, 16, 32):
        out ^= np.left_shift(out, np.uint64(shift), out=spare)
    carried = np.bitwise_xor.accumulate(out >> np.uint64(63))
    out[1:] ^= carried[:-1] * _ONES
    return out


def _later(row: Any) -> Any:
    """Return the row moved by one place."""
    out = row << np.uint64(1)
    out[1:] |= row[:-1] >> np.uint64(63)
    return out


def _marks(places: Any, words: int) -> Any:
    """Return a row with a bit at each of the places."""
    out = np.zeros(words, dtype=_WORD)
    np.bitwise_or.at(out, places >> 6, np.uint64(1) << (places & 63).astype(np.uint64))
    return out


def _set(row: Any, places: Any, bit: int) -> Any:
    """Return the row with this bit at the places."""
    marks = _marks(places, len(row))
    return row | marks if bit else row & ~marks


def _bits(row: Any, places: Any) -> Any:
    return (row[places >> 6] >> (places & 63).astype(np.uint64) & np.uint64(1)).astype(np.int64)


def _value(rows: list[Any], place: int) -> int:
    """Return the state behind the byte at a place."""
    return sum((int(row[place >> 6]) >> (place & 63) & 1) << bit for bit, row in enumerate(rows))
