"""The numbers of a panel, counted by the embedded index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eye.dashboards.declaration import NUMBER, OVER_TIME, RECORDS, ROWS, TOP, Dashboard, Panel
from eye.dashboards.scope import Scope, queries
from eye.index.store import Store
from eye.query.clause import clause

OTHER = "other"
"""What a panel over time calls records whose values are none of the most frequent. Records without a value are not shown."""


@dataclass(frozen=True, slots=True)
class PanelNumbers:
    """`number`; `values`: (value, records), the most frequent first; `series`: value → bar → records; `rows`: whole records."""

    panel: Panel
    total: int
    """records that the panel counts"""
    number: int = 0
    values: tuple[tuple[str, int], ...] = ()
    different: int = 0
    series: dict[str, dict[int, int]] = field(default_factory=dict)
    rows: tuple[dict[str, Any], ...] = ()


def filters(dashboard: Dashboard, panel: Panel, scope: Scope | None, value: str = "") -> tuple[str, ...]:
    """Return the queries of a panel with the range of time where its dashboard has one. A panel over time always has."""
    limited = scope is not None and (dashboard.timed or panel.kind == OVER_TIME)
    return (*queries(dashboard, panel, value), *((scope.clause(),) if scope and limited else ()))


def numbers(store: Store, dashboard: Dashboard, panel: Panel, scope: Scope | None, value: str = "") -> PanelNumbers:
    """Return the numbers of a panel. Raises Complaint."""
    asked_for = filters(dashboard, panel, scope, value)
    asked = store.ask("", asked_for)
    total, _, _ = store.count(asked)
    if panel.kind == NUMBER:
        return PanelNumbers(panel, total, total if panel.field == RECORDS else len(store.values(asked, panel.field)))
    if panel.kind == TOP:
        values, different = store.facet(asked, panel.field, panel.limit)
        return PanelNumbers(panel, total, values=tuple(values), different=different)
    if panel.kind == ROWS:
        return PanelNumbers(panel, total, rows=tuple(store.rows(asked, 0, panel.limit, descending=True)))
    if scope is None:
        return PanelNumbers(panel, total)
    if panel.field == RECORDS:
        return PanelNumbers(panel, total, series={RECORDS: store.histogram(asked, scope.start, scope.width, scope.bars)})
    values, different = store.facet(asked, panel.field, panel.limit)
    series = {
        shown: store.histogram(store.ask("", (*asked_for, clause(panel.field, shown))), scope.start, scope.width, scope.bars)
        for shown, _ in values
    }
    rest = tuple(clause(panel.field, shown, out=True) for shown, _ in values)
    others = store.ask("", (*asked_for, f"_exists_:{panel.field}", *rest))
    series[OTHER] = store.histogram(others, scope.start, scope.width, scope.bars)
    return PanelNumbers(panel, total, values=tuple(values), different=different, series={k: v for k, v in series.items() if v})
