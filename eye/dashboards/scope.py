"""What the dashboards of a case have in common for both engines: range of time, width of a bar, and the query of each panel.

A time outside 1970 to 2262 is none in Elasticsearch (`date_nanos`), so none is counted here where a dashboard is limited to the range.
"""

from __future__ import annotations

from dataclasses import dataclass

from eye.dashboards.bars import bucket
from eye.dashboards.declaration import Dashboard, Panel
from eye.index.store import Store
from eye.query.clause import clause
from eye.query.values import ES_NS_MIN, isotime

MILLI = 1_000_000
"""Nanoseconds of the smallest step of Kibana's range of time."""
ALL_TIMES = f'@timestamp:["{isotime(ES_NS_MIN, 3)}" TO *]'


@dataclass(frozen=True, slots=True)
class Scope:
    """Range of time in nanoseconds since 1970 UTC, both ends included and in whole milliseconds; bars of `width` nanoseconds from
    `start`.
    """

    low: int
    high: int
    start: int
    width: int
    bars: int

    @property
    def window(self) -> tuple[str, str]:
        """Both ends as text with milliseconds."""
        return isotime(self.low, 3), isotime(self.high, 3)

    def clause(self) -> str:
        """The range as a filter."""
        first, last = self.window
        return f'@timestamp:["{first}" TO "{last}"]'


def scope_of(store: Store, query: str = "", filters: tuple[str, ...] = ()) -> Scope | None:
    """Return the range of the records that a query finds; None where none has a time from 1970 on."""
    _, low, high = store.count(store.ask(query, (ALL_TIMES, *filters)))
    if low is None or high is None:
        return None
    low, high = low // MILLI * MILLI, -(-(high + 1) // MILLI) * MILLI
    start, width, bars = bucket(low, high)
    return Scope(low, high, start, width, bars)


def queries(dashboard: Dashboard, panel: Panel, value: str = "") -> tuple[str, ...]:
    """Return the queries that all must match for a panel, the range of time not among them. `value`: of the field `each`,
    '' where that is asked for elsewhere.
    """
    found = [query for query in (dashboard.query, panel.query) if query]
    return (*found, clause(dashboard.each, value)) if dashboard.each and value else tuple(found)
