"""Hits folded into findings: ECS alerts in a stable order, the same whatever order the hits came in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Any, Self, cast

from commodore.finding import SEVERITIES, Finding
from commodore.hits import DetectionRule, Hit

RECORDS = 100
"""record ids that a finding cites at most"""

_TELLING = ("CommandLine", "ScriptBlockText", "ImagePath", "TargetObject", "TargetFilename", "Image", "ServiceName", "PipeName")
"""fields of Sigma's taxonomy that say most to a person, in this order"""
_HEADER = frozenset({"EventID", "Channel", "Provider_Name"})
"""fields that say of which kind an event is, not what happened"""
_WORDS = 120
"""characters of such a value in a sentence"""

_Key = tuple[str, str, str, str]


class _Fold:
    """What is kept of the hits of one rule, host and group."""

    __slots__ = ("best", "confidence", "count", "first", "last", "latest", "severity")

    def __init__(self) -> None:
        self.count, self.first, self.last, self.confidence, self.severity = 0, "", "", "inferred", -1
        self.best: Hit | None = None
        self.latest: list[_Backwards] = []

    def add(self, hit: Hit) -> None:
        self.count += 1
        if hit.time:
            self.first = min(self.first or hit.time, hit.time)
            self.last = max(self.last, hit.time)
        if hit.confidence == "logged":
            self.confidence = "logged"
        severity = SEVERITIES.index(hit.severity) if hit.severity else -1
        if self.best is None or (-severity, _order(hit)) < (-self.severity, _order(self.best)):
            self.best = hit
        self.severity = max(self.severity, severity)
        entry = _Backwards(_order(hit), hit.record)
        if len(self.latest) < RECORDS:
            heappush(self.latest, entry)
        else:
            heappushpop(self.latest, entry)


class _Backwards(tuple):  # type: ignore[type-arg]
    """(order, id) that sorts from last to first, so that a heap drops the latest."""

    __slots__ = ()

    def __new__(cls, *parts: Any) -> Self:
        return super().__new__(cls, parts)

    def __lt__(self, other: Any) -> bool:
        return tuple.__gt__(self, other)


def _order(hit: Hit) -> tuple[bool, str, str]:
    """Earliest first; hits without a time behind those with one."""
    return not hit.time, hit.time, hit.record


def folded(hits: Iterable[Hit], rule: Callable[[str], DetectionRule]) -> Iterator[Finding]:
    """Findings sorted by host, collection, falling severity, rule and group: a collection's id is drawn by chance, a host's name is not."""
    folds: dict[_Key, _Fold] = {}
    for hit in hits:
        folds.setdefault((hit.collection, hit.host, hit.rule, hit.group), _Fold()).add(hit)
    made = [(_finding(key, fold, rule(key[2])), key) for key, fold in folds.items()]
    for finding, _ in sorted(made, key=lambda m: (m[1][1], m[1][0], -m[0]["event.severity"], m[1][2], m[1][3])):
        yield finding


def _finding(key: _Key, fold: _Fold, rule: DetectionRule) -> Finding:
    collection, host, rule_id, group = key
    hit = fold.best
    if hit is None:
        raise ValueError("a finding without a hit")
    severity = hit.severity or rule.severity
    finding: dict[str, object] = {
        "@timestamp": fold.first or None,
        "event.kind": "alert",
        "event.dataset": "finding",
        "event.category": ["intrusion_detection"],
        "event.type": ["info"],
        "event.action": f"{rule.category}-rule-matched",
        "event.severity": SEVERITIES.index(severity) + 1,
        "message": hit.reason or _sentence(rule, fold.count, hit),
        "host.name": host,
        "rule.id": rule_id,
        "rule.name": rule.name,
        "rule.category": rule.category,
        "escadre.severity": severity,
        "escadre.confidence": fold.confidence,
        "count": fold.count,
        "escadre.records": [r[1] for r in sorted(fold.latest, key=tuple) if r[1]],
        "escadre.matched": hit.matched,
        "escadre.collection": collection,
        "escadre.reason": hit.reason or rule.description or rule.name,
        "escadre.id": blake2b("\0".join(("finding", *key)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
    }
    optional = {
        "escadre.first": fold.first,
        "escadre.last": fold.last,
        "rule.author": list(rule.author),
        "rule.license": rule.license,
        "rule.reference": rule.reference,
        "rule.ruleset": rule.ruleset,
        "threat.technique.id": list(rule.techniques),
        "threat.indicator.type": rule.indicator_type,
        "target": hit.target,
        "escadre.attack_version": rule.attack_version,
        "escadre.group": group,
    }
    return cast(Finding, finding | {k: v for k, v in optional.items() if v})


def _sentence(rule: DetectionRule, count: int, hit: Hit) -> str:
    name = rule.name.rstrip(".")
    if rule.category == "ioc":
        where = ", ".join(list(hit.matched)[:3])
        return f"{name} was found in {count:,} {'record' if count == 1 else 'records'} ({where})."
    told = next((hit.matched[field] for field in _TELLING if hit.matched.get(field)), None)
    told = told or next((value for field, value in hit.matched.items() if field not in _HEADER), "")
    what = " ".join(str(told if not isinstance(told, list) else ", ".join(map(str, told))).split())
    words = f"{name}: {what if len(what) <= _WORDS else what[: _WORDS - 1] + '…'}" if what else name
    return words + (f" ({count:,} records)" if count > 1 else "")
