"""Fold hits into findings: ECS alerts in a stable order, the same in whatever order the hits came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappush, heappushpop
from typing import Any, Self, cast

from commodore.detection import same_file
from commodore.finding import SEVERITIES, Finding, finding_id
from commodore.hits import DetectionRule, Hit
from commodore.sentence import sentence

RECORDS = 100
"""Record ids that a finding cites at most."""
ACTIONS = 32
"""Actions of which a finding cites a record of its own."""

_TELLING = ("CommandLine", "ScriptBlockText", "ImagePath", "TargetObject", "TargetFilename", "Image", "ServiceName", "PipeName")
"""Fields of Sigma's taxonomy that describe an event best, in this order."""
_HEADER = frozenset({"EventID", "Channel", "Provider_Name"})
"""Fields that give the kind of an event, not what happened."""
_WORDS = 120
"""Characters of a value in a message."""
_MESSAGES = {
    "yara": sentence("YARA rule {name!q} matched."),
    "ioc": sentence("{name} was found in {count!n} {count:record|records}[ ({fields})]."),
    "sigma": sentence("Sigma rule {name!q} matched {count!n} {count:record|records}[: {field} is {value!q}].", _WORDS),
}
"""Category of a rule → message of a finding whose hit has no reason of its own."""

FoldKey = tuple[str, str, str, str]
_Order = tuple[bool, str, str]


class Fold:
    """The part of the hits of one rule, host and group that a finding needs; its size is bounded."""

    __slots__ = ("actions", "best", "confidence", "count", "earliest", "first", "joined", "last", "latest", "severity", "successes")

    def __init__(self) -> None:
        self.count, self.first, self.last, self.confidence, self.severity = 0, "", "", "inferred", -1
        self.best: Hit | None = None
        self.latest: tuple[bool, str, str] = (False, "", "")
        self.earliest: list[_Backwards] = []
        self.successes: list[_Backwards] = []
        self.actions: dict[str, _Order] = {}
        self.joined: list[tuple[DetectionRule, Hit]] = []
        """the rules that say more of the same file, each with its hit"""

    def join(self, other: Fold, rule: DetectionRule) -> None:
        """Add what another rule says of the same thing."""
        self.count += other.count
        self.first = min(filter(None, (self.first, other.first)), default="")
        self.last, self.latest = max(self.last, other.last), max(self.latest, other.latest)
        self.confidence = max(self.confidence, other.confidence)  # logged is behind inferred
        self.severity = max(self.severity, other.severity)
        for mine, others in ((self.earliest, other.earliest), (self.successes, other.successes)):
            for (order,) in others:
                _keep_earliest(mine, order)
        for action, order in other.actions.items():
            self._keep_action(action, order)
        if other.best is not None:
            self.joined.append((rule, other.best))

    def add(self, hit: Hit) -> None:
        self.count += 1
        if hit.time:
            self.first = min(self.first or hit.time, hit.time)
            self.last = max(self.last, hit.time)
        if hit.confidence == "logged":
            self.confidence = "logged"
        severity = SEVERITIES.index(hit.severity) if hit.severity else -1
        order = _order(hit)
        if self.best is None or (-severity, order) < (-self.severity, _order(self.best)):
            self.best = hit
        self.severity = max(self.severity, severity)
        if not hit.record:
            return
        self.latest = max(self.latest, (bool(hit.time), hit.time, hit.record))
        _keep_earliest(self.earliest, order)
        if hit.success:
            _keep_earliest(self.successes, order)
        if hit.action:
            self._keep_action(hit.action, order)

    def _keep_action(self, action: str, order: _Order) -> None:
        """Keep the earliest record of each action; of more than `ACTIONS` actions, those whose names sort first."""
        self.actions[action] = min(self.actions.get(action, order), order)
        if len(self.actions) > ACTIONS:
            del self.actions[max(self.actions)]

    def records(self) -> list[str]:
        """Ids of the records to cite, earliest first: the first, the last, one per action, successes, then the earliest others."""
        last = (not self.latest[0], *self.latest[1:])
        earliest, successes = (sorted(o for (o,) in kept) for kept in (self.earliest, self.successes))
        ranked = dict.fromkeys((*earliest[:1], *([last] if last[2] else []), *sorted(self.actions.values()), *successes, *earliest))
        return list(dict.fromkeys(record for _, _, record in sorted(list(ranked)[:RECORDS])))


class _Backwards(tuple):  # type: ignore[type-arg]
    """(order,) that sorts from last to first, so that a heap drops the latest."""

    __slots__ = ()

    def __new__(cls, *parts: Any) -> Self:
        return super().__new__(cls, parts)

    def __lt__(self, other: Any) -> bool:
        return tuple.__gt__(self, other)


def _keep_earliest(heap: list[_Backwards], order: _Order) -> None:
    if len(heap) < RECORDS:
        heappush(heap, _Backwards(order))
    else:
        heappushpop(heap, _Backwards(order))


def _order(hit: Hit) -> _Order:
    """Earliest first; hits without a time behind those with one."""
    return not hit.time, hit.time, hit.record


def folded(hits: Iterable[Hit], rule: Callable[[str], DetectionRule]) -> Iterator[Finding]:
    """Yield findings by host, collection, falling severity, rule and group. The host comes first because a collection's id is random."""
    folds: dict[FoldKey, Fold] = {}
    for hit in hits:
        folds.setdefault((hit.collection, hit.host, hit.rule, hit.group), Fold()).add(hit)
    same_file.join(folds, rule)
    order = sorted(folds, key=lambda key: (key[1], key[0], -SEVERITIES.index(_severity(folds[key], rule(key[2]))), key[2], key[3]))
    for key in order:
        yield _finding(key, folds.pop(key), rule(key[2]))


def _severity(fold: Fold, rule: DetectionRule) -> str:
    """Return the worst severity of the hits that a finding is made of, or of their rules."""
    made_of = [(rule, fold.best), *fold.joined]
    return max(((hit.severity if hit is not None else "") or one.severity for one, hit in made_of), key=SEVERITIES.index)


def _finding(key: FoldKey, fold: Fold, rule: DetectionRule) -> Finding:
    collection, host, rule_id, group = key
    hit = fold.best
    if hit is None:
        raise ValueError("a finding without a hit")
    severity, matched = _severity(fold, rule), dict(hit.matched)
    message, reason = hit.reason or _message(rule, fold.count, hit), hit.reason or rule.description or rule.name
    techniques = list(rule.techniques)
    for other, more in fold.joined:
        message, reason, matched = f"{message} {more.reason}", f"{reason} {more.reason}", more.matched | matched
        techniques += (technique for technique in other.techniques if technique not in techniques)
    finding: dict[str, object] = {
        "@timestamp": fold.first or None,
        "event.kind": "alert",
        "event.dataset": "finding",
        "event.category": ["intrusion_detection"],
        "event.type": ["info"],
        "event.action": f"{rule.category}-rule-matched",
        "event.severity": SEVERITIES.index(severity) + 1,
        "message": message,
        "host.name": host,
        "rule.id": rule_id,
        "rule.name": rule.name,
        "rule.category": rule.category,
        "escadre.severity": severity,
        "escadre.confidence": fold.confidence,
        "count": fold.count,
        "escadre.records": fold.records(),
        "escadre.matched": matched,
        "escadre.collection": collection,
        "escadre.reason": reason,
        "escadre.id": finding_id(*key),
    }
    optional = {
        "escadre.first": fold.first,
        "escadre.last": fold.last,
        "rule.author": list(rule.author),
        "rule.license": rule.license,
        "rule.reference": rule.reference,
        "rule.ruleset": rule.ruleset,
        "threat.technique.id": techniques,
        "threat.indicator.type": rule.indicator_type,
        "threat.indicator.marking.tlp": rule.tlp,
        "threat.indicator.confidence": rule.certainty,
        "escadre.indicator_expires": rule.expires,
        "target": hit.target,
        "escadre.attack_version": rule.attack_version,
        "escadre.group": group,
    }
    return cast(Finding, finding | {k: v for k, v in optional.items() if v})


def _message(rule: DetectionRule, count: int, hit: Hit) -> str:
    telling = [name for name in _TELLING if hit.matched.get(name)] or [name for name in hit.matched if name not in _HEADER]
    values = {"name": rule.name.rstrip("."), "count": count, "fields": list(hit.matched)[:3]}
    return _MESSAGES[rule.category](values | ({"field": telling[0], "value": hit.matched[telling[0]]} if telling else {}))
