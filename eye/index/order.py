"""The order of hits: pages of places by time or by another column, those without a value last, equal ones by row number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tantivy

from commodore.schema import registry
from eye.index.clauses import both
from eye.index.schema import HIGH, ID, LOW, NUMBER, WHEN, column, schema
from scout.console import Complaint

MOST_AT_ONCE = 500_000
"""Hits whose places are asked for at a time where all are wanted: each time the engine goes through all hits anew."""
AHEAD = 200
"""Hits behind a page that are looked at too: a group of equal values that ends among them needs no question of its own."""


class HitOrder:
    """Reads an open index. `damaged` makes the complaint about what the engine could not read."""

    def __init__(self, searcher: tantivy.Searcher, damaged: Callable[[object], Complaint]) -> None:
        self._searcher, self._damaged, self._records = searcher, damaged, searcher.num_docs

    def page(self, query: tantivy.Query, start: int, limit: int, *, descending: bool = False, by: str = WHEN) -> list[tantivy.DocAddress]:
        """The places of one page of hits: by a column, those without a value last, equal ones by row number.

        The engine orders equal values by where it happens to have put them, so the groups at both ends of a page are read by row number.
        """
        limit = min(limit, self._records - start)
        if limit < 1:
            return []
        first = max(0, start - 1)
        begin, asked = start - first, start - first + limit + AHEAD
        wide = self.ordered(query, first, asked, by, descending=descending)
        keys = self.fast(by, wide)
        end = stop = min(begin + limit, len(wide))
        if end <= begin:
            return []
        while stop < len(wide) and keys[stop] == keys[end - 1]:  # the last group goes on behind the page
            stop += 1
        cut = ({keys[begin]} if start and keys[0] == keys[begin] else set()) | ({keys[end - 1]} if end < stop == asked else set())
        groups: dict[Any, list[tantivy.DocAddress]] = {}
        for key, address in zip(keys[begin:stop], wide[begin:stop], strict=True):
            groups.setdefault(key, []).append(address)
        page: list[tantivy.DocAddress] = []
        for key, members in groups.items():
            if key in cut:
                place = start + len(page) - self.hits(both([query, self.before(by, key, descending=descending)]))
                page += self.ordered(both([query, self.same(by, key)]), place, len(members), NUMBER, descending=False)
            else:
                rows = self.fast(NUMBER, members)
                page += [address for _, address in sorted(zip(rows, members, strict=True), key=lambda pair: pair[0])]
        return page[:limit]

    def ordered(self, query: tantivy.Query, start: int, limit: int, by: str, *, descending: bool) -> list[tantivy.DocAddress]:
        order = tantivy.Order.Desc if descending else tantivy.Order.Asc
        try:
            hits = self._searcher.search(query, limit=limit, offset=start, count=False, order_by_field=by, order=order).hits
        except ValueError as e:
            raise self._damaged(e) from e
        return [address for _, address in hits]

    def every(self, query: tantivy.Query) -> Iterator[tantivy.DocAddress]:
        """The places of all hits, by row number."""
        size = min(self._records, MOST_AT_ONCE)
        for start in range(0, self._records, MOST_AT_ONCE):
            found = self.ordered(query, start, size, NUMBER, descending=False)
            yield from found
            if len(found) < size:
                return

    @staticmethod
    def _kind(by: str) -> Any:
        known = registry().get(by)
        return tantivy.FieldType.Float if known and known.type == "double" else tantivy.FieldType.Integer

    def before(self, by: str, key: Any, *, descending: bool) -> tantivy.Query:
        """Records that come before those with a value of a column."""
        if key is None:
            return tantivy.Query.exists_query(by)
        low, high = (key, None) if descending else (None, key)
        return tantivy.Query.range_query(schema(), by, self._kind(by), low, high, not descending, descending)

    def same(self, by: str, key: Any) -> tantivy.Query:
        """Records with a value of a column, or without any."""
        query = tantivy.Query
        if key is None:
            return query.boolean_query([(tantivy.Occur.Must, query.all_query()), (tantivy.Occur.MustNot, query.exists_query(by))])
        return query.range_query(schema(), by, self._kind(by), key, key)

    def fast(self, name: str, addresses: list[tantivy.DocAddress]) -> list[Any]:
        return list(self._searcher.fast_field_values(name, addresses))

    def numbers(self, name: str, addresses: list[tantivy.DocAddress]) -> Iterator[str]:
        """The numbers of records in the columns of a numbered field, or of ids, as they are written."""
        if name != ID:
            return map(str, self.fast(column(name), addresses))
        return (f"{high:016x}{low:016x}" for high, low in zip(self.fast(HIGH, addresses), self.fast(LOW, addresses), strict=True))

    def hits(self, query: tantivy.Query) -> int:
        """Number of records that a query of the index finds."""
        if not self._records:
            return 0
        found: Any = self._searcher.search(query, limit=1, count=True)  # its type does not declare `count`
        return int(found.count or 0)
