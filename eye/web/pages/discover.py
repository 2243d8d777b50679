"""The Discover page: counts, histogram, facets, one page of rows, completion, and why nothing was found."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from commodore.schema import registry
from eye.index.schema import ROW
from eye.index.store import Store
from eye.index.why import hints, reasons
from eye.query.clause import clause, quoted
from eye.query.kibana import to_kibana
from eye.query.values import isotime
from eye.query.words import fold
from eye.web import chart
from eye.web.answers import Answer, answered, facetable, problem
from eye.web.cited import Findings
from eye.web.page import WebPage
from eye.web.pages.record import drawer
from eye.web.shell import Shell
from eye.web.state import ROWS, State, read
from scout.console import Complaint

COLUMNS = (("host.name", "w-host hide-s"), ("event.dataset", "w-ds hide-m"), ("user.name", "w-user hide-m"))


def discover(shell: Shell, request: Request) -> Response:
    """The page; for a query that cannot be answered, the old rows stay and an error is shown."""
    state = read(request.query_params)
    try:
        store, found = opened = shell.renew()
        answer = answered(shell, state, opened)
        beside = drawer(store, state, answer, found) if state.open is not None else None
        shown = view(store, state, answer, found, beside)
    except Complaint as complaint:
        return problem(shell, request, state, complaint)
    body = shell.render("discover.html", "discover", view=shown, state=state, problem=None, query=state.query)
    return shell.page(request, state.url(), body)


def complete(shell: Shell, request: Request) -> Response:
    """Fields, or values of a field, that begin like the word under the cursor; nothing where that takes too long."""
    try:
        found = completion(shell.store, request.query_params.get("word", "")[:200])
    except Complaint:
        return HTMLResponse("")
    return HTMLResponse(shell.render("complete.html", "discover", **found))


def view(store: Store, state: State, answer: Answer, found: Findings, drawer: dict[str, Any] | None) -> dict[str, Any]:
    """Everything that the template of the page needs."""
    start = min(state.start, max(0, (answer.in_brush - 1) // ROWS * ROWS))
    records = store.rows(answer.hits, start, ROWS, descending=state.descending) if start else store.by_rows(list(answer.first))
    cell = cache(lambda name, css, text: _cell(name, text, css, state))  # the values of a page are few
    row_url = state.url(start=start, open=0).removesuffix("0")  # the row is the last parameter: one address serves for all
    rows = [_row(record, n, cell, row_url, found) for n, record in enumerate(records, start)]
    return {
        "answer": answer,
        "rows": rows,
        "start": start,
        "end": start + len(rows),
        "drawer": drawer,
        "took": f"{answer.took * 1000:,.0f}",
        "pills": pills(state),
        "previous": state.url(start=max(0, start - ROWS), open=None) if start else "",
        "columns": COLUMNS,
        "next": state.url(start=start + ROWS, open=None) if start + len(rows) < answer.in_brush else "",
        "fields": facetable(store),
        "facets": [_facet(state, *facet) for facet in answer.facets],
        "nothing": nothing(store, state) if not answer.in_brush else [],
        "reasons": why(store, state) if not answer.in_brush and state.query else [],
        "hints": [
            (hint.text, [(text, state.url(query=query)) for text, query in hint.tries.items()])
            for hint in (hints(state.query) if not answer.in_brush else [])
        ],
        "kibana": to_kibana(state.query, state.active()),
        "range": chart.short_range(answer.low, answer.high) if answer.low is not None and answer.high is not None else "no time",
        "range_clause": _range_clause(state, answer),
        "searched": store.records,
        "brush_text": chart.short_range(state.brush.start, state.brush.end, (answer.low, answer.high)) if state.brush else "",
    }


def _range_clause(state: State, answer: Answer) -> str:
    """The time range that is shown, as a clause that a person edits: to the minute, the end included."""
    low, high = (state.brush.start, state.brush.end - 1) if state.brush else (answer.low, answer.high)
    return f"@timestamp:[{isotime(low, 0)[:16]} TO {isotime(high, 0)[:16]}]" if low is not None and high is not None else ""


def _facet(state: State, name: str, values: tuple[tuple[str, int], ...], different: int) -> dict[str, Any]:
    top = max(n for _, n in values)
    items = [
        {
            "value": value,
            "n": n,
            "width": round(100 * n / top, 1),
            "in": state.with_filter(name, value),
            "out": state.with_filter(name, value, out=True),
        }
        for value, n in values
    ]
    return {"name": name, "values": items, "different": different}


def _cell(name: str, text: str | None, css: str, state: State) -> dict[str, Any]:
    into, out = ("", "") if text is None else (state.with_filter(name, text), state.with_filter(name, text, out=True))
    return {"name": name, "value": text, "in": into, "out": out, "css": css}


def _row(
    record: dict[str, Any], n: int, cell: Callable[[str, str, str | None], dict[str, Any]], url: str, found: Findings
) -> dict[str, Any]:
    texts = [None if (value := record.get(name)) is None else str(value) for name, _ in COLUMNS]
    return {
        "row": record[ROW],
        "n": n,
        "url": f"{url}{record[ROW]}",
        "time": record.get("@timestamp"),
        "cells": [cell(name, css, text) for (name, css), text in zip(COLUMNS, texts, strict=True)],
        "message": record.get("message") or "",
        "severity": found.severity_of(record.get("escadre.id")),
    }


def pills(state: State) -> list[dict[str, Any]]:
    """Return the filters above the histogram."""
    result = []
    for n, text in enumerate(state.filters):
        on, bare = not text.startswith("~"), text.lstrip("~")
        words = re.sub(r'^-?((?:\\.|[^:\\])+):"(.*)"$', lambda m: f"{_unescaped(m[1])}: {_unescaped(m[2])}", bare, flags=re.DOTALL)
        result.append({"on": on, "out": bare.startswith("-"), "text": words, "remove": state.without(n), "switch": state.switched(n)})
    return result


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def nothing(store: Store, state: State) -> list[dict[str, Any]]:
    """Return what to try where nothing was found: the query without the brush, and without each filter."""
    tries: list[tuple[str, str, str, tuple[str, ...]]] = []
    active, shown = state.active(), pills(state)
    if state.brush:
        tries.append(("without the time range", "", state.url(brush=None), active))
    for n, text in enumerate(state.filters):
        if not text.startswith("~"):
            extra = (state.brush.query(),) if state.brush else ()
            tries.append(("without", shown[n]["text"], state.without(n), (*(f for f in active if f != text), *extra)))
    result = []
    for words, what, url, filters in tries[:6]:
        n, _, _ = store.count(store.ask(state.query, filters))
        result.append({"words": words, "what": what, "n": n, "url": url})
    return result


def why(store: Store, state: State) -> list[dict[str, Any]]:
    """For each clause of a query that found nothing: its own hits, words that are like it, and the query without it."""
    extra = (state.brush.query(),) if state.brush else ()
    found = []
    for reason in reasons(store, state.query, (*state.active(), *extra)):
        near = [
            (text, state.url(query=state.query.replace(reason.text, clause(reason.field, text) if reason.field else _bare(text), 1)))
            for text in reason.near
        ]
        without = state.url(query=reason.without) if reason.left > 0 else ""
        found.append({"text": reason.text, "hits": reason.hits, "near": near, "left": reason.left, "url": without, "query": reason.without})
    return found


def _bare(text: str) -> str:
    """A text as a clause without a field: in quotes where it has a blank."""
    return quoted(text) if re.search(r"\s", text) else text


def completion(store: Store, word: str) -> dict[str, Any]:
    """Fields that begin like the word, or values of `field:begin`."""
    name, colon, begin = word.partition(":")
    known = registry()
    if colon and name in facetable(store):
        low = fold(begin.strip('"'))
        values, different = store.facet(store.ask(""), name, 400, low)
        return {
            "title": f"Values of {name}",
            "fields": [],
            "values": [(v, n) for v, n in values if fold(v).startswith(low)][:10],
            "different": different,
        }
    low = word.lower()
    fields = sorted((f for f in store.columns if low in f.lower()), key=lambda f: (not f.startswith(low), f))[:10] if low else []
    return {"title": "Fields", "fields": [(f, known[f].meaning, known[f].type) for f in fields], "values": [], "different": 0}


PAGE = WebPage("discover", {"/discover": discover, "/complete": complete}, "Discover", "discover", 1)
