"""The index of one case, open for questions: hits, histogram, facets, pages of records, single records."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import tantivy

from commodore.schema import registry
from eye.case import open_case
from eye.index import dictionary
from eye.index.build import damage, folder_name, index, marks, outdated, readable
from eye.index.check import in_line, matcher, prefilter
from eye.index.compile import Compiler, both
from eye.index.schema import LINE, NAMES, NANO, NUMBER, PAIR, PART, PREFIX, ROW, SECOND, US, WHEN, hot_fields, schema
from eye.query.parse import parse
from eye.query.tree import Node, Pattern, Text
from eye.query.words import fold, without_case
from scout.console import COULD_NOT, Complaint

CACHED = 64
"""Results of clauses that had to read records, and counts of facets, that are kept."""
CACHED_BYTES = 64_000_000
"""Bytes of values of fields that are kept for wildcards."""
VALUE_BREAK = "\x1d"
AT_ONCE = 20_000
"""Hits whose places are asked for at a time where all are wanted."""
MOST_VALUES = 400
"""Values that a facet looks at before it joins those that differ in case only."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query made ready: its text, its trees (of the query and of the filters), and what the index is asked."""

    query: str
    nodes: tuple[Node, ...]
    compiled: tantivy.Query


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
        self._checked: OrderedDict[str, list[int]] = OrderedDict()
        self._words = b""
        self._values: OrderedDict[str, bytes] = OrderedDict()
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
            shapes = [term for term, _ in self._searcher.terms_with_prefix(NAMES, "")]
        except (ValueError, OSError) as e:
            raise self._damaged(e) from e
        self.records = self._searcher.num_docs
        self._names: dict[str, list[str]] = {}
        for shape in shapes:
            for name in shape.split(US):
                self._names.setdefault(name, []).append(shape)
        known = registry()
        self.columns = frozenset(name for name in self._names if name in known)

    def _damaged(self, why: object) -> Complaint:
        said = (str(why).splitlines() or [""])[0][:300]
        return Complaint(f"the index of {self.case} is damaged: {said}.", f"eye index {self.case} builds it again.", COULD_NOT)

    # --- what a query needs of the index

    def names_with(self, name: str) -> list[str]:
        """Return the terms that list a field, or a key below a free-form one."""
        return self._names.get(name, [])

    def words(self) -> bytes:
        """All words of the index, sorted, between line feeds."""
        with self._lock:
            if not self._words:
                self._words = dictionary.read(self.folder, self._searcher)
            return self._words

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
        head = f"{name}{US}"
        return [term[len(head) :] for term, _ in self._searcher.terms_with_prefix(PAIR, head)]

    def values_containing(self, name: str, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the values of a keyword field that contain a part, or end with it; None for more than `most`."""
        with self._lock:
            block = self._values.get(name)
        if block is None:
            block = (VALUE_BREAK + VALUE_BREAK.join(self.values_of(name)) + VALUE_BREAK).encode()
            with self._lock:
                self._values[name] = block
                while sum(map(len, self._values.values())) > CACHED_BYTES and len(self._values) > 1:
                    self._values.popitem(last=False)
        return dictionary.containing(block, part, at_end=at_end, most=most, between=VALUE_BREAK.encode())

    def checked(self, node: Pattern | Text, candidates: tantivy.Query) -> list[int]:
        """Return the row numbers of the candidates that a clause matches when their records are read."""
        key = repr((node.field, node.parts if isinstance(node, Pattern) else (node.text, node.slop)))
        with self._lock:
            if key in self._checked:
                self._checked.move_to_end(key)
                return self._checked[key]
        fits, holds, certain, rows = matcher(node), prefilter(node), in_line(node), []
        until = time.monotonic() + self.seconds if self.seconds else None
        for address in self._all(candidates):
            line = self._line(address)
            if until and time.monotonic() > until:
                raise Complaint(
                    f"stopped after {self.seconds:.0f} s: too many records hold words of this pattern.",
                    "Narrow the time, name a keyword field, or write a longer word.",
                    COULD_NOT,
                )
            if holds is not None and not holds.search(line):
                continue
            sure = certain is not None and certain.search(line) is not None
            if sure or ((certain is None or not line.isascii()) and fits(orjson.loads(line))):
                rows.append(address)
        found = [int(row) for row in self._fast(NUMBER, rows)]
        with self._lock:
            self._checked[key] = found
            while len(self._checked) > CACHED:
                self._checked.popitem(last=False)
        return found

    # --- a query

    def ask(self, query: str, filters: Iterable[str] = ()) -> Asked:
        """Read and compile a query and further queries that must match too. Raises QueryComplaint."""
        nodes, parts = [], []
        for text in (query, *filters):
            node = parse(text)
            nodes.append(node)
            parts.append(Compiler(text, self).compiled(node))
        return Asked(query, tuple(nodes), both(parts))

    def ask_node(self, query: str, node: Node) -> Asked:
        """Compile a part of a query that is parsed already."""
        return Asked(query, (node,), Compiler(query, self).compiled(node))

    def within_parts(self, asked: Asked, parts: Iterable[str]) -> Asked:
        """Narrow a question down to the records of certain files (`marks`)."""
        of = tantivy.Query.term_set_query(schema(), PART, list(parts))
        return Asked(asked.query, asked.nodes, both([asked.compiled, of]))

    # --- answers

    def _aggregate(self, asked: Asked, wanted: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(self._searcher.aggregate(asked.compiled, wanted))
        except ValueError as e:
            raise self._damaged(e) from e

    def hits(self, query: tantivy.Query) -> int:
        """Number of records that a query of the index finds."""
        if not self.records:
            return 0
        found: Any = self._searcher.search(query, limit=1, count=True)  # its type does not declare `count`
        return int(found.count or 0)

    def count(self, asked: Asked) -> tuple[int, int | None, int | None]:
        """Number of hits, and the first and last time among them (nanoseconds since 1970 UTC, to the second)."""
        if not self.records:
            return 0, None, None
        ends = {"low": {"min": {"field": SECOND}}, "high": {"max": {"field": SECOND}}}
        found = self._aggregate(asked, {**ends, "total": {"value_count": {"field": NUMBER}}})
        total, low, high = int(found["total"]["value"]), found["low"]["value"], found["high"]["value"]
        return total, None if low is None else int(low) * NANO, None if high is None else int(high) * NANO + NANO - 1

    def histogram(self, asked: Asked, start: int, width: int, buckets: int) -> dict[int, int]:
        """Hits per bucket of `width` nanoseconds (whole seconds) from `start`: bucket number → hits. Records without a time are in none."""
        return self.overview(asked, start, width, buckets, ())[0]

    def overview(
        self, asked: Asked, start: int, width: int, buckets: int, facets: Sequence[str], limit: int = 6
    ) -> tuple[dict[int, int], dict[str, tuple[list[tuple[str, int]], int]]]:
        """Histogram and facets of hot fields in one pass over the hits."""
        at, step = start // NANO, max(1, width // NANO)
        wanted: dict[str, Any] = {
            "time": {
                "histogram": {
                    "field": SECOND,
                    "interval": step,
                    "offset": at % step,
                    "min_doc_count": 1,
                    "hard_bounds": {"min": at, "max": at + step * buckets - 1},
                }
            }
        }
        hot = [name for name in facets if name in hot_fields() and name in self.columns]
        for name in hot:
            wanted[name] = {"terms": {"field": PREFIX + name, "size": max(64, limit * 4), "segment_size": 2_000}}
            wanted[f"#{name}"] = {"cardinality": {"field": PREFIX + name}}
        found = self._aggregate(asked, wanted)
        bars = {round((b["key"] - at) / step): int(b["doc_count"]) for b in found["time"]["buckets"]}
        bars = {n: count for n, count in bars.items() if 0 <= n < buckets}
        told = {}
        for name in hot:
            values = [(str(b["key"]), int(b["doc_count"])) for b in found[name]["buckets"]]
            joined = without_case(values)
            more = found[name]["sum_other_doc_count"]
            different = max(len(joined), round(found[f"#{name}"]["value"])) if more else len(joined)
            told[name] = (joined[:limit], different)
        return bars, told

    def facet(self, asked: Asked, name: str, limit: int = 6, begin: str = "") -> tuple[list[tuple[str, int]], int]:
        """Most frequent values of a field among the hits, without case, that begin so; and how many there are."""
        known = registry().get(name)
        if known is None or name not in self.columns:
            return [], 0
        if name in hot_fields() and not begin and limit <= MOST_VALUES:
            return self.overview(asked, 0, NANO, 1, (name,), limit)[1].get(name, ([], 0))
        if known.type in ("keyword", "boolean"):
            head = f"{name}{US}"
            found = self._searcher.terms_with_prefix(PAIR, head + fold(begin), asked.compiled)
            values = [(term[len(head) :], int(n)) for term, n in found if n]
        else:
            buckets = self._aggregate(asked, {"x": {"terms": {"field": name, "size": 65_000, "segment_size": 65_000}}})["x"]["buckets"]
            values = [(str(b["key"]), int(b["doc_count"])) for b in buckets if str(b["key"]).startswith(begin)]
        values.sort(key=lambda pair: (-pair[1], pair[0]))
        shown = [(self._as_written(name, value), n) for value, n in values[:limit]] if known.type == "keyword" else values[:limit]
        return shown, len(values)

    def values(self, asked: Asked, name: str) -> list[tuple[str, int]]:
        """Every value of a field among the hits with the number of records that have it, in no order."""
        return self.facet(asked, name, 1 << 60)[0]

    def _as_written(self, name: str, folded: str) -> str:
        """A folded value as the first record that has it writes it."""
        term = tantivy.Query.term_query(schema(), PAIR, f"{name}{US}{folded}", "basic")
        hits = self._searcher.search(term, limit=1, count=False).hits
        value = orjson.loads(self._line(hits[0][1])).get(name) if hits else None
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and fold(item) == folded:
                return item
        return folded

    def rows(self, asked: Asked, start: int, limit: int, *, descending: bool = False, by: str = WHEN) -> list[dict[str, Any]]:
        """One page of hits in the order of time (or of a column), those without last: whole records, each with its row number as `_row`."""
        return [self._record(address) for address in self._page(asked.compiled, start, limit, descending=descending, by=by)]

    def by_rows(self, rows: list[int]) -> list[dict[str, Any]]:
        """Whole records by row number, in the order given; unknown numbers are left out."""
        return self._by(rows, NUMBER, rows, ROW)

    def by_ids(self, ids: list[str]) -> list[dict[str, Any]]:
        """Whole records by `escadre.id`, in the order given; unknown ids are left out."""
        return self._by(ids, PAIR, [f"escadre.id{US}{i}" for i in ids], "escadre.id")

    def _by(self, wanted: Sequence[Any], field: str, terms: Sequence[Any], key: str) -> list[dict[str, Any]]:
        if not wanted:
            return []
        query = tantivy.Query.term_set_query(schema(), field, list(terms))
        hits = self._searcher.search(query, limit=len(wanted), count=False).hits
        found = {record[key]: record for record in (self._record(address) for _, address in hits)}
        return [found[one] for one in wanted if one in found]

    def position(self, asked: Asked, row: int, *, descending: bool = False) -> int | None:
        """Place of a record among the hits, from 0, in the order of `rows`; None if it is no hit."""
        me = both([asked.compiled, tantivy.Query.term_query(schema(), NUMBER, row)])
        hits = self._searcher.search(me, limit=1, count=False).hits
        if not hits:
            return None
        at = self._fast(WHEN, [hits[0][1]])[0]
        before = both([asked.compiled, self._before(WHEN, at, descending=descending)])
        earlier = tantivy.Query.range_query(schema(), NUMBER, tantivy.FieldType.Unsigned, 0, row, True, False)
        return self.hits(before) + self.hits(both([asked.compiled, self._same(WHEN, at), earlier]))

    def lines(self, asked: Asked, limit: int | None = None, *, descending: bool = False, by: str = WHEN) -> Iterator[bytes]:
        """The JSON lines of the hits as they are in the case, in the order of time (or of a column); all of them unless `limit`."""
        start = 0
        while limit is None or start < limit:
            size = AT_ONCE if limit is None else min(AT_ONCE, limit - start)
            found = self._page(asked.compiled, start, size, descending=descending, by=by)
            yield from map(self._line, found)
            if len(found) < size:
                return
            start += size

    def close(self) -> None:
        """Release the files: they are mapped until the last question has ended."""
        self._words = b""

    # --- places and records

    def _page(self, query: tantivy.Query, start: int, limit: int, *, descending: bool = False, by: str = WHEN) -> list[tantivy.DocAddress]:
        """The places of one page of hits: by a column, those without a value last, equal ones by row number.

        The engine orders equal values by where it happens to have put them, so the groups at both ends of a page are read by row number.
        """
        limit = min(limit, self.records - start)
        if limit < 1:
            return []
        first = max(0, start - 1)
        wide = self._ordered(query, first, start - first + limit + 1, by, descending=descending)
        found, keys = wide[start - first : start - first + limit], self._fast(by, wide)
        inside = keys[start - first : start - first + limit]
        groups: dict[Any, list[tantivy.DocAddress]] = {}
        for key, address in zip(inside, found, strict=True):
            groups.setdefault(key, []).append(address)
        cut = ({inside[0]} if found and start and keys[0] == inside[0] else set()) | (
            {inside[-1]} if found and len(keys) > start - first + limit and keys[-1] == inside[-1] else set()
        )
        page: list[tantivy.DocAddress] = []
        for key, members in groups.items():
            if key in cut:
                place = start + len(page) - self.hits(both([query, self._before(by, key, descending=descending)]))
                page += self._ordered(both([query, self._same(by, key)]), place, len(members), NUMBER, descending=False)
            else:
                rows = self._fast(NUMBER, members)
                page += [address for _, address in sorted(zip(rows, members, strict=True), key=lambda pair: pair[0])]
        return page

    def _ordered(self, query: tantivy.Query, start: int, limit: int, by: str, *, descending: bool) -> list[tantivy.DocAddress]:
        order = tantivy.Order.Desc if descending else tantivy.Order.Asc
        try:
            hits = self._searcher.search(query, limit=limit, offset=start, count=False, order_by_field=by, order=order).hits
        except ValueError as e:
            raise self._damaged(e) from e
        return [address for _, address in hits]

    @staticmethod
    def _kind(by: str) -> Any:
        known = registry().get(by)
        return tantivy.FieldType.Float if known and known.type == "double" else tantivy.FieldType.Integer

    def _before(self, by: str, key: Any, *, descending: bool) -> tantivy.Query:
        """Records that come before those with a value of a column."""
        if key is None:
            return tantivy.Query.exists_query(by)
        low, high = (key, None) if descending else (None, key)
        return tantivy.Query.range_query(schema(), by, self._kind(by), low, high, not descending, descending)

    def _same(self, by: str, key: Any) -> tantivy.Query:
        """Records with a value of a column, or without any."""
        query = tantivy.Query
        if key is None:
            return query.boolean_query([(tantivy.Occur.Must, query.all_query()), (tantivy.Occur.MustNot, query.exists_query(by))])
        return query.range_query(schema(), by, self._kind(by), key, key)

    def _all(self, query: tantivy.Query) -> Iterator[tantivy.DocAddress]:
        for start in range(0, self.records, AT_ONCE):
            found = self._ordered(query, start, AT_ONCE, NUMBER, descending=False)
            yield from found
            if len(found) < AT_ONCE:
                return

    def _fast(self, name: str, addresses: list[tantivy.DocAddress]) -> list[Any]:
        return list(self._searcher.fast_field_values(name, addresses))

    def _line(self, address: tantivy.DocAddress) -> bytes:
        try:
            return bytes(self._searcher.doc(address)[LINE][0])
        except (ValueError, OSError, IndexError) as e:
            raise self._damaged(e) from e

    def _record(self, address: tantivy.DocAddress) -> dict[str, Any]:
        try:
            record: dict[str, Any] = orjson.loads(self._line(address))
        except orjson.JSONDecodeError as e:
            raise self._damaged(e) from e
        record[ROW] = self._fast(NUMBER, [address])[0]
        return record
