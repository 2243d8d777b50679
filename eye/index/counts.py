"""Counts of a query: total, first and last time, histogram and facets, in one pass of the engine over the hits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import tantivy

from commodore.schema import registry
from eye.index.schema import NANO, NUMBER, SECOND, UNTIMED, WHEN, column, hot_fields, schema
from eye.query.words import fold, without_case
from scout.console import Complaint

FINE = (60, 600, 3_600, 86_400)
"""Seconds of a bucket of the histogram that a summary has, the finest of which few are filled."""
MOST_BARS = 3_000
SHOWN = 6
"""Values of a facet in a summary."""
LISTED, LOOKED_AT = 1_000, 2_000
"""Values of a field that a facet asks for, and that each segment looks at."""
ALL_VALUES = 65_000


@dataclass(slots=True)
class HitSummary:
    """`low`, `high`: nanoseconds since 1970 UTC, to the second. `bars`: second at which a bucket of `width` seconds begins → hits.

    `facets`: field → most frequent values with their hits, and how many different ones there are. `rows`: numbers of the first records.
    """

    total: int = 0
    low: int | None = None
    high: int | None = None
    width: int = 0
    bars: dict[int, int] = field(default_factory=dict)
    facets: dict[str, tuple[list[tuple[str, int]], int]] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)


class Counts:
    """Asks an open index. `damaged` makes the complaint about what the engine could not read."""

    def __init__(self, searcher: tantivy.Searcher, damaged: Callable[[object], Complaint], columns: Collection[str]) -> None:
        self._searcher, self._damaged, self._columns = searcher, damaged, columns
        self._lock = threading.Lock()
        self._fine: int | None = None
        self._clamped: bool | None = None

    def aggregate(self, query: tantivy.Query, wanted: dict[str, Any]) -> dict[str, Any]:
        """Ask the engine once. Raises Complaint."""
        try:
            return dict(self._searcher.aggregate(query, wanted))
        except ValueError as e:
            raise self._damaged(e) from e

    def summary(
        self, query: tantivy.Query, facets: Sequence[str] = (), *, timed: bool = True, rows: int = 0, descending: bool = False
    ) -> HitSummary:
        """Ask for all of it. `timed`: with the histogram. `rows`: with the first so many rows, where all of these have a time. It costs
        more than to ask for them in a second pass, unless the engine must gather the hits anew for that.
        """
        if not self._searcher.num_docs:
            return HitSummary()
        rest = NUMBER if self.clamped() else UNTIMED  # a record has a second or is untimed, unless its time was brought into 64 bits
        wanted: dict[str, Any] = {"rest": {"value_count": {"field": rest}}, "ends": {"stats": {"field": SECOND}}}
        width = self.fine() if timed else 0
        if width:
            wanted["time"] = {"histogram": {"field": SECOND, "interval": width, "min_doc_count": 1}}
        hot = [name for name in facets if name in hot_fields() and name in self._columns]
        for name in hot:
            wanted[name] = {"terms": {"field": name, "size": LISTED, "segment_size": LOOKED_AT}}
        if rows:
            order = [{WHEN: "desc" if descending else "asc"}, {NUMBER: "asc"}]
            wanted["first"] = {"top_hits": {"size": rows, "sort": order, "docvalue_fields": [NUMBER, WHEN]}}
        found = self.aggregate(query, wanted)
        low, high = found["ends"]["min"], found["ends"]["max"]
        uncounted = [name for name in hot if found[name]["sum_other_doc_count"]]
        counted = self.aggregate(query, {name: {"cardinality": {"field": name}} for name in uncounted}) if uncounted else {}
        return HitSummary(
            int(found["rest"]["value"]) + (int(found["ends"]["count"]) if rest == UNTIMED else 0),
            None if low is None else int(low) * NANO,
            None if high is None else int(high) * NANO + NANO - 1,
            width,
            {round(b["key"]): int(b["doc_count"]) for b in found["time"]["buckets"]} if width else {},
            {name: _facet(found[name]["buckets"], counted.get(name, {}).get("value", 0)) for name in hot},
            _rows(found["first"]["hits"]) if rows else [],
        )

    def clamped(self) -> bool:
        """Return whether the index has times that 64 bits do not hold: they come first or last in order, and have no second."""
        with self._lock:
            if self._clamped is None:
                seconds = {"x": {"value_count": {"field": SECOND}}, "y": {"value_count": {"field": UNTIMED}}}
                found = self.aggregate(tantivy.Query.all_query(), seconds)
                self._clamped = int(found["x"]["value"]) + int(found["y"]["value"]) != self._searcher.num_docs
            return self._clamped

    def early(self, found: HitSummary, wanted: int, *, descending: bool) -> tantivy.Query | None:
        """Return a span of time that holds the first `wanted` hits of a summary: no others need to be ordered. None for all time."""
        if found.total <= 4 * wanted or sum(found.bars.values()) < wanted or found.low is None or found.high is None:
            return None
        hits = 0
        for second in sorted(found.bars, reverse=descending):
            hits += found.bars[second]
            if hits >= wanted:
                break
        low: int | None = second * NANO if descending else found.low
        high: int | None = found.high if descending else (second + found.width) * NANO
        if self.clamped():
            low, high = (low, None) if descending else (None, high)
        return tantivy.Query.range_query(schema(), WHEN, tantivy.FieldType.Integer, low, high)

    def fine(self) -> int:
        """Seconds of the buckets of summaries; 0 where even days are too many."""
        with self._lock:
            if self._fine is None:
                self._fine = 0
                for width in reversed(FINE):  # to count the buckets of the finest costs most
                    if self._filled(width) > MOST_BARS:
                        break
                    self._fine = width
            return self._fine

    def _filled(self, width: int) -> int:
        wanted = {"time": {"histogram": {"field": SECOND, "interval": width, "min_doc_count": 1}}}
        try:
            return len(self._searcher.aggregate(tantivy.Query.all_query(), wanted)["time"]["buckets"])
        except ValueError:  # more than the engine makes
            return MOST_BARS + 1

    def histogram(self, query: tantivy.Query, start: int, width: int, buckets: int, known: HitSummary | None) -> dict[int, int]:
        """Bucket number → hits; from the summary of the same query where that is fine enough."""
        at, step = start // NANO, max(1, width // NANO)
        if known is not None and known.width and step % known.width == 0 and at % known.width == 0:
            joined: Counter[int] = Counter()
            for second, n in known.bars.items():
                joined[(second - at) // step] += n
            return {n: count for n, count in joined.items() if 0 <= n < buckets}
        bounds = {"min": at, "max": at + step * buckets - 1}
        wanted = {"histogram": {"field": SECOND, "interval": step, "offset": at % step, "min_doc_count": 1, "hard_bounds": bounds}}
        found = self.aggregate(query, {"time": wanted})["time"]["buckets"] if self._searcher.num_docs else []
        bars = {round((b["key"] - at) / step): int(b["doc_count"]) for b in found}
        return {n: count for n, count in bars.items() if 0 <= n < buckets}

    def facet(self, query: tantivy.Query, name: str, begin: str, *, few: bool) -> tuple[list[tuple[str, int]], bool]:
        """Values of a field that begin so, the most frequent first, each with its hits; and whether they are folded.

        `few`: the first values of a hot field suffice.
        """
        kind = registry()[name].type
        if few and not begin and name in hot_fields():
            found = self.aggregate(query, {"x": {"terms": {"field": name, "size": ALL_VALUES, "segment_size": ALL_VALUES}}})["x"]["buckets"]
            return without_case([(str(b["key"]), int(b["doc_count"])) for b in found]), False
        if kind == "keyword" and column(name) == name:
            terms = self._searcher.terms_with_prefix(name, fold(begin), query)
            values, folded = [(term, int(n)) for term, n in terms if n], True
        else:
            buckets = self.aggregate(query, {"x": {"terms": {"field": column(name), "size": ALL_VALUES, "segment_size": ALL_VALUES}}})
            values = [(str(b.get("key_as_string", b["key"])), int(b["doc_count"])) for b in buckets["x"]["buckets"]]
            values, folded = [one for one in values if one[0].startswith(begin)], False
        return sorted(values, key=lambda pair: (-pair[1], pair[0])), folded


def _rows(hits: list[dict[str, Any]]) -> list[int]:
    """Numbers of records; none where one has no time, since those come last, and the engine may put them first."""
    values = [hit["docvalue_fields"] for hit in hits]
    return [int(value[NUMBER][0]) for value in values] if all(value.get(WHEN) for value in values) else []


def _facet(buckets: list[dict[str, Any]], different: float) -> tuple[list[tuple[str, int]], int]:
    joined = without_case([(str(b["key"]), int(b["doc_count"])) for b in buckets])
    return joined[:SHOWN], max(len(joined), round(different))
