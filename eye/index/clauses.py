"""What the clauses of a query have in common: terms, rows of words, sets of values, shapes of words, as queries of the index."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from typing import Any

import tantivy

from eye.index.check import word_fits
from eye.index.engine import Engine
from eye.index.schema import ALL, NUMBER, schema
from eye.query.tree import Leaf, Pattern, QueryComplaint, Regex
from eye.query.wildcards import automaton, expanded, inner_part
from eye.query.words import fold
from scout.bounded import pattern_error
from scout.console import COULD_NOT, Complaint

Q, Must, Should, MustNot = tantivy.Query, tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot
PATTERN_LIMIT = 300
"""Longest wildcard pattern or regular expression, in characters: a bound for the automaton."""
MOST_STATES = 5_000
"""States of a regular expression (`expanded`): the engine needs two seconds for so many, and minutes for a hundred times as many."""
MANY = 100
"""Terms from which a clause is costly."""
FEW = 1_500
"""Terms up to which each is looked up; a set of more is found by one walk through all terms, which costs as much as this many."""
COVERS, FEW_LEFT, MOST_LEFT = (8, 32, 128), 500, 0.1
"""Frequent words that may show that nearly all records match, so many at a time; the records that are then read; and the share of records
left with which it is not worth more words.
"""
MOST_TERMS = 20_000
"""Terms that one clause becomes a set of; beyond them the engine walks its terms itself."""


def union(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Records of one of the queries."""
    return queries[0] if len(queries) == 1 else Q.boolean_query([(Should, q) for q in queries]) if queries else Q.empty_query()


def both(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Records of all of the queries."""
    return queries[0] if len(queries) == 1 else Q.boolean_query([(Must, q) for q in queries]) if queries else Q.all_query()


class Clauses:
    """Makes queries of one query's clauses. `within`: what the caller narrows the query to; told here, words in a row are not looked for
    outside of it.
    """

    def __init__(self, query: str, engine: Engine, within: tantivy.Query | None = None) -> None:
        self.query, self.engine, self.schema, self.within = query, engine, schema(), within
        self._words: dict[tuple[str, ...], list[str] | None] = {}
        self.costly = False
        """whether some clause makes the engine gather its records anew at every question: of an automaton, or of many terms"""
        self.until = None if engine.seconds is None else time.monotonic() + engine.seconds

    def complain(self, node: Leaf, problem: str, do: str = "") -> QueryComplaint:
        """The complaint about a clause."""
        return QueryComplaint(self.query, node.position, problem, do, max(1, node.end - node.position))

    def term(self, name: str, value: str) -> tantivy.Query:
        return Q.term_query(self.schema, name, value, "basic")

    def row(self, name: str, found: list[str], slop: int = 0) -> tantivy.Query:
        return self.term(name, found[0]) if len(found) == 1 else Q.phrase_query(self.schema, name, [*found], slop)

    @staticmethod
    def but(some: Sequence[tantivy.Query], others: Sequence[tantivy.Query]) -> tantivy.Query:
        """Records of some queries and of none of the others."""
        return Q.boolean_query([(Must, union(some)), *((MustNot, one) for one in others)])

    def one_of(self, name: str, values: Sequence[Any]) -> tantivy.Query:
        self.costly = self.costly or len(values) > MANY
        if len(values) <= FEW and name != NUMBER:
            return union([self.term(name, value) for value in values])
        return Q.term_set_query(self.schema, name, values)

    def between(
        self, name: str, low: Any, high: Any, *, kind: Any = None, open_low: bool = False, open_high: bool = False
    ) -> tantivy.Query:
        kind = tantivy.FieldType.Integer if kind is None else kind
        return Q.range_query(self.schema, name, kind, low, high, not open_low, not open_high)

    def in_time(self) -> None:
        """Raise Complaint where the query has taken its time."""
        if self.until and time.monotonic() > self.until:
            raise Complaint(
                f"stopped after {self.engine.seconds:.0f} s: the query has too many patterns.", "Ask in several queries.", COULD_NOT
            )

    def like(self, name: str, node: Leaf, parts: tuple[str, ...]) -> tantivy.Query:
        """Words of a shape. A part of a word is looked up in the list of all words."""
        part = inner_part(parts)
        self.in_time()
        if part:
            if parts not in self._words:
                self._words[parts] = self.engine.words_containing(fold(part), at_end=len(parts) == 2, most=MOST_TERMS)
            found = self._words[parts]
            if found is not None:
                return self.one_of(name, found)
        return self.regex(name, node, automaton(parts))

    def nearly_all(self, node: Leaf, fields: Sequence[str]) -> tantivy.Query | None:
        """Words of a shape that nearly every record has, as all records but those few that have none; None where they are not few.

        A set of very many words costs the engine a walk through all its words at every question. Frequent words alone show that few
        records are left, and these are read.
        """
        if not isinstance(node, (Pattern, Regex)) or node.end - node.position > PATTERN_LIMIT:
            return None
        self.in_time()
        if isinstance(node, Regex):
            self.regex(ALL, node, node.pattern)  # what the engine refuses is refused
            if "\\" in node.pattern or "(?" in node.pattern or pattern_error(node.pattern):
                return None  # these mean something else where values are read
        fits, records, every = word_fits(node), self.engine.records, Q.all_query()
        likely = sorted(((n, name, word) for name in fields for word, n in self.engine.frequent(name) if fits(word)), reverse=True)[
            : COVERS[-1]
        ]
        if math.prod(1 - n / records for n, _, _ in likely) > MOST_LEFT:
            return None
        for some in COVERS:
            left = self.but([every], [self.term(name, word) for _, name, word in likely[:some]])
            if (hits := self.engine.hits(left)) <= FEW_LEFT:
                unlike = self.engine.checked(node, left, but=True) if hits else []
                return self.but([every], [self.one_of(NUMBER, unlike)]) if unlike else every
            if some >= len(likely) or hits > records * MOST_LEFT:
                break
        return None

    def regex(self, name: str, node: Leaf, pattern: str) -> tantivy.Query:
        """Terms that match a regular expression of the engine."""
        if len(pattern) > PATTERN_LIMIT * 4 or node.end - node.position > PATTERN_LIMIT:
            raise self.complain(node, f"a pattern may have {PATTERN_LIMIT} characters", "Shorten it.")
        if isinstance(node, Regex) and expanded(node.pattern) > MOST_STATES:
            raise self.complain(node, "the counted repetitions of this regular expression are too many", "Use * or +, or [a-z0-9] for \\w.")
        self.costly = True
        try:
            return Q.regex_query(self.schema, name, pattern)
        except ValueError as e:
            said = re.sub(r".*RegexQueryError: ", "", str(e), flags=re.DOTALL).strip("' ")
            why = said.splitlines()[-1].removeprefix("error: ")[:120]
            if isinstance(node, Pattern):
                raise self.complain(node, f"this has too many wildcards ({why})", "Shorten it, or write its parts as words.") from e
            raise self.complain(node, f"this regular expression cannot be used ({why})", "Shorten it, or use * and ?.") from e
