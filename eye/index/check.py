"""Clauses that words alone cannot decide: the values of the candidate records are read and compared."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import Any

from commodore.schema import registry
from eye.query.tree import ANY, ONE, Pattern, Range, Regex, Text
from eye.query.wildcards import pattern, whole
from eye.query.words import MAX_WORD, clean, fold, level, texts, words
from scout.bounded import searcher

Checked = Pattern | Text | Regex | Range
Matcher = Callable[[dict[str, Any]], bool]
MOST_COMBINATIONS = 20_000
"""Places of a word that is repeated in a phrase: at most so many combinations are compared in one value."""


def matcher(node: Checked, fields: Sequence[str] = ()) -> Matcher:
    """A test for one record. `fields`: those whose values are looked at, else all that the clause means."""
    name = "" if node.field in ("", "escadre.all") else node.field
    if name and registry()[name].type == "keyword":
        fits = whole_value(node)
    else:
        fits = _word(node) if isinstance(node, Regex) or (isinstance(node, Pattern) and not node.across) else part_of(node)

    def matches(record: dict[str, Any]) -> bool:
        if fields:
            return any(fits(value) for field in fields for value in _values(record, field))
        return any(fits(value) for value in (_values(record, name) if name else texts(record)))

    return matches


def part_of(node: Checked) -> Callable[[str], bool]:
    """Characters, or words at a distance, within a value."""
    if isinstance(node, Pattern):
        return _pattern(node.parts)
    if isinstance(node, Text):
        return _near(words(node.text), node.slop) if node.slop else _row(words(node.text))
    raise AssertionError("other clauses are compared with whole values")


def whole_value(node: Checked) -> Callable[[str], bool]:
    """A value of a keyword field, as its terms would match it: without case, and none of more characters than a term has."""
    fits: Callable[[str], Any]
    if isinstance(node, Text):
        wanted = fold(node.text)
        fits = wanted.__eq__
    elif isinstance(node, Pattern):
        fits = _in_order(node.parts)
    elif isinstance(node, Regex):
        fits = searcher(f"(?s)\\A(?:{node.pattern})\\z").search
    else:
        low, high = (None if bound is None else fold(bound) for bound in (node.low, node.high))
        fits = lambda value: between(value, low, high, node)  # noqa: E731
    return lambda value: len(value) <= MAX_WORD and bool(fits(clean(fold(value))))


def _in_order(parts: tuple[str, ...]) -> Callable[[str], Any]:
    """A complete folded value, without RE2 where the pattern is a text with a wildcard at one or both of its ends."""
    text = fold(next((part for part in parts if part not in (ANY, ONE)), ""))
    simple: dict[tuple[str, ...], Callable[[str], Any]] = {(ANY, text, ANY): lambda value: text in value}
    simple[text, ANY] = lambda value: value.startswith(text)
    simple[ANY, text] = lambda value: value.endswith(text)
    otherwise: Callable[[str], Any] = whole(parts).search
    return simple.get(tuple(map(fold, parts)), otherwise)


def between(value: str, low: str | None, high: str | None, node: Range) -> bool:
    """Return whether a folded value lies in a range, by characters."""
    above = low is None or value > low or (node.include_low and value == low)
    return above and (high is None or value < high or (node.include_high and value == high))


UNLIKE = re.compile("\u212a|\u0130".encode())
"""Characters beyond ASCII whose lower case is an ASCII letter."""


def prefilter(node: Checked) -> Any:
    """A pattern that every JSON line of a match has, unless UNLIKE is in it; None where there is none.

    It is the longest run of ASCII letters and digits, or two words of ASCII without the end of a string between them.
    """
    if isinstance(node, (Regex, Range)):
        return None
    if isinstance(node, Text) and node.slop:
        one, other = [*dict.fromkeys(words(node.text)), ""][:2]
        inside = rb'(?:[^"\\]|\\.)*'
        if other and (one + other).isascii():
            return searcher(b"(?is)" + one.encode() + inside + other.encode() + b"|" + other.encode() + inside + one.encode())
    literals = [p for p in node.parts if p not in (ANY, ONE)] if isinstance(node, Pattern) else words(node.text)
    runs = sorted((run for text in literals for run in re.findall(r"[0-9A-Za-z]+", text)), key=len)
    return re.compile(re.escape(runs[-1].encode()), re.IGNORECASE) if runs else None


def _values(record: dict[str, Any], name: str) -> Iterator[str]:
    value = record.get(name)
    if value is not None:
        yield from texts({"": value})


def _pattern(parts: tuple[str, ...]) -> Callable[[str], bool]:
    search, literals = pattern(parts).search, [fold(level(part)) for part in parts if part not in (ANY, ONE)]
    alone = len(parts) == len(literals) + (parts[0] == ANY) + (parts[-1] == ANY) and len(literals) == 1

    def fits(value: str) -> bool:
        folded = clean(fold(level(value)))
        return all(part in folded for part in literals) and (alone or search(folded) is not None)

    return fits


def word_fits(node: Pattern | Regex) -> Callable[[str], Any]:
    """A word of a shape."""
    found: Callable[[str], Any] = (whole(node.parts) if isinstance(node, Pattern) else searcher(f"(?s)\\A(?:{node.pattern})\\z")).search
    return found


def _word(node: Pattern | Regex) -> Callable[[str], bool]:
    """A value with such a word."""
    near, fits = (_pattern(node.parts) if isinstance(node, Pattern) else bool), word_fits(node)
    return lambda value: near(value) and any(fits(word) is not None for word in words(value))


def _row(wanted: list[str]) -> Callable[[str], bool]:
    row = f" {' '.join(wanted)} "
    return lambda value: row in f" {' '.join(words(value))} "


def _near(wanted: list[str], slop: int) -> Callable[[str], bool]:
    """Words at a distance, as Lucene counts it: places, each less that of the word in the phrase, lie within `slop` of each other.

    Source: Lucene, `SloppyPhraseMatcher`.
    """

    def fits(value: str) -> bool:
        folded = fold(level(value))
        if not all(word in folded for word in wanted):
            return False
        found = words(value)
        places = [[n - at for n, word in enumerate(found) if word == wanted_word] for at, wanted_word in enumerate(wanted)]
        if not all(places):
            return False
        if len(set(wanted)) == len(wanted):
            return _closest(places) <= slop
        taken = islice(product(*places), MOST_COMBINATIONS)
        distinct = (one for one in taken if len({place + at for at, place in enumerate(one)}) == len(one))
        return any(max(one) - min(one) <= slop for one in distinct)  # the same word does not count twice

    return fits


def _closest(places: list[list[int]]) -> int:
    """The smallest difference of largest and smallest among one number of each sorted list."""
    heap = [(one[0], n, 0) for n, one in enumerate(places)]
    heapq.heapify(heap)
    high, best = max(one[0] for one in places), 1 << 60
    while True:
        low, n, at = heap[0]
        best = min(best, high - low)
        if at + 1 == len(places[n]):
            return best
        high = max(high, places[n][at + 1])
        heapq.heapreplace(heap, (places[n][at + 1], n, at + 1))
