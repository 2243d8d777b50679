"""Answer the queries of the Discover page: counts, histogram, facets, or the error to show."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from commodore.schema import registry
from eye.dashboards.bars import bucket
from eye.index.schema import hot_fields
from eye.index.store import Asked, Store
from eye.query.tree import ALL_FORMS, QueryComplaint
from eye.web import chart, show
from eye.web.cited import Findings
from eye.web.shell import Opened, Shell
from eye.web.state import ROWS, State, Window
from scout.console import Complaint, escape

FACETS = ("host.name", "event.dataset", "user.name", "event.action", "event.code", "process.name", "escadre.state")

SHOWN_WRONG, SHOWN_BESIDE = 120, 60
"""Characters of the wrong part of a query, and of what is before and after it, that an error shows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Values that all pages of rows of one query share."""

    base: Asked
    hits: Asked
    total: int
    in_brush: int
    low: int | None
    high: int | None
    chart: chart.Chart | None
    facets: tuple[tuple[str, tuple[tuple[str, int], ...], int], ...]
    marks: re.Pattern[str] | None
    untimed: int
    first: tuple[int, ...]
    """numbers of the records of the first page"""
    took: float
    """Seconds that the index needed"""


def answered(shell: Shell, state: State, opened: Opened) -> Answer:
    """Return the answer to a state, the same for every page of rows and every open record. Raises Complaint."""
    key = replace(state, start=0, open=None)
    found: Answer = shell.kept(key, lambda now: ask(now[0], key, now[1]), opened)
    return found


def problem(shell: Shell, request: Request, state: State, complaint: Complaint) -> Response:
    """Return the page, or a part of it, with the error."""
    content = {"state": state, "problem": told(state, complaint), "query": state.query}
    if request.headers.get("hx-request"):
        return HTMLResponse(shell.render("problem.html", "discover", **content), headers={"HX-Reswap": "none", "HX-Push-Url": "false"})
    body = shell.render("discover.html", "discover", view=None, **content)
    return HTMLResponse(body, 400 if isinstance(complaint, QueryComplaint) else 503)


def told(state: State, complaint: Complaint) -> dict[str, Any]:
    """Return the error in a query and its place, for the query bar."""
    if isinstance(complaint, QueryComplaint):
        text, at = complaint.query, complaint.position
        end = at + complaint.length
        wrong = text[at:end] or " "
        parts = (
            _cut(text[:at], -SHOWN_BESIDE),
            wrong if len(wrong) <= SHOWN_WRONG else f"{wrong[: SHOWN_WRONG - 10]} … {wrong[-8:]}",
            _cut(text[end:], SHOWN_BESIDE),
        )
        where = "" if text == state.query else "in a filter, "
        return {
            "title": _title(complaint.problem),
            "text": f"{where}character {at + 1}",
            "do": complaint.do.replace(ALL_FORMS, "All forms: the ? at the top."),
            "parts": parts,
        }
    return {"title": escape(_title(complaint.what)), "text": "", "do": complaint.do, "parts": None}


def _title(text: str) -> str:
    """The sentence with a capital letter, unless it begins with the name of a field or a file."""
    return text if re.match(r"\S*[./\\]", text) else text[:1].upper() + text[1:]


def _cut(text: str, most: int) -> str:
    """The first characters of a text, or its last ones where `most` is negative."""
    if len(text) <= abs(most):
        return text
    return f"{text[:most]}…" if most > 0 else f"…{text[most:]}"


def ask(store: Store, state: State, found: Findings) -> Answer:
    """Query the index. Raises Complaint."""
    began = time.monotonic()
    base = store.ask(state.query, state.active())
    wanted = list(dict.fromkeys([*({state.facet} & set(facetable(store))), *FACETS]))
    hot = [name for name in wanted if name != state.facet and name in hot_fields()]
    hits, whole = base, store.summary(base, () if state.brush else hot, rows=0 if state.brush else ROWS, descending=state.descending)
    shown = whole
    if state.brush:
        hits = store.ask(state.query, (*state.active(), state.brush.query()))
        shown = store.summary(hits, hot, rows=ROWS, descending=state.descending)
    low, high, total, counted = whole.low, whole.high, whole.total, shown.facets
    drawn, timed = None, 0
    if low is not None and high is not None:
        stretch = state.zoom or Window(low, high + 1)
        start, width, n = bucket(stretch.start, stretch.end - 1)
        counts = store.histogram(base, start, width, n, whole)
        timed = sum(counts.values())
        drawn = chart.draw(counts, start, width, n, state.brush, found.moments)
    facets = []
    for name in wanted:
        values, different = counted[name] if name in counted else store.facet(hits, name, 30 if name == state.facet else 6)
        if values:
            facets.append((name, tuple(values), different))
    marks = show.marks(base.nodes)
    untimed = 0 if state.zoom else total - timed
    took = time.monotonic() - began
    return Answer(base, hits, total, shown.total, low, high, drawn, tuple(facets), marks, untimed, tuple(shown.rows), took)


def facetable(store: Store) -> list[str]:
    """Return the fields that some record has and whose values can be counted."""
    known = registry()
    return sorted(name for name in store.columns if known[name].type in ("keyword", "long", "boolean", "ip"))
