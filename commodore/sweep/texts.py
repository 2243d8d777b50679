r"""Find many texts that contain `.`, `/` or `\`: domains, URLs, paths, file names.

These characters are rare in evidence. At each of them, and nowhere else, the bytes around it are compared with those of all texts, in
ASCII and in UTF-16 of both byte orders. A text without such a character, or with one only at its ends, is given to Aho-Corasick.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from commodore.sweep.windows import Searched, WindowTable

ANCHORS = b"./\\"
"""in the order in which they are chosen: a point is the rarest"""
_CLASSES = ((4, 3), (2, 2), (1, 1))
"""characters before and behind an anchor that are compared: the first that a text has"""
_BEFORE = 4
"""place of the anchor in a window"""
_LEFT, _RIGHT = np.uint64(0xFF << 8 * (_BEFORE - 1)), np.uint64(0xFF << 8 * (_BEFORE + 1))
"""the bytes of a window beside its anchor"""
_BESIDE = 8
"""bytes in front of a window that are compared too, where a text has them"""


class Texts:
    """Many texts. `spellings`: (number, each way in which the text is written in lower case)."""

    def __init__(self, spellings: Iterable[tuple[int, tuple[bytes, ...]]]) -> None:
        rows: dict[tuple[int, int], array[int]] = {}
        self._ascii = True
        """whether all texts are ASCII: then all their characters have a zero byte beside them in UTF-16"""
        self._plain: dict[bytes, list[int]] = {}
        for number, ways in spellings:
            for text in ways:
                self._ascii &= text.isascii()
                if (chosen := _anchor(text)) is None:
                    self._plain.setdefault(text, []).append(number)
                    continue
                at, kind = chosen
                padded_text = bytes(_BEFORE + _BESIDE) + text[: at + _BEFORE] + bytes(_BEFORE)
                window = int.from_bytes(padded_text[at + _BESIDE : at + _BESIDE + 8], "little")
                beside = int.from_bytes(padded_text[at : at + _BESIDE], "little")
                rows.setdefault((text[at], kind), array("Q")).extend((window, number, beside, _tail(min(_BESIDE, max(0, at - _BEFORE)))))
        self._tables: dict[int, list[WindowTable]] = {}
        for (anchor, kind), found in sorted(rows.items()):
            before, behind = _CLASSES[kind]
            keep = sum(0xFF << (8 * place) for place in range(_BEFORE - before, _BEFORE + 1 + behind))
            self._tables.setdefault(anchor, []).append(WindowTable(found, keep))
        self._automaton, self._by_pattern = _automaton(self._plain)

    def places(self, searched: Searched) -> Iterator[tuple[int, int, bool]]:
        """Yield (place within the text, number, whether in UTF-16) where a text may be."""
        for anchor, tables in self._tables.items():
            at, units = searched.places(anchor)
            if not len(at):
                continue
            windows = searched.narrow(at - _BEFORE)
            for table in tables:
                found = table.matches(at, windows, lambda places: searched.narrow(places - _BEFORE - _BESIDE))
                yield from ((place, number, False) for place, number in found)
            if not self._ascii:
                units = at[((windows & _LEFT) == 0) | ((windows & _RIGHT) == 0)]
            if len(units):
                windows = searched.wide(units - 2 * _BEFORE)
                for table in tables:
                    found = table.matches(units, windows, lambda places: searched.wide(places - 2 * (_BEFORE + _BESIDE)))
                    yield from ((place, number, True) for place, number in found)
        if self._automaton is not None:
            for pattern, start, _ in self._automaton.find_matches_as_indexes(searched.raw.lower(), overlapping=True):
                numbers, is_wide = self._by_pattern[pattern]
                yield from ((start, number, is_wide) for number in numbers)


def _tail(count: int) -> int:
    """Return a mask of the last `count` of eight bytes."""
    return (1 << 64) - (1 << (64 - 8 * count)) if count else 0


def _anchor(text: bytes) -> tuple[int, int] | None:
    """Return the place of the anchor of a text and the class of its window: the widest window, then the longest word before it."""
    for anchor in ANCHORS:
        places = [at for at, byte in enumerate(text) if byte == anchor]
        for kind, (before, behind) in enumerate(_CLASSES):
            fitting = [at for at in places if at >= before and at + behind < len(text)]
            if fitting:
                return max(fitting, key=lambda at: at - max(text.rfind(b, 0, at) for b in ANCHORS)), kind
    return None


def _automaton(plain: dict[bytes, list[int]]) -> tuple[BytesAhoCorasick | None, list[tuple[tuple[int, ...], bool]]]:
    patterns: list[bytes] = []
    by_pattern: list[tuple[tuple[int, ...], bool]] = []
    for text, numbers in plain.items():
        patterns += [text, b"".join(bytes((byte, 0)) for byte in text)[:-1]]
        by_pattern += [(tuple(numbers), False), (tuple(numbers), True)]
    if not patterns:
        return None, []
    return BytesAhoCorasick(patterns, matchkind=MatchKind.Standard, implementation=Implementation.ContiguousNFA), by_pattern
