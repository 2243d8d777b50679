"""Many names, and many numbers, in little memory: a hostile folder may have millions."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_MASK = (1 << 64) - 1


class PackedNames:
    """Names in the order in which they were added: one block of text, and the length of each. Lone surrogates are kept."""

    __slots__ = ("_lengths", "_text")

    def __init__(self) -> None:
        self._text, self._lengths = bytearray(), array("I")

    def append(self, name: str) -> None:
        """Add a name."""
        raw = name.encode("utf-8", "surrogatepass")
        self._text += raw
        self._lengths.append(len(raw))

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[str]:
        at = 0
        for length in self._lengths:
            yield self._text[at : at + length].decode("utf-8", "surrogatepass")
            at += length


class PackedSet:
    """A set of whole numbers of 64 bits, in 11 to 22 bytes for each. `add` tells whether a number is new."""

    __slots__ = ("_count", "_rows")

    def __init__(self) -> None:
        self._rows = array("Q", bytes(8 << 10))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, number: int) -> bool:
        """Add a number (of its lowest 64 bits); return whether it was not there."""
        number = number & _MASK or 1  # 0 marks a free row
        rows, last = self._rows, len(self._rows) - 1
        at = number & last
        while (found := rows[at]) != number:
            if not found:
                rows[at] = number
                self._count += 1
                if self._count * 4 > 3 * last:
                    self._grow()
                return True
            at = at + 1 & last
        return False

    def _grow(self) -> None:
        before, self._rows = self._rows, array("Q", bytes(16 * len(self._rows)))
        rows, last = self._rows, len(self._rows) - 1
        for number in before:
            if number:
                at = number & last
                while rows[at]:
                    at = at + 1 & last
                rows[at] = number
