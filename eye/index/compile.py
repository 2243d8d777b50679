"""A tree → a query of the index, typed by the field registry. Every clause is a set of records; none of them has a score."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import tantivy

from commodore.schema import Field, registry
from eye.index.check import between
from eye.index.documents import HEX
from eye.index.engine import Engine
from eye.index.schema import (
    ALL,
    HIGH,
    ID,
    ID_HEAD,
    LOW,
    NAMES,
    NUMBER,
    NUMBERED,
    PAIR,
    REST,
    TIMES,
    UNCUT,
    US,
    WORDS,
    column,
    has_terms,
    pair,
    pieces_of,
    schema,
    whole_number,
)
from eye.query.fields import known_field
from eye.query.moments import moments, span_of
from eye.query.tree import ANY, ONE, And, Everything, Exists, Fuzzy, Leaf, Node, Not, Or, Pattern, QueryComplaint, Range, Regex, Text
from eye.query.values import within
from eye.query.wildcards import a_day, automaton, expanded, in_time, inner_part, literal, pieces, rows
from eye.query.words import BLANKS, MAX_WORD, fold, words
from scout.console import COULD_NOT, Complaint

Q, Must, Should, MustNot = tantivy.Query, tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot
PATTERN_LIMIT = 300
"""Longest wildcard pattern or regular expression, in characters: a bound for the automaton."""
MOST_WORDS = 64
"""Words of a text that the engine looks for in a row; of a longer one it finds the beginning, and the records that have that are read."""
MOST_STATES = 5_000
"""States of a regular expression (`expanded`): the engine needs two seconds for so many, and minutes for a hundred times as many."""
FEW = 1_500
"""Terms up to which each is looked up; a set of more is found by one walk through all terms, which costs as much as this many."""
MOST_ENDS, MOST_END_BYTES = 300, 500
"""Words with the same end that are looked for in a row with others: the engine takes an expression of 1,000 states."""
MOST_READ = 2_000
"""Records that are read at once, before terms are looked at."""
MOST_TERMS, MOST_VALUES = 20_000, 2_000
"""Words, and values of a field, that one clause becomes a set of; beyond them the engine walks its terms itself."""


def union(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Records of one of the queries."""
    return queries[0] if len(queries) == 1 else Q.boolean_query([(Should, q) for q in queries]) if queries else Q.empty_query()


def both(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Records of all of the queries."""
    return queries[0] if len(queries) == 1 else Q.boolean_query([(Must, q) for q in queries]) if queries else Q.all_query()


def with_id(key: str) -> tantivy.Query:
    """The record with an `escadre.id`, in any case."""
    if HEX.fullmatch(key) is None:
        return Q.term_query(schema(), PAIR, pair(ID, fold(key)), "basic")
    kind, high, low = tantivy.FieldType.Unsigned, int(key[:16], 16), int(key[16:], 16)
    head = Q.term_query(schema(), PAIR, ID_HEAD + key[:3].lower(), "basic")
    return both([head, Q.range_query(schema(), HIGH, kind, high, high), Q.range_query(schema(), LOW, kind, low, low)])


class Compiler:
    """Compiles one query. `within`: what the caller narrows the query to; told here, words in a row are not looked for outside of it."""

    def __init__(self, query: str, engine: Engine, within: tantivy.Query | None = None) -> None:
        self.query, self.engine, self.schema, self.within = query, engine, schema(), within
        self.until = None if engine.seconds is None else time.monotonic() + engine.seconds

    def compiled(self, node: Node) -> tantivy.Query:
        """The query of a tree. Raises QueryComplaint."""
        if isinstance(node, Everything):
            return Q.all_query()
        if isinstance(node, Or):
            return union([self.compiled(n) for n in node.nodes])
        if isinstance(node, Not):
            return Q.boolean_query([(Must, Q.all_query()), (MustNot, self.compiled(node.node))])
        if isinstance(node, And):
            parts = [(MustNot, self.compiled(n.node)) if isinstance(n, Not) else (Must, self.compiled(n)) for n in node.nodes]
            return Q.boolean_query(parts if any(occur == Must for occur, _ in parts) else [(Must, Q.all_query()), *parts])
        return self.bare(node) if node.field in ("", "escadre.all") else self.typed(node)

    def complain(self, node: Leaf, problem: str, do: str = "") -> QueryComplaint:
        """The complaint about a clause."""
        return QueryComplaint(self.query, node.position, problem, do, max(1, node.end - node.position))

    # --- words

    def bare(self, node: Leaf) -> tantivy.Query:
        """A clause without a field: in any value of the record."""
        if isinstance(node, Exists):
            return Q.all_query()
        if isinstance(node, Range):
            raise self.complain(node, "a range needs a field", "Write field:[low TO high].")
        found = [self.in_words(name, node) for name in (*WORDS, *self.engine.texts())] if not self.across(node) else [self.read(node, "")]
        if isinstance(node, Text) and HEX.fullmatch(node.text):
            found.append(with_id(node.text))
        return union(found if self.within is None else [both([one, self.within]) for one in found])

    @staticmethod
    def across(node: Leaf) -> bool:
        """Return whether the values themselves must be read: wildcards across separators, words at a distance, and very long texts."""
        if isinstance(node, Text):
            return (node.slop > 0 and len(words(node.text)) > 1) or len(words(node.text)) > MOST_WORDS
        return isinstance(node, Pattern) and node.across

    def in_words(self, name: str, node: Leaf) -> tantivy.Query:
        """A clause over the words of a text field of the index."""
        if isinstance(node, Text):
            found = words(node.text)
            if not found:
                return Q.empty_query()
            return self.row(name, found)
        if isinstance(node, Pattern):
            return self.like(name, node, node.parts)
        if isinstance(node, Fuzzy):
            return Q.fuzzy_term_query(self.schema, name, fold(node.text), node.distance)
        if isinstance(node, Regex):
            return self.regex(name, node, node.pattern)
        raise self.complain(node, f"{node.field} is text and has no order", "Use words, or a keyword field.")

    def like(self, name: str, node: Leaf, parts: tuple[str, ...]) -> tantivy.Query:
        """Words of a shape. A part of a word is looked up in the list of all words."""
        part = inner_part(parts)
        if self.until and time.monotonic() > self.until:
            raise Complaint(
                f"stopped after {self.engine.seconds:.0f} s: the query has too many patterns.", "Ask in several queries.", COULD_NOT
            )
        if part:
            found = self.engine.words_containing(fold(part), at_end=len(parts) == 2, most=MOST_TERMS)
            if found is not None:
                return self.one_of(name, found)
        return self.regex(name, node, automaton(parts))

    def regex(self, name: str, node: Leaf, pattern: str) -> tantivy.Query:
        """Terms that match a regular expression of the engine."""
        if len(pattern) > PATTERN_LIMIT * 4 or node.end - node.position > PATTERN_LIMIT:
            raise self.complain(node, f"a pattern may have {PATTERN_LIMIT} characters", "Shorten it.")
        if isinstance(node, Regex) and expanded(node.pattern) > MOST_STATES:
            raise self.complain(node, "the counted repetitions of this regular expression are too many", "Use * or +, or [a-z0-9] for \\w.")
        try:
            return Q.regex_query(self.schema, name, pattern)
        except ValueError as e:
            said = re.sub(r".*RegexQueryError: ", "", str(e), flags=re.DOTALL).strip("' ")
            why = said.splitlines()[-1].removeprefix("error: ")[:120]
            if isinstance(node, Pattern):
                raise self.complain(node, f"this has too many wildcards ({why})", "Shorten it, or write its parts as words.") from e
            raise self.complain(node, f"this regular expression cannot be used ({why})", "Shorten it, or use * and ?.") from e

    def term(self, name: str, value: str) -> tantivy.Query:
        return Q.term_query(self.schema, name, value, "basic")

    def read(self, node: Leaf, name: str) -> tantivy.Query:
        """Records that match a clause which words do not decide: terms prove most of them, and of the others the values are read."""
        assert isinstance(node, (Pattern, Text))
        fields = [name] if name else [*WORDS, *self.engine.texts()]
        if isinstance(node, Text) and not node.slop:
            start = union([self.row(f, words(node.text)[:MOST_WORDS]) for f in fields])
            return self.one_of(NUMBER, self.engine.checked(node, start))
        if node.end - node.position > PATTERN_LIMIT:
            raise self.complain(node, f"a pattern may have {PATTERN_LIMIT} characters", "Shorten it.")
        certain: list[tantivy.Query] = []
        if isinstance(node, Pattern) and not name:
            of_terms = [*self.engine.terms_matching(node, MOST_TERMS)]
            certain = [self.one_of(field, terms) for field, terms in of_terms if terms]
            if all(terms is not None for _, terms in of_terms):
                fields.remove(ALL)
        candidates: list[tantivy.Query] = []
        for field in fields:
            sure, maybe = self.near(node, field) if isinstance(node, Text) else self.holding(node, field)
            certain, candidates = certain + sure, candidates + maybe
        if not candidates:
            return union(certain)
        unread = self.but(candidates, certain)
        if isinstance(node, Text) and not name and self.engine.hits(unread) > MOST_READ:
            of_terms = [*self.engine.terms_matching(node, MOST_TERMS)]
            if all(terms is not None for _, terms in of_terms):
                others = [maybe for field in fields if field != ALL for maybe in self.near(node, field)[1]]
                proven = [self.one_of(field, terms) for field, terms in of_terms if terms]
                certain += [both([self.but(candidates, certain), union(proven)])] if proven else []
                unread = self.but(others, certain)
        found = self.engine.checked(node, unread)
        return union([*certain, *([self.one_of(NUMBER, found)] if found else [])])

    @staticmethod
    def but(some: Sequence[tantivy.Query], others: Sequence[tantivy.Query]) -> tantivy.Query:
        """Records of some queries and of none of the others."""
        return Q.boolean_query([(Must, union(some)), *((MustNot, one) for one in others)])

    def holding(self, node: Pattern, name: str) -> tuple[list[tantivy.Query], list[tantivy.Query]]:
        """Records that have a pattern in a field for certain, and those that may have it."""
        if name == TIMES and not in_time(node.parts):
            return [], []
        if name in WORDS:
            day = a_day(node.parts) if name == TIMES else []
            return [Q.regex_phrase_query(self.schema, name, [*day])] if day else [], [both(self.with_words(node, name))]
        at, inner = pieces_of(name), node.parts[node.parts[0] == ANY : len(node.parts) - (node.parts[-1] == ANY)]
        cut = [BLANKS.split(part) for part in inner if part not in (ANY, ONE)]
        whole = self.engine.pieces_with(name, inner, MOST_TERMS) if all(len(one) == 1 for one in cut) else []
        certain = [self.one_of(at, whole)] if whole else []
        decided = whole is not None and len(inner) == len(cut) == len(cut[0]) == 1
        if decided and not self.engine.uncut(name):
            return certain, []
        having = self.with_words(node, name)
        maybe = [both([*having, self.term(at, UNCUT)])] if self.engine.uncut(name) else []
        return certain, maybe if decided else [*maybe, both([*having, *self.with_pieces(name, cut)])]

    def with_pieces(self, name: str, cut: list[list[str]]) -> list[tantivy.Query]:
        """Queries that all hold of a text with these literals, each cut at its blanks."""
        at, found = pieces_of(name), []
        for first, *others in cut:
            ends = self.engine.pieces_with(name, (first,), MOST_TERMS, at_end=bool(others)) if first else None
            found += [] if ends is None else [self.one_of(at, ends)]
            found += [self.term(at, fold(piece)) for piece in others[:-1] if len(piece) <= MAX_WORD]
            starts = self.engine.pieces_with(name, (others[-1],), MOST_TERMS) if others and others[-1] else None
            found += [] if starts is None else [self.one_of(at, starts)]
        return found

    def with_words(self, node: Pattern, name: str) -> list[tantivy.Query]:
        """Queries that all hold of a field with a pattern: its words, and those in a row that nothing parts in the pattern."""
        found = []
        for row in rows(node.parts):
            found += [self.term(name, one[0]) if len(one) == 1 else self.like(name, node, one) for one in row]
            texts = [literal(one[0]) + (".*" if len(one) > 1 else "") for one in row if one[0] != ANY]
            if len(row) > 1 and len(texts) < len(row):  # the first may begin before the pattern
                ends = self.engine.words_containing(row[0][1], at_end=True, most=MOST_ENDS)
                few = ends and sum(len(end.encode()) for end in ends) <= MOST_END_BYTES
                texts = ["|".join(map(literal, ends)), *texts] if ends and few else texts
            if len(texts) > 1:
                found.append(Q.regex_phrase_query(self.schema, name, [*texts]))
        return found

    def near(self, node: Text, name: str) -> tuple[list[tantivy.Query], list[tantivy.Query]]:
        """Records that have words at a distance in a field for certain, and those that may have them.

        The engine counts as Lucene does where two words are in one value; more words are near enough if each two neighbours are.
        """
        found = words(node.text)
        counted = len(found) == 2 and found[0] != found[1] and name not in WORDS and not registry()[name].many
        certain = [self.row(name, found, node.slop if counted else 0)]
        pairs = [[one, other] for one, other in pairwise(found) if one != other] or [found[:1]]
        return certain, [] if counted else [both([self.row(name, pair, node.slop) for pair in pairs])]

    def row(self, name: str, found: list[str], slop: int = 0) -> tantivy.Query:
        return self.term(name, found[0]) if len(found) == 1 else Q.phrase_query(self.schema, name, [*found], slop)

    # --- values

    def typed(self, node: Leaf) -> tantivy.Query:
        """A clause with a field."""
        resolved = known_field(node.field)
        if resolved is None:
            raise self.complain(node, f"no field is called {node.field}")
        found, key = resolved
        if isinstance(node, Exists) or (isinstance(node, Range) and node.low is None and node.high is None):
            names = self.engine.names_with(f"{found.name}.{key}" if key else found.name)
            return self.one_of(NAMES, names)
        if found.type == "text":
            return self.read(node, found.name) if self.across(node) else self.in_words(found.name, node)
        if isinstance(node, Text) and node.slop:
            raise self.complain(node, f"{found.name} has no words, only whole values", 'Leave out the ~, or use message:"…"~3.')
        if isinstance(node, Fuzzy):
            raise self.complain(
                node, f"{found.name} has no words, only whole values", f"Write {node.text}~{node.distance} without a field."
            )
        if found.type == "keyword":
            return self.keyword(found, node)
        if found.type == "flattened":
            return self.free_form(found, key, node)
        if isinstance(node, (Pattern, Regex)):
            raise self.complain(node, f"{found.name} is of type {found.type} and takes no wildcard", f"Use a range, or {found.name}:*.")
        return {"date": self.date, "ip": self.ip, "boolean": self.boolean}.get(found.type, self.number)(found, node)

    def keyword(self, found: Field, node: Leaf) -> tantivy.Query:
        """Whole values, without case."""
        name = found.name
        if not has_terms(name):
            return self.without_terms(name, node)
        if isinstance(node, Text):
            return self.term(name, fold(node.text))
        if isinstance(node, Pattern):
            part = inner_part(node.parts)
            at_end = node.parts[-1] != ANY
            values_with = self.engine.values_containing(name, fold(part), at_end=at_end, most=MOST_VALUES) if part else None
            return self.regex(name, node, automaton(node.parts)) if values_with is None else self.one_of(name, values_with)
        if isinstance(node, Regex):
            return self.regex(name, node, node.pattern)
        assert isinstance(node, Range)
        low, high = (None if bound is None else fold(bound) for bound in (node.low, node.high))
        return self.one_of(name, [value for value in self.engine.values_of(name) if between(value, low, high, node)])

    def one_of(self, name: str, values: Sequence[Any]) -> tantivy.Query:
        if len(values) <= FEW and name != NUMBER:
            return union([self.term(name, value) for value in values])
        return Q.term_set_query(self.schema, name, values)

    def without_terms(self, name: str, node: Leaf) -> tantivy.Query:
        """Whole values of a field whose values are no terms: a number in a column, or read in the records that have its words."""
        if name == ID and isinstance(node, Text):
            return with_id(node.text)
        if name in NUMBERED and isinstance(node, Text):
            number = whole_number(node.text)
            other = self.term(PAIR, pair(name, fold(node.text)))
            return other if number is None else union([self.between(column(name), number, number, kind=tantivy.FieldType.Unsigned), other])
        assert isinstance(node, (Text, Pattern, Regex, Range))
        if node.end - node.position > PATTERN_LIMIT:
            raise self.complain(node, f"a pattern may have {PATTERN_LIMIT} characters", "Shorten it.")
        having = self.engine.names_with(name)
        candidates = [self.one_of(NAMES, having)]
        if name != ID and isinstance(node, Text) and words(node.text):
            candidates.append(self.in_words(REST, node))
        elif name != ID and isinstance(node, Pattern):
            candidates += [self.like(REST, node, piece) for piece in pieces(node.parts)]
        return self.one_of(NUMBER, self.engine.checked(node, both(candidates)))

    def free_form(self, found: Field, key: str, node: Leaf) -> tantivy.Query:
        """Values of a free-form object compare exactly, case included, as in Elasticsearch's `flattened`."""
        if isinstance(node, Text) and key:
            return self.term(PAIR, f"{found.name}.{key}{US}{node.text}")
        head = literal(f"{found.name}.{key}") + US if key else literal(found.name) + f"\\.[^{US}]*{US}"
        if isinstance(node, Text):
            return self.regex(PAIR, node, head + literal(node.text))
        if isinstance(node, Pattern):
            return self.regex(PAIR, node, head + automaton(node.parts, keep_case=True))
        if isinstance(node, Regex):
            return self.regex(PAIR, node, f"{head}({node.pattern})")
        raise self.complain(node, f"{found.name} is free-form and has no order", "Use the typed field, if there is one.")

    def boolean(self, found: Field, node: Leaf) -> tantivy.Query:
        if not isinstance(node, Text) or node.text not in ("true", "false"):
            raise self.complain(node, f"{found.name} is true or false")
        return Q.term_query(self.schema, found.name, node.text == "true", "basic")

    def date(self, found: Field, node: Leaf) -> tantivy.Query:
        assert isinstance(node, (Text, Range))
        low, high = span_of(node, self.query) if isinstance(node, Text) else moments(node, self.query)
        return self.between(column(found.name), None if low is None else within(low), None if high is None else within(high))

    def between(
        self, name: str, low: Any, high: Any, *, kind: Any = None, open_low: bool = False, open_high: bool = False
    ) -> tantivy.Query:
        kind = tantivy.FieldType.Integer if kind is None else kind
        return Q.range_query(self.schema, name, kind, low, high, not open_low, not open_high)

    def number(self, found: Field, node: Leaf) -> tantivy.Query:
        assert isinstance(node, (Text, Range))
        kind = tantivy.FieldType.Float if found.type == "double" else tantivy.FieldType.Integer
        low, high = (node.text, node.text) if isinstance(node, Text) else (node.low, node.high)
        bounds = [None if bound is None else self.read_number(bound, found, node) for bound in (low, high)]
        if isinstance(node, Text):
            return self.between(found.name, *bounds, kind=kind)
        return self.between(found.name, *bounds, kind=kind, open_low=not node.include_low, open_high=not node.include_high)

    def read_number(self, text: str, found: Field, node: Leaf) -> int | float:
        wrong = self.complain(node, f"{found.name} is a number", "Write digits, or a range [1 TO 1024].")
        if found.type == "double":
            try:
                return float(text)
            except ValueError as e:
                raise wrong from e
        if not re.fullmatch(r"-?[0-9]{1,30}", text):
            raise wrong
        if not -(2**63) <= int(text) < 2**63:
            raise self.complain(node, "this number does not fit 64 bits")
        return int(text)

    def ip(self, found: Field, node: Leaf) -> tantivy.Query:
        kind = tantivy.FieldType.IpAddr
        try:
            if isinstance(node, Text):
                block = ipaddress.ip_network(node.text.split("%", 1)[0], strict=False)
                return self.between(found.name, str(block[0]), str(block[-1]), kind=kind)
            assert isinstance(node, Range)
            low, high = (None if b is None else str(ipaddress.ip_address(b)) for b in (node.low, node.high))
        except ValueError as e:
            raise self.complain(node, f"{found.name} is an address, and this is none", "Write 192.0.2.1 or 192.0.2.0/24.") from e
        return self.between(found.name, low, high, kind=kind, open_low=not node.include_low, open_high=not node.include_high)
