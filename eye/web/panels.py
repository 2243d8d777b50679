"""The panels of a dashboard as numbers for HTML and SVG. Widths and places are attributes, never styles.

A panel over time has one strip of bars for each value, all on one scale: the page gives no colour to a category.
"""

from __future__ import annotations

from typing import Any

from eye.dashboards.declaration import NUMBER, OVER_TIME, RECORDS, ROWS, Dashboard, Panel
from eye.dashboards.numbers import OTHER, PanelNumbers, filters
from eye.dashboards.scope import Scope
from eye.output import named, shown_value
from eye.query.clause import clause
from eye.web import chart
from eye.web.state import LONGEST_VALUE, State

WIDE, HIGH = 1000.0, 28.0
"""Units of a strip of bars."""
LEAST = 1.5
"""Units of the lowest bar that is drawn."""


def drawn(dashboard: Dashboard, numbers: PanelNumbers, scope: Scope | None, value: str = "") -> dict[str, Any]:
    """Return what the template of a panel needs."""
    panel = numbers.panel
    state = State(filters=filters(dashboard, panel, scope, value))
    shown: dict[str, Any] = {"title": panel.title, "kind": panel.kind, "field": panel.field, "total": numbers.total, "url": state.url()}
    if panel.kind == NUMBER:
        return shown | {"number": numbers.number, "of": "" if panel.field == RECORDS else panel.field}
    if panel.kind == ROWS:
        return shown | {"columns": panel.columns, "rows": [_row(panel, record) for record in numbers.rows]}
    if panel.kind == OVER_TIME:
        return shown | _over_time(panel, numbers, scope, state)
    top = max((n for _, n in numbers.values), default=1)
    values = [(text, n, round(100 * n / top, 1), _with(state, panel.field, text)) for text, n in numbers.values]
    return shown | {"values": values, "different": numbers.different}


def _row(panel: Panel, record: dict[str, Any]) -> dict[str, Any]:
    address = State(query=clause("escadre.id", str(record.get("escadre.id") or ""))).url()
    return {"time": record.get("@timestamp"), "cells": [shown_value(named(record, name)) for name in panel.columns], "url": address}


def _with(state: State, field: str, value: str) -> str:
    return state.with_filter(field, value) if len(value) <= LONGEST_VALUE else ""


def _over_time(panel: Panel, numbers: PanelNumbers, scope: Scope | None, state: State) -> dict[str, Any]:
    if scope is None or not numbers.series:
        return {"strips": [], "ticks": []}
    highest = max(n for series in numbers.series.values() for n in series.values())
    step = WIDE / scope.bars
    strips = []
    for name, series in numbers.series.items():
        bars = []
        for bar, n in sorted(series.items()):
            high = max(LEAST, n / highest * HIGH)
            place = (round(bar * step, 2), round(HIGH - high, 2), round(max(0.6, step * 0.85), 2), round(high, 2))
            bars.append((*place, f"{chart.stamp(scope.start + bar * scope.width)}: {n:,}", n))
        into = "" if name in (OTHER, RECORDS) and panel.field != name else _with(state, panel.field, name)
        strips.append({"name": name, "total": sum(series.values()), "bars": bars, "url": into or ("" if name == OTHER else state.url())})
    ticks = [
        (round((x - chart.LEFT) / (chart.RIGHT - chart.LEFT) * WIDE, 1), words)
        for x, words, _ in chart.ticks(scope.start, scope.start + scope.width * scope.bars)
    ]
    sentence = f"{panel.title}: {chart.span_name(scope.width)} per bar, at most {highest:,}."
    return {"strips": strips, "ticks": ticks, "sentence": sentence}


def whole_range(scope: Scope | None) -> str:
    """The range of time in words."""
    return chart.short_range(scope.low, scope.high) if scope else "no time"
