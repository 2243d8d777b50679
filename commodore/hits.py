"""The rules, hits and refusals of all kinds of detection."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from commodore.finding import FindingTarget


class DetectionRule(NamedTuple):
    """The facts of a rule that a finding carries. `category`: sigma, ioc or persistence; `ruleset`: file that the rule came from."""

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
    tlp: str = ""
    certainty: str = ""
    expires: str = ""


class Hit(NamedTuple):
    """One rule on one record. Values are plain JSON, because hits pass between processes.

    rule        id of the rule
    record      `escadre.id` of the record
    time        RFC 3339 UTC, '' where the record has none
    matched     field → value on which the rule matched
    group       hits of one rule, host and group become one finding
    reason      one sentence; '' for the sentence that findings of this kind of rule have
    target      the object for HUNTER, where it can be removed
    host, collection  of the record
    confidence  logged or inferred
    severity    '' for the rule's own
    action      `event.action` of the record
    success     whether the record's `event.outcome` is success
    said        message of the record, where a rule of Sigma matched on nothing that tells what happened
    line        digest of a line of a log, which several files may have; '' for other records
    member      file of that line
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
    action: str = ""
    success: bool = False
    said: str = ""
    line: str = ""
    member: int = 0


class Refusal(NamedTuple):
    """A rule or indicator that was not loaded: its file, line (0 where unknown) and the reason."""

    file: str
    line: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """`{file, line, reason}`, the shape in `case.json`."""
        return {"file": self.file, "line": self.line, "reason": self.reason}


class LoadedRules(Protocol):
    """The counts and the identity of loaded rules, as a case notes them; `Detection` has them.

    loaded      number of Sigma rules that records of some dataset can match
    yara        number of YARA rules
    indicators  number of indicators
    refused     `{file, line, reason}` for each rule and indicator that was not loaded
    digest      identity of all that decides what is found
    """

    @property
    def loaded(self) -> int: ...
    @property
    def yara(self) -> int: ...
    @property
    def indicators(self) -> int: ...
    @property
    def refused(self) -> list[dict[str, Any]]: ...
    @property
    def digest(self) -> str: ...
