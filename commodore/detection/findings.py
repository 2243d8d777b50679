"""Fold hits into findings: ECS alerts in a stable order, the same in whatever order the hits came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from commodore.detection import same_file
from commodore.detection.fold import Fold, FoldKey
from commodore.finding import SEVERITIES, Finding, finding_id
from commodore.hits import DetectionRule, Hit
from commodore.sentence import sentence

TELLING = ("CommandLine", "ScriptBlockText", "ImagePath", "TargetObject", "TargetFilename", "PipeName")
"""Fields of Sigma's taxonomy that describe an event best, in this order. Without one the record's message is shown: the name of a program
or service alone does not say who did what."""
_HEADER = frozenset({"EventID", "Channel", "Provider_Name"})
"""Fields that give the kind of an event, not what happened."""
SAID = 400
"""Characters of a record's message that a hit has."""
_WORDS = 120
"""Characters of a value in a message."""
_MESSAGES = {
    "yara": sentence("YARA rule {name!q} matched."),
    "ioc": sentence("{name} was found in {count!n} {count:record|records}[ ({fields})]."),
    "sigma": sentence("Sigma rule {name!q} matched {count!n} {count:record|records}[: {field} is {value!q}].", _WORDS),
    "sigma, said": sentence("Sigma rule {name!q} matched {count!n} {count:record|records}[{?several}, the first]: {said}.", SAID),
}
"""Category of a rule → message of a finding whose hit has no reason of its own."""


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
    telling = [name for name in TELLING if hit.matched.get(name)] or [name for name in hit.matched if name not in _HEADER]
    values = {"name": rule.name.rstrip("."), "count": count, "fields": list(hit.matched)[:3]}
    if rule.category == "sigma" and hit.said:
        return _MESSAGES["sigma, said"](values | {"said": hit.said, "several": count > 1})
    return _MESSAGES[rule.category](values | ({"field": telling[0], "value": hit.matched[telling[0]]} if telling else {}))
