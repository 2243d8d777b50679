"""The Findings page: counts, groups, rows, and why each one fired."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from eye.index.schema import ROW
from eye.index.store import Store
from eye.query.clause import clause
from eye.web import target
from eye.web.cited import Findings, row, title
from eye.web.page import WebPage
from eye.web.shell import Shell
from eye.web.state import State
from scout.console import Complaint

GROUPINGS = (("host", "Host"), ("technique", "Technique"), ("rule", "Rule"), ("none", "None"))
SHOWN_RECORDS = 20


def findings(shell: Shell, request: Request) -> Response:
    """The page."""
    try:
        shown = view(*shell.renew(), request.query_params)
    except Complaint as complaint:
        return HTMLResponse(shell.message("findings", complaint.what, complaint.do), 503)
    body = shell.render("findings.html", "findings", view=shown, query="", state=State(), problem=None)
    return shell.page(request, shown["url"](), body)


def view(store: Store, found: Findings, parameters: QueryParams) -> dict[str, Any]:
    """Everything that the template needs."""
    grouping = parameters.get("group") if parameters.get("group") in dict(GROUPINGS) else "host"
    text = parameters.get("filter", "").strip()
    off = set(parameters.getlist("off")) & {"logged", "inferred"}
    shown = [(f, row(f)) for f in found.all]
    shown = [(f, r) for f, r in shown if r["confidence"] not in off and _matches(f, text)]
    chosen = parameters.get("open") or (shown[0][1]["id"] if shown else "")
    place = next((n for n, (_, r) in enumerate(shown) if r["id"] == chosen), None)

    def url(**changes: Any) -> str:
        now = {"group": grouping, "filter": text, "off": sorted(off), "open": parameters.get("open") or "", **changes}
        pairs = [("group", now["group"])] if now["group"] != "host" else []
        pairs += [("filter", now["filter"])] if now["filter"] else []
        pairs += [("off", o) for o in now["off"]]
        pairs += [("open", now["open"])] if now["open"] else []
        return "/findings" + (f"?{urlencode(pairs)}" if pairs else "")

    boxes = [(name, name not in off, url(off=sorted(off ^ {name}), open="")) for name in ("logged", "inferred")]
    return {
        "counts": found.counts(),
        "total": len(found.all),
        "shown": len(shown),
        "groupings": [(key, name, key == grouping, url(group=key)) for key, name in GROUPINGS],
        "groups": list(_groups([r for _, r in shown], str(grouping))),
        "filter": text,
        "off": sorted(off),
        "boxes": boxes,
        "url": url,
        "group": grouping,
        "chosen": chosen,
        "years": found.years,
        "detail": detail(store, shown[place][0], place, len(shown)) if place is not None else None,
    }


def _matches(finding: dict[str, Any], text: str) -> bool:
    if not text:
        return True
    haystack = json.dumps(finding, ensure_ascii=False).lower().replace("\\\\", "\\")
    return all(word in haystack for word in text.lower().split())


def _groups(rows: list[dict[str, Any]], grouping: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if grouping == "none":
        yield "", rows
        return
    keys: Callable[[dict[str, Any]], list[str]] = {
        "host": lambda r: [r["host"]],
        "technique": lambda r: r["technique"] or ["No technique"],
        "rule": lambda r: [r["rule"] or "No rule"],
    }[grouping]
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in rows:
        for key in keys(one):
            groups.setdefault(key, []).append(one)
    yield from groups.items()


def detail(store: Store, finding: dict[str, Any], place: int, of: int) -> dict[str, Any]:
    """Why a finding fired, on what, and what it rests on."""
    matched = _pairs(finding.get("escadre.matched"))
    told = str(finding.get("escadre.reason") or "")
    ids = [str(i) for i in finding.get("escadre.records") or []]
    records = []
    for record in store.by_ids(ids[:SHOWN_RECORDS]):
        address = State(query=clause("escadre.id", str(record["escadre.id"])), open=record[ROW]).url()
        records.append(
            {"time": record.get("@timestamp"), "message": record.get("message") or record.get("event.dataset") or "", "url": address}
        )
    facts = [
        (name, ", ".join(map(str, v)) if isinstance(v, list) else str(v)) for name, v in finding.items() if name.startswith("rule.") and v
    ]
    return {
        **row(finding),
        "place": place + 1,
        "of": of,
        "reason": "" if told.rstrip(".") in title(finding) else told,
        "told": bool(told),
        "matched": matched,
        "target": target.rows(finding.get("target")),
        "rule_facts": facts,
        "records": records,
        "cited": len(ids),
        "last": finding.get("escadre.last"),
        "kind": str(finding.get("rule.category") or ""),
        "host_url": State().with_filter("host.name", str(finding.get("host.name") or "")),
    }


def _pairs(value: Any, head: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, below in value.items() for pair in _pairs(below, f"{head}.{key}" if head else str(key))]
    if isinstance(value, list):
        return [pair for below in value for pair in _pairs(below, head)]
    return [] if value is None else [(head, str(value))]


PAGE = WebPage("findings", {"/findings": findings}, "Findings", "findings", 2, lambda found: len(found.all))
