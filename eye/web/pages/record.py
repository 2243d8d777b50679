"""Show one record: in the drawer beside the list, and as a JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from commodore.enrichment import entities, kinds
from commodore.schema import registry
from eye.dashboards.bars import SECOND
from eye.index.schema import ROW
from eye.index.store import Store
from eye.query.values import nanoseconds
from eye.web import show
from eye.web.answers import Answer, answered, problem
from eye.web.cited import Findings
from eye.web.page import WebPage
from eye.web.shell import Shell
from eye.web.state import State, Window, read
from scout.console import Complaint

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


def beside(shell: Shell, request: Request) -> Response:
    """Return the drawer without the page, which the browser already has."""
    state = read(request.query_params)
    try:
        store, found = opened = shell.renew()
        content = drawer(store, state, answered(shell, state, opened), found)
    except Complaint as complaint:
        return problem(shell, request, state, complaint)
    return HTMLResponse(shell.render("drawer.html", "discover", drawer=content, state=state), headers={"HX-Push-Url": state.url()})


def alone(shell: Shell, request: Request) -> Response:
    """Return one complete record, as it is in the case."""
    row = request.query_params.get("row", "")
    try:
        found = shell.store.by_rows([int(row)] if row.isascii() and row.isdigit() and len(row) < 20 else [])
    except Complaint as complaint:
        return JSONResponse({"problem": complaint.what}, 503)
    return JSONResponse({k: v for k, v in found[0].items() if k != ROW} if found else {}, 200 if found else 404)


def drawer(store: Store, state: State, answer: Answer, found: Findings) -> dict[str, Any]:
    """Return one record: position, sentence, fields by group, findings that rest on it, provenance, JSON. Raises Complaint."""
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
        "entities": known(store.case, record),
        "enriched": entities.place(store.case).exists(),
        "provenance": [(name, record[name]) for name in PROVENANCE if name in record],
        "count": sum(1 for _ in record),
    }


def known(case: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the case knows of the values of a record, in the order of their kinds; nothing where it was not enriched."""
    if not entities.place(case).exists():
        return []
    pairs = ((kind, kinds.normal(kind, text)) for kind, text in kinds.of_record(record) if len(text) <= kinds.LONGEST)
    order = {pair: n for n, pair in enumerate(dict.fromkeys((kind, value) for kind, value in pairs if value))}
    found = entities.find(case, order) if order else ()
    return [one | {"facts": one.get("facts", [])} for one in sorted(found, key=lambda one: order[one["kind"], one["value"]])]


def _json(record: dict[str, Any]) -> Markup:
    """Return the record as indented JSON; line ends are markup, everything else is evidence."""
    text = json.dumps(record, indent=2, ensure_ascii=False)
    cut = text[:65_536]
    more = (
        Markup('\n<span class="aside">{} of {} characters shown</span>').format("65,536", f"{len(text):,}")
        if len(text) > len(cut)
        else Markup("")
    )
    return Markup("\n").join(show.evidence(line, None, 65_536) for line in cut.split("\n")) + more


def neighbours(record: dict[str, Any], _state: State) -> str:
    """Return the URL of all records of the same host five minutes before and after."""
    at = nanoseconds(record.get("@timestamp"))
    if at is None or not record.get("host.name"):
        return ""
    five = 300 * SECOND
    start = State(brush=Window((at - five) // SECOND * SECOND, (at + five) // SECOND * SECOND + SECOND))
    zoomed = Window(at - 12 * five, at + 12 * five)
    return State(brush=start.brush, zoom=zoomed).with_filter("host.name", str(record["host.name"]))


def groups(record: dict[str, Any], state: State) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return fields by group, each with the URLs that filter for it and against it."""
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


PAGE = WebPage("record", {"/drawer": beside, "/record": alone})
