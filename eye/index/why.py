"""Why a query found nothing: which clause has no hit, the nearest words that exist, and the query without it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eye.query.fields import similar_fields
from eye.query.parse import parse
from eye.query.tree import Leaf, Text, leaves_of
from eye.query.values import span
from eye.query.words import fold, level, words
from scout.console import Complaint

if TYPE_CHECKING:
    from eye.index.store import Store

MOST_CLAUSES = 8
_LOOKED_AT = 4_000
"""Words with the same beginning that are compared."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One clause.

    `text`: as typed; `field`: '' for none; `hits`: records that it alone finds; `near`: words or values of the case that are like it;
    `without`: the query without it, and `left` how many records that finds (-1: there is no such query).
    """

    text: str
    field: str
    hits: int
    near: tuple[str, ...]
    without: str
    left: int


def reasons(store: Store, query: str, filters: Iterable[str] = ()) -> list[Reason]:
    """Return one reason per clause of a query, those without a hit first. Filters count only for what is left. Raises Complaint."""
    filters, found = tuple(filters), []
    leaves = list(leaves_of(parse(query)))[:MOST_CLAUSES]
    for leaf in leaves:
        hits, _, _ = store.count(store.ask_node(query, leaf))
        without = " ".join((query[: leaf.position] + " " + query[leaf.end :]).split()) if len(leaves) > 1 else ""
        left = _left(store, without, filters) if without else -1
        near = () if hits else nearest(store, leaf)
        found.append(Reason(query[leaf.position : leaf.end], leaf.field, hits, near, without if left >= 0 else "", left))
    return sorted(found, key=lambda reason: reason.hits > 0)


def _left(store: Store, query: str, filters: tuple[str, ...]) -> int:
    try:
        return store.count(store.ask(query, filters))[0]
    except Complaint:  # an operator lost its clause
        return -1


def nearest(store: Store, leaf: Leaf) -> tuple[str, ...]:
    """Return up to three words, or values of the field, that exist and are like what was typed."""
    if not isinstance(leaf, Text):
        return ()
    if leaf.field:
        wanted = fold(leaf.text)
        known = store.values_of(leaf.field)
        holding = [value for value in known if wanted in value][:3]
        return tuple(dict.fromkeys([*difflib.get_close_matches(wanted, known[:_LOOKED_AT], 3, 0.7), *holding]))[:3]
    like: dict[str, list[str]] = {}
    for word in words(leaf.text):
        if len(word) > 2 and not store.has_word(word):
            begin = store.words_beginning(word[:2], _LOOKED_AT)
            near = [*difflib.get_close_matches(word, begin, 3, 0.7), *(store.words_containing(word, at_end=False, most=50) or [])]
            like[word] = list(dict.fromkeys(near))
    most = min(3, max(map(len, like.values()), default=0))
    return tuple(
        dict.fromkeys(_with(leaf.text, {word: near[min(n, len(near) - 1)] for word, near in like.items() if near}) for n in range(most))
    )


def _with(text: str, instead: dict[str, str]) -> str:
    """A text with other words in the place of some: the rest of a name or a path stays as it was typed."""
    return re.sub(r"[^\W_]+", lambda found: instead.get(fold(found[0]), found[0]), level(text))


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence about a part of a query that may be meant otherwise. `tries`: text → the query that it stands for."""

    text: str
    tries: dict[str, str]

    def __str__(self) -> str:
        return f"{self.text} {', '.join(self.tries)}"


def hints(query: str) -> list[Hint]:
    """Return a hint for each name before a colon that looks like a field but is none, and for each day that was written as text."""
    found = [
        Hint(f"{name} is no field, so it was taken as text. Near:", {one: query.replace(f"{name}:", f"{one}:", 1) for one in near})
        for name, near in similar_fields(query)
    ]
    days = re.findall(r"(?<!\S)[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]*)?(?!\S)", query)
    timed = {day: f"@timestamp:{day}" for day in days if span(day)}
    return found + [
        Hint(f"{day} was taken as words. For the records of that time:", {asked: re.sub(rf"(?<!\S){re.escape(day)}(?!\S)", asked, query)})
        for day, asked in timed.items()
    ]
