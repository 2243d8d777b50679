"""The index of one case, open for questions: hits, histogram, facets, pages of records, single records."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from commodore.schema import registry
from eye.case import open_case
from eye.index import dictionary
from eye.index.build import damage, folder_name, index, marks, outdated, readable, sizes
from eye.index.check import Checked, whole_value
from eye.index.checks import Checks
from eye.index.clauses import both, union
from eye.index.compile import Compiler, with_id
from eye.index.counts import Counts, HitSummary
from eye.index.documents import read_line
from eye.index.engine import Candidates
from eye.index.order import AHEAD, MOST_AT_ONCE, HitOrder
from eye.index.schema import ID, LINE, NAMES, NUMBER, NUMBERED, PAIR, PART, ROW, SHAPES, SWAPPED, US, WHEN, has_terms, pair, schema
from eye.index.terms import Terms
from eye.query.parse import parse
from eye.query.tree import Exists, Node, Pattern, Range, Text, leaves_of
from eye.query.words import fold, without_case
from scout.console import COULD_NOT, Complaint

AT_ONCE = 20_000
"""Hits whose places are asked for at first where all are wanted."""
MOST_VALUES = 400
"""Values that a facet looks at before it joins those that differ in case only."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query made ready: its text, its trees (of the query and of the filters), and what the index is asked. `costly`: every question
    about it makes the engine gather its records anew.
    """

    query: str
    nodes: tuple[Node, ...]
    compiled: tantivy.Query
    costly: bool = False


class Store:
    """The index of one case, opened for reading; built first where it is not up to date. Several threads may ask at the same time.

    `seconds`: time that one question may take where records have to be read.
    """

    def __init__(self, path: str | Path, *, build: bool = True, seconds: float | None = None) -> None:
        self.case, self.seconds = open_case(path), seconds
        self.home = self.case / "index"
        if build and outdated(self.case):
            index(self.case)
        self._lock = threading.Lock()
        self._words: dictionary.Dictionary | None = None
        self._load()

    def _load(self) -> None:
        self.folder = self.home / folder_name()
        if not (self.folder / "meta.json").exists():
            raise Complaint(f"the index of {self.case} is not there.", f"eye index {self.case}", COULD_NOT)
        try:
            if why := damage(self.folder):
                raise ValueError(why)
            self._searcher = readable(self.folder).searcher()
            self.marks = marks(self._searcher)
            if (there := self._searcher.num_docs) != sum(self.marks.values()):
                raise ValueError(f"{there:,} records are there, of {sum(self.marks.values()):,}")
            shapes = [term for term, _ in self._searcher.terms_with_prefix(SHAPES, "")]
        except (ValueError, OSError) as e:
            raise self._damaged(e) from e
        self.records = self._searcher.num_docs
        self._sizes = sizes(self.folder)
        self._names: dict[str, list[str]] = {}
        for shape in shapes:
            code, *names = shape.split(US)
            for name in names:
                self._names.setdefault(name, []).append(code)
        known = registry()
        self.columns = frozenset(name for name in self._names if name in known)
        self._order = HitOrder(self._searcher, self._damaged)
        self._checks = Checks(self._order, self._line, self.seconds)
        self._terms = Terms(self._searcher, self.columns, self.folder)
        self._counts = Counts(self._searcher, self._damaged, self.columns)

    def _damaged(self, why: object) -> Complaint:
        said = (str(why).splitlines() or [""])[0][:300]
        return Complaint(f"the index of {self.case} is damaged: {said}.", f"eye index {self.case} builds it again.", COULD_NOT)

    def _sound(self) -> None:
        """Raise Complaint where a file was cut since it was opened: it is mapped, and to read beyond its end would end the process."""
        for file, size in sizes(self.folder).items():
            if size < self._sizes.get(file, 0):
                raise self._damaged(f"{file} was cut")

    # --- what a query needs of the index

    def names_with(self, name: str) -> list[str]:
        """Return the terms that list a field, or a key below a free-form one."""
        return self._names.get(name, [])

    def words(self) -> bytes:
        """All words of the index, sorted, between line feeds."""
        return self._dictionary().words

    def frequent(self, name: str) -> list[tuple[str, int]]:
        """Return the most frequent words of a field of words with their numbers of records."""
        return self._dictionary().frequent.get(name, [])

    def _dictionary(self) -> dictionary.Dictionary:
        with self._lock:
            if self._words is None:
                self._words = dictionary.read(self.folder, self._searcher)
            return self._words

    def warm(self) -> None:
        """Read the words and terms that the first pattern would wait for. What fails is told to the question that meets it."""
        with contextlib.suppress(Complaint, ValueError):
            self._sound()
            self.words()
            self._terms.read_all()
            self._counts.fine()

    def words_containing(self, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the words that contain a part, or end with it; None for more than `most`."""
        return dictionary.containing(self.words(), part, at_end=at_end, most=most)

    def words_beginning(self, start: str, most: int) -> list[str]:
        """Return the first words that begin so."""
        return dictionary.beginning(self.words(), start, most)

    def has_word(self, word: str) -> bool:
        """Return whether some record has this word."""
        return f"\n{word}\n".encode() in self.words()

    def values_of(self, name: str) -> list[str]:
        """Return the values of a keyword field, folded."""
        return self._terms.of(name) if has_terms(name) else []

    def values_containing(self, name: str, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the values of a keyword field that contain a part, or end with it; None for more than `most`."""
        return self._terms.containing(name, part, at_end=at_end, most=most)

    def terms_matching(self, node: Pattern | Text, most: int) -> Iterator[tuple[str, list[str], bool]]:
        """Yield each field of values with those of its terms that match a clause without a field, and whether they are all: of more than
        `most`, they are only the odd ones.
        """
        return self._terms.matching(node, most)

    def pieces_with(self, name: str, parts: tuple[str, ...], most: int, *, at_end: bool = False) -> list[str] | None:
        """Return the pieces of a text field that hold a pattern, or end with a text; None for more than `most`."""
        return self._terms.pieces(name, parts, most, at_end=at_end)

    def others(self) -> bool:
        """Return whether some record has values that are neither terms nor times nor single words."""
        return self._terms.others

    def texts(self) -> list[str]:
        """Return the text fields that some record has."""
        return self._terms.texts

    def uncut(self, name: str) -> bool:
        """Return whether a text field has a piece that is no term."""
        return name in self._terms.uncut

    def having(self, name: str, term: str) -> int:
        """Return the number of records that have a term."""
        return int(self._searcher.doc_freq(name, term))

    def hits(self, query: tantivy.Query) -> int:
        """Return the number of records that a query of the index finds."""
        return self._order.hits(query)

    def places(self, query: tantivy.Query, most: int) -> list[tantivy.DocAddress] | None:
        """Return the places of the records that a query of the index finds; None for more than `most`."""
        found = self._order.ordered(query, 0, most + 1, NUMBER, descending=False) if self.records else []
        return found if len(found) <= most else None

    def checked(self, node: Checked, candidates: Candidates, *, but: bool = False, fields: Sequence[str] = ()) -> list[int]:
        """Return the row numbers of the candidates that a clause matches (`but`: does not match) when their values are read: those of some
        fields, or all.
        """
        return self._checks.records(node, candidates, but, tuple(fields))

    def checked_numbers(self, name: str, node: Checked, candidates: tantivy.Query) -> list[int]:
        """Return the row numbers of candidates whose number in the columns of a field a clause matches as it is written."""
        return self._checks.numbers(name, node, candidates)

    def odd_numbers(self, name: str, node: Checked) -> list[str]:
        """Return the values of such a field that a clause matches and that are terms, since they are no numbers or several."""
        return [value for value in self._terms.odd_numbers(name) if whole_value(node)(value)]

    # --- a query

    def ask(self, query: str, filters: Iterable[str] = ()) -> Asked:
        """Read and compile a query and further queries that must match too. Raises QueryComplaint."""
        self._sound()
        nodes, parts, costly = [], [], False
        for text in (query, *filters):
            node, compiler = parse(text), Compiler(text, self)
            nodes.append(node)
            parts.append(compiler.compiled(node))
            costly = costly or compiler.costly
        return Asked(query, tuple(nodes), both(parts), costly)

    def ask_node(self, query: str, node: Node) -> Asked:
        """Compile a part of a query that is parsed already."""
        return Asked(query, (node,), Compiler(query, self).compiled(node))

    def within_parts(self, asked: Asked, parts: Iterable[str]) -> Asked:
        """Narrow a question down to the records of certain files (`marks`)."""
        of = tantivy.Query.term_set_query(schema(), PART, list(parts))
        return Asked(asked.query, (), both([asked.compiled, of]))

    # --- answers

    def summary(self, asked: Asked, facets: Sequence[str] = (), *, rows: int = 0, descending: bool = False) -> HitSummary:
        """Total, times, facets of hot fields and the first rows of a query: one pass over the hits, and one over the first of them."""
        found = self._counts.summary(asked.compiled, facets, rows=rows if asked.costly else 0, descending=descending)
        if rows and found.total and not found.rows:
            early = self._counts.early(found, rows + AHEAD, descending=descending)
            query = asked.compiled if early is None else self._narrowed(asked, early)
            found.rows = [int(row) for row in self._order.fast(NUMBER, self._order.page(query, 0, rows, descending=descending))]
        return found

    def _narrowed(self, asked: Asked, within: tantivy.Query) -> tantivy.Query:
        """A question narrowed down: compiled anew, so that words in a row are looked for only there, where compiling costs nothing."""
        leaves = [leaf for node in asked.nodes for leaf in leaves_of(node, wanted=False)]
        if not leaves or not all(isinstance(leaf, (Text, Exists, Range)) for leaf in leaves):
            return both([asked.compiled, within])
        return both([within, *(Compiler(asked.query, self, within).compiled(node) for node in asked.nodes)])

    def count(self, asked: Asked) -> tuple[int, int | None, int | None]:
        """Number of hits, and the first and last time among them (nanoseconds since 1970 UTC, to the second)."""
        found = self._counts.summary(asked.compiled, timed=False)
        return found.total, found.low, found.high

    def histogram(self, asked: Asked, start: int, width: int, buckets: int, known: HitSummary | None = None) -> dict[int, int]:
        """Hits per bucket of `width` nanoseconds (whole seconds) from `start`: bucket number → hits. Records without a time are in none.

        `known`: the summary of the same query, which may be fine enough.
        """
        return self._counts.histogram(asked.compiled, start, width, buckets, known)

    def facet(self, asked: Asked, name: str, limit: int = 6, begin: str = "") -> tuple[list[tuple[str, int]], int]:
        """Most frequent values of a field among the hits, without case, that begin so; and how many there are."""
        known = registry().get(name)
        if known is None or name not in self.columns:
            return [], 0
        if known.type == "keyword" and name not in NUMBERED and not has_terms(name):
            return self._read_facet(asked, name, limit, begin)
        values, folded = self._counts.facet(asked.compiled, name, begin, few=limit <= MOST_VALUES)
        shown = values[:limit]
        return [(self._as_written(name, value), n) for value, n in shown] if folded else shown, len(values)

    def values(self, asked: Asked, name: str) -> list[tuple[str, int]]:
        """Every value of a field, or of a key below a free-form one, with the number of hits that have it, in no order."""
        if name in registry():
            return self.facet(asked, name, 1 << 60)[0]
        head = pair(name, "")
        try:
            terms = self._searcher.terms_with_prefix(PAIR, head, asked.compiled)
        except ValueError as e:
            raise self._damaged(e) from e
        return [(term[len(head) :], int(n)) for term, n in terms if n]

    def _read_facet(self, asked: Asked, name: str, limit: int, begin: str) -> tuple[list[tuple[str, int]], int]:
        """The same for a field whose values are no terms: the records are read."""
        found: Counter[str] = Counter()
        having = both([asked.compiled, tantivy.Query.term_set_query(schema(), NAMES, self.names_with(name))])
        for address in self._order.every(having):
            value = read_line(self._line(address)).get(name)
            found.update({str(one) for one in (value if isinstance(value, list) else [value]) if fold(str(one)).startswith(fold(begin))})
        values = without_case(list(found.items()))
        return values[:limit], len(values)

    def _as_written(self, name: str, folded: str) -> str:
        """A folded value as the first record that has it writes it."""
        term = tantivy.Query.term_query(schema(), name, folded, "basic")
        hits = self._searcher.search(term, limit=1, count=False).hits
        value = read_line(self._line(hits[0][1])).get(name) if hits else None
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and fold(item) == folded:
                return item
        return folded

    def rows(self, asked: Asked, start: int, limit: int, *, descending: bool = False, by: str = WHEN) -> list[dict[str, Any]]:
        """One page of hits in the order of time (or of a column), those without last: whole records, each with its row number as `_row`."""
        return self._read(self._order.page(asked.compiled, start, limit, descending=descending, by=by))

    def by_rows(self, rows: list[int]) -> list[dict[str, Any]]:
        """Whole records by row number, in the order given; unknown numbers are left out."""
        return self._by(rows, tantivy.Query.term_set_query(schema(), NUMBER, rows) if rows else tantivy.Query.empty_query(), ROW)

    def by_ids(self, ids: list[str]) -> list[dict[str, Any]]:
        """Whole records by `escadre.id`, in the order given; unknown ids are left out."""
        return self._by(ids, union([with_id(one) for one in ids]), ID)

    def _by(self, wanted: Sequence[Any], query: tantivy.Query, key: str) -> list[dict[str, Any]]:
        self._sound()
        if not wanted:
            return []
        hits = self._searcher.search(query, limit=len(wanted), count=False).hits
        found = {record[key]: record for record in self._read([address for _, address in hits])}
        return [found[one] for one in wanted if one in found]

    def position(self, asked: Asked, row: int, *, descending: bool = False) -> int | None:
        """Place of a record among the hits, from 0, in the order of `rows`; None if it is no hit."""
        me = both([asked.compiled, tantivy.Query.term_query(schema(), NUMBER, row)])
        hits = self._searcher.search(me, limit=1, count=False).hits
        if not hits:
            return None
        at = self._order.fast(WHEN, [hits[0][1]])[0]
        before = both([asked.compiled, self._order.before(WHEN, at, descending=descending)])
        earlier = tantivy.Query.range_query(schema(), NUMBER, tantivy.FieldType.Unsigned, 0, row, True, False)
        return self._order.hits(before) + self._order.hits(both([asked.compiled, self._order.same(WHEN, at), earlier]))

    def lines(self, asked: Asked, limit: int | None = None, *, descending: bool = False, by: str = WHEN) -> Iterator[bytes]:
        """The JSON lines of the hits as they are in the case, in the order of time (or of a column); all of them unless `limit`."""
        start, most = 0, AT_ONCE
        while limit is None or start < limit:
            size = most if limit is None else min(most, limit - start)
            found = self._order.page(asked.compiled, start, size, descending=descending, by=by)
            yield from map(self._line, found)
            if len(found) < size:
                return
            start, most = start + size, min(most * 4, MOST_AT_ONCE)

    def close(self) -> None:
        """Release the files: they are mapped until the last question has ended."""
        self._words = None

    # --- places and records

    def _line(self, address: tantivy.DocAddress) -> bytes:
        try:
            return str(self._searcher.doc(address)[LINE][0]).encode().translate(SWAPPED)
        except (ValueError, OSError, IndexError) as e:
            raise self._damaged(e) from e

    def _read(self, addresses: list[tantivy.DocAddress]) -> list[dict[str, Any]]:
        """The records at some places, each with its row number."""
        try:
            found = [read_line(self._line(address)) for address in addresses]
        except ValueError as e:
            raise self._damaged(e) from e
        for record, number in zip(found, self._order.fast(NUMBER, addresses), strict=True):
            record[ROW] = number
        return found
