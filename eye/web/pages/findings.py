"""What the Findings page shows: counts, groups, rows, and why each one fired; and what other pages ask about findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from commodore.finding import MOST_SEVERE_FIRST
from eye.index.schema import ROW
from eye.index.store import Store
from eye.query.values import nanoseconds
from eye.web.pages import target
from eye.web.pages.chart import moment
from eye.web.state import State, clause

GROUPINGS = (("host", "Host"), ("technique", "Technique"), ("rule", "Rule"), ("none", "None"))
SHOWN_RECORDS = 20


def css(severity: str | None) -> str:
    """The class and shape of a severity."""
    return "info" if severity in ("informational", None, "") else severity if severity in MOST_SEVERE_FIRST else "info"


class Findings:
    """All findings of a case, most severe first, and an index from record id to those that cite it."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self.all = found
        self._citing: dict[str, list[int]] = {}
        self.moments: list[tuple[int, str, str]] = []
        for n, finding in enumerate(found):
            for record in finding.get("escadre.records") or []:
                self._citing.setdefault(str(record), []).append(n)
            at = nanoseconds(finding.get("escadre.first") or finding.get("@timestamp"))
            if at is not None:
                self.moments.append((at, level(finding), title(finding)))
        self.years = len({moment(at).year for at, _, _ in self.moments}) > 1
        """Whether a time without its year could be taken for another"""

    def severity_of(self, record: str | None) -> str:
        """The highest severity of the findings that cite a record, or ''."""
        cited = self._citing.get(record or "")
        return level(self.all[cited[0]]) if cited else ""

    def citing(self, record: str | None) -> list[dict[str, Any]]:
        """Rows for the findings that cite a record."""
        return [row(self.all[n]) for n in self._citing.get(record or "", [])]

    def counts(self) -> list[tuple[str, int]]:
        """(severity, number), most severe first, severities without findings left out but for the four that a person looks for."""
        tally = dict.fromkeys(MOST_SEVERE_FIRST, 0)
        for finding in self.all:
            name = level(finding)
            tally[name if name in tally else "informational"] += 1
        return [(name, n) for name, n in tally.items() if n or name != "informational"]


def level(finding: dict[str, Any]) -> str:
    """The severity of a finding; what is none of the five is informational."""
    found = finding.get("escadre.severity")
    return found if isinstance(found, str) and found in MOST_SEVERE_FIRST else "informational"


def title(finding: dict[str, Any]) -> str:
    """The sentence of a finding."""
    return str(finding.get("message") or finding.get("rule.name") or finding.get("rule.id") or "Finding")


def row(finding: dict[str, Any]) -> dict[str, Any]:
    """What a line of the list shows."""
    return {
        "id": str(finding.get("escadre.id") or ""),
        "severity": level(finding),
        "title": title(finding),
        "host": str(finding.get("host.name") or "–"),
        "count": int(finding.get("count") or len(finding.get("escadre.records") or []) or 1),
        "first": finding.get("escadre.first") or finding.get("@timestamp"),
        "confidence": "logged" if finding.get("escadre.confidence") == "logged" else "inferred",
        "technique": [str(t) for t in finding.get("threat.technique.id") or []],
        "rule": str(finding.get("rule.name") or finding.get("rule.id") or ""),
        "url": "/findings?" + urlencode({"open": str(finding.get("escadre.id") or "")}),
    }


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
