"""What Discover shows: counts, histogram, facets, one page of rows, and the record in the drawer."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from commodore.schema import registry
from eye.index.schema import ROW, hot_fields
from eye.index.store import Asked, Store
from eye.query.kibana import to_kibana
from eye.query.tree import ALL_FORMS, QueryComplaint
from eye.query.values import isotime, nanoseconds
from eye.query.why import hints, reasons
from eye.query.words import fold
from eye.web.pages import chart, show
from eye.web.pages.findings import Findings
from eye.web.state import PAGE, State, Window
from scout.console import Complaint, escape

FACETS = ("host.name", "event.dataset", "user.name", "event.action", "event.code", "process.name", "escadre.state")
COLUMNS = (("host.name", "w-host hide-s"), ("event.dataset", "w-ds hide-m"), ("user.name", "w-user hide-m"))
GROUPS = (
    ("What", ("event.", "rule.", "threat.", "log.")),
    ("Process", ("process.",)),
    ("File", ("file.", "dll.", "pe.")),
    ("Registry", ("registry.",)),
    ("Service", ("service.",)),
    ("Who and where", ("user.", "group.", "host.", "source.", "destination.", "network.", "dns.", "url.", "related.", "session.")),
    ("Event log", ("winlog.",)),
    ("Provenance", ("escadre.",)),
)
PROVENANCE = (
    "escadre.source",
    "escadre.locator",
    "escadre.state",
    "escadre.member",
    "escadre.collection",
    "escadre.parser",
    "escadre.id",
    "escadre.host_inferred",
    "escadre.time_inferred",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is the same for every page of rows of one question."""

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
    took: float
    """seconds that the index took"""


def answer(store: Store, state: State, found: Findings) -> Answer:
    """Ask the index. Raises Complaint."""
    began = time.monotonic()
    base = store.ask(state.query, state.active())
    total, low, high = store.count(base)
    hits, in_brush = base, total
    if state.brush:
        hits = store.ask(state.query, (*state.active(), state.brush.query()))
        in_brush, _, _ = store.count(hits)
    drawn, timed = None, 0
    wanted = list(dict.fromkeys([*({state.facet} & set(facetable(store))), *FACETS]))
    hot = [name for name in wanted if name != state.facet and name in hot_fields()]
    told: dict[str, tuple[list[tuple[str, int]], int]] = {}
    if low is not None and high is not None:
        shown = state.zoom or Window(low, high + 1)
        start, width, n = chart.bucket(shown.start, shown.end - 1)
        counts, told = store.overview(base, start, width, n, () if state.brush else hot)
        if state.brush:
            _, told = store.overview(hits, start, width, n, hot)
        timed = sum(counts.values())
        drawn = chart.draw(counts, start, width, n, state.brush, found.moments)
    facets = []
    for name in wanted:
        values, different = told[name] if name in told else store.facet(hits, name, 30 if name == state.facet else 6)
        if values:
            facets.append((name, tuple(values), different))
    marks = show.marks(base.nodes)
    return Answer(
        base, hits, total, in_brush, low, high, drawn, tuple(facets), marks, 0 if state.zoom else total - timed, time.monotonic() - began
    )


def facetable(store: Store) -> list[str]:
    """Fields that some record has and whose values can be counted."""
    known = registry()
    return sorted(name for name in store.columns if known[name].type in ("keyword", "long", "boolean", "ip"))


def view(store: Store, state: State, answer: Answer, found: Findings) -> dict[str, Any]:
    """Everything that the template of the page needs."""
    start = min(state.start, max(0, (answer.in_brush - 1) // PAGE * PAGE))
    records = store.rows(answer.hits, start, PAGE, descending=state.descending)
    rows = [_row(record, n, state, found) for n, record in enumerate(records, start)]
    opened = drawer(store, state, answer, found) if state.open is not None else None
    return {
        "answer": answer,
        "rows": rows,
        "start": start,
        "end": start + len(rows),
        "drawer": opened,
        "took": f"{answer.took * 1000:,.0f}",
        "pills": pills(state),
        "previous": state.url(start=max(0, start - PAGE), open=None) if start else "",
        "columns": COLUMNS,
        "next": state.url(start=start + PAGE, open=None) if start + len(rows) < answer.in_brush else "",
        "fields": facetable(store),
        "facets": [_facet(state, *facet) for facet in answer.facets],
        "nothing": nothing(store, state) if not answer.in_brush else [],
        "reasons": why(store, state) if not answer.in_brush and state.query else [],
        "hints": hints(state.query) if not answer.in_brush else [],
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


def _cell(name: str, value: Any, css: str, state: State) -> dict[str, Any]:
    text = None if value is None else str(value)
    into, out = ("", "") if text is None else (state.with_filter(name, text), state.with_filter(name, text, out=True))
    return {"name": name, "value": text, "in": into, "out": out, "css": css}


def _row(record: dict[str, Any], n: int, state: State, found: Findings) -> dict[str, Any]:
    return {
        "row": record[ROW],
        "n": n,
        "time": record.get("@timestamp"),
        "cells": [_cell(name, record.get(name), css, state) for name, css in COLUMNS],
        "message": record.get("message") or "",
        "severity": found.severity_of(record.get("escadre.id")),
    }


def pills(state: State) -> list[dict[str, Any]]:
    """The filters as they stand above the histogram."""
    result = []
    for n, text in enumerate(state.filters):
        on, bare = not text.startswith("~"), text.lstrip("~")
        words = re.sub(r'^-?((?:\\.|[^:\\])+):"(.*)"$', lambda m: f"{_unescaped(m[1])}: {_unescaped(m[2])}", bare, flags=re.DOTALL)
        result.append({"on": on, "out": bare.startswith("-"), "text": words, "remove": state.without(n), "switch": state.switched(n)})
    return result


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def problem(state: State, complaint: Complaint) -> dict[str, Any]:
    """What is wrong with a query, and where, for the query bar."""
    if isinstance(complaint, QueryComplaint):
        text, at = complaint.query, complaint.position
        parts = (text[:at], text[at : at + complaint.length] or " ", text[at + complaint.length :])
        where = "" if text == state.query else "in a filter, "
        return {
            "title": complaint.problem[:1].upper() + complaint.problem[1:],
            "text": f"{where}character {at + 1}",
            "do": complaint.do.replace(ALL_FORMS, "All forms: the ? at the top."),
            "parts": parts,
        }
    return {"title": escape(complaint.what), "text": "", "do": complaint.do, "parts": None}


def nothing(store: Store, state: State) -> list[dict[str, Any]]:
    """What to try where nothing was found: the query without the brush, and without each filter."""
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
        near = [(word, state.url(query=state.query.replace(reason.text, word, 1))) for word in reason.near]
        without = state.url(query=reason.without) if reason.left > 0 else ""
        found.append({"text": reason.text, "hits": reason.hits, "near": near, "left": reason.left, "url": without, "query": reason.without})
    return found


def drawer(store: Store, state: State, answer: Answer, found: Findings) -> dict[str, Any]:
    """One record: position, sentence, fields by group, findings that cite it, provenance, JSON. Raises Complaint."""
    found_records = store.by_rows([state.open or 0])
    if not found_records:
        return {"record": None, "close": state.url(open=None)}
    record = found_records[0]
    row = record.pop(ROW)
    position = store.position(answer.hits, row, descending=state.descending)
    cited = found.citing(record.get("escadre.id"))
    return {
        "record": record,
        "row": row,
        "position": position,
        "of": answer.in_brush,
        "groups": groups(record, state),
        "close": state.url(open=None),
        "message": record.get("message") or "",
        "dataset": record.get("event.dataset", ""),
        "severity": found.severity_of(record.get("escadre.id")),
        "findings": cited,
        "json_lines": _json(record),
        "marks": answer.marks,
        "neighbours": neighbours(record, state),
        "provenance": [(name, record[name]) for name in PROVENANCE if name in record],
        "count": sum(1 for _ in record),
    }


def _json(record: dict[str, Any]) -> Markup:
    """The record as indented JSON; line ends are ours, everything else is evidence."""
    text = json.dumps(record, indent=2, ensure_ascii=False)
    cut = text[:65_536]
    more = (
        Markup('\n<span class="aside">{} of {} characters shown</span>').format("65,536", f"{len(text):,}")
        if len(text) > len(cut)
        else Markup("")
    )
    return Markup("\n").join(show.evidence(line, None, 65_536) for line in cut.split("\n")) + more


def neighbours(record: dict[str, Any], _state: State) -> str:
    """The address of everything on the same host five minutes before and after."""
    at = nanoseconds(record.get("@timestamp"))
    if at is None or not record.get("host.name"):
        return ""
    five = 300 * chart.SECOND
    start = State(brush=Window((at - five) // chart.SECOND * chart.SECOND, (at + five) // chart.SECOND * chart.SECOND + chart.SECOND))
    zoomed = Window(at - 12 * five, at + 12 * five)
    return State(brush=start.brush, zoom=zoomed).with_filter("host.name", str(record["host.name"]))


def groups(record: dict[str, Any], state: State) -> list[tuple[str, list[dict[str, Any]]]]:
    """Fields by group, each with the addresses that filter it in and out."""
    known = registry()
    result: dict[str, list[dict[str, Any]]] = {"When": []}
    for name, value in record.items():
        if name == "message":
            continue
        date = name in known and known[name].type == "date"
        group = "When" if date else next((title for title, heads in GROUPS if name.startswith(heads)), "More")
        result.setdefault(group, [])
        result[group] += [_field(n, v, state) for n, v in _leaves(name, value)]
    order = ["When", *(title for title, _ in GROUPS if title != "Provenance"), "More", "Provenance"]
    return [(title, result[title]) for title in order if result.get(title)]


def _leaves(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, below in value.items() for leaf in _leaves(f"{name}.{key}", below)] or [(name, "{}")]
    if isinstance(value, list):
        return [leaf for below in value[:200] for leaf in _leaves(name, below)]
    return [(name, value)]


def _field(name: str, value: Any, state: State) -> dict[str, Any]:
    text = "–" if value is None else "true" if value is True else "false" if value is False else str(value)
    can = value is not None and text not in ("[]", "{}")
    return {
        "name": name,
        "text": text,
        "in": state.with_filter(name, text) if can else "",
        "out": state.with_filter(name, text, out=True) if can else "",
    }


def when(text: str | None, *, year: bool = True, fine: bool = True) -> Markup:
    """A time in a table: the date dimmed, with or without its year and the milliseconds."""
    if not text:
        return Markup('<span class="dim">–</span>')
    date, _, rest = text.rstrip("Z").partition("T")
    clock, _, fraction = rest.partition(".")
    shown = clock + (f".{(fraction + '000')[:3]}" if fine else "")
    return Markup('<time datetime="{}" title="{} UTC"><span class="d">{} </span>{}</time>').format(
        show.plain(text), show.plain(text), show.evidence(date if year else date[5:]), show.evidence(shown)
    )


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
