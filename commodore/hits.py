"""The rules, hits and refusals of all kinds of detection."""

from __future__ import annotations

from typing import Any, NamedTuple

from commodore.finding import FindingTarget


class DetectionRule(NamedTuple):
    """What a finding says of the rule that made it, whatever its kind. `category`: sigma, ioc or persistence."""

    id: str
    name: str
    category: str
    severity: str
    author: tuple[str, ...] = ()
    license: str = ""
    reference: str = ""
    ruleset: str = ""
    techniques: tuple[str, ...] = ()
    attack_version: str = ""
    description: str = ""
    indicator_type: str = ""


class Hit(NamedTuple):
    """One rule on one record. Plain values only: it travels between processes.

    rule        id of the rule
    record      `escadre.id` of the record
    time        RFC 3339 UTC, '' where the record has none
    matched     field → value on which the rule matched
    group       '' folds all hits of a rule on a host into one finding; else one finding per (rule, group)
    reason      one sentence, '' where the rule's name says enough
    target      what HUNTER needs, for removable things
    host, collection  where the record belongs
    confidence  logged or inferred
    severity    '' for the rule's own
    """

    rule: str
    record: str
    time: str
    matched: dict[str, Any]
    group: str = ""
    reason: str = ""
    target: FindingTarget | None = None
    host: str = ""
    collection: str = ""
    confidence: str = "inferred"
    severity: str = ""


class Refusal(NamedTuple):
    """A rule or indicator that was not taken: where it stands and why. `line` is 0 where there is none to name."""

    file: str
    line: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """`{file, line, reason}`, the shape in `case.json`."""
        return {"file": self.file, "line": self.line, "reason": self.reason}
