"""Rules on records that already hold a judgement, one file each, found by walking this folder.

A derived dataset puts the facts of a sequence into its record (`escadre.logon.failures_before`), an analysis of content its traits
(`escadre.severity` of a script); a rule here says from when on they are a finding. The form of a file:

    id, title, severity     of the finding; severity is one of commodore.finding.SEVERITIES
    techniques              ATT&CK ids
    about                   what it means, and what else it may be
    dataset                 dataset whose records are tested
    when                    field → test, all of which hold: a value, {least: number}, {ends: text} or {present: true}
    unless                  the same; none of them holds
    group                   fields: records that agree in them become one finding
    message                 a template of commodore/sentence.py over the record
    category                optional: rule.category of the finding; `sequence` where it is left out
    severity_of             optional: field of the record with the severity of this hit
    target                  optional: field with the path of the file that HUNTER can remove
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from commodore.artefact import Artefact
from commodore.finding import SEVERITIES
from commodore.hits import DetectionRule, Hit
from commodore.host import Host
from commodore.persistence.targets import file_target
from commodore.schema import registry
from commodore.sentence import Sentence, sentence
from scout.data import parse_yaml

_WORDS = {"id", "title", "severity", "techniques", "about", "dataset", "when", "unless", "group", "message"}
_OPTIONAL = {"category", "severity_of", "target"}
_TESTS = {"least", "ends", "present"}


@dataclass(frozen=True, slots=True)
class SequenceRule:
    """One file, validated."""

    rule: DetectionRule
    dataset: str
    when: dict[str, Any]
    unless: dict[str, Any]
    group: tuple[str, ...]
    message: Sentence
    severity_of: str = ""
    target: str = ""

    def hit(self, record: dict[str, Any], artefact: Artefact, host: Host) -> Hit | None:
        """Return the hit on a record, or None."""
        if not all(_holds(test, record.get(name)) for name, test in self.when.items()):
            return None
        if any(_holds(test, record.get(name)) for name, test in self.unless.items()):
            return None
        path = str(record.get(self.target) or "")
        return Hit(
            self.rule.id,
            record["escadre.id"],
            record.get("@timestamp") or "",
            {name: record[name] for name in self.when if name in record},
            group="|".join(str(record.get(name, "")) for name in self.group),
            reason=self.message(record),
            target=file_target(path) if path else None,
            host=record.get("host.name") or host.name,
            collection=record.get("escadre.collection") or host.collection,
            confidence=artefact.confidence,
            severity=str(record.get(self.severity_of) or "") if self.severity_of else "",
            action=record.get("event.action") or "",
            success=record.get("event.outcome") == "success",
        )


@cache
def rules() -> tuple[SequenceRule, ...]:
    """Return all rules, by file name. Raises ValueError for a file that the validator refuses."""
    found = tuple(_rule(name, parse_yaml(content)) for name, content in _documents())
    ids = [rule.rule.id for rule in found]
    if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise ValueError(f"sequences: {twice[0]} is the id of two rules")
    return found


def digest() -> str:
    """Return the identity of all rules."""
    return hashlib.sha256(b"\0".join(content for _, content in _documents())).hexdigest()


def hits(record: dict[str, Any], artefact: Artefact, host: Host) -> Iterator[Hit]:
    """Yield a hit for each rule that a record of a derived dataset meets."""
    for rule in rules():
        if rule.dataset == artefact.name and (hit := rule.hit(record, artefact, host)) is not None:
            yield hit


def reads(dataset: str) -> bool:
    """Return whether some rule is about this dataset."""
    return dataset in _datasets()


@cache
def _datasets() -> frozenset[str]:
    return frozenset(rule.dataset for rule in rules())


def _documents() -> Iterator[tuple[str, bytes]]:
    for file in sorted(files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            yield file.name, file.read_bytes()


def _rule(file: str, entry: dict[str, Any]) -> SequenceRule:
    if wrong := (set(entry) - _OPTIONAL) ^ _WORDS:
        raise ValueError(f"{file}: unknown or missing words {sorted(wrong)}")
    fields = [entry[word] for word in ("severity_of", "target") if word in entry]
    if unknown := [name for name in (*entry["when"], *entry["unless"], *entry["group"], *fields) if name not in registry()]:
        raise ValueError(f"{file}: {unknown[0]} is not in the field registry")
    tests = [test for test in (*entry["when"].values(), *entry["unless"].values()) if isinstance(test, dict)]
    if entry["severity"] not in SEVERITIES or any(len(test) != 1 or not set(test) <= _TESTS for test in tests):
        raise ValueError(f"{file}: no such severity or test")
    facts = DetectionRule(
        entry["id"],
        entry["title"],
        entry.get("category", "sequence"),
        entry["severity"],
        ruleset="sequences",
        reference=f"commodore/detection/sequences/{file}",
        techniques=tuple(entry["techniques"]),
        description=entry["about"],
    )
    optional = entry.get("severity_of", ""), entry.get("target", "")
    return SequenceRule(
        facts, entry["dataset"], entry["when"], entry["unless"], tuple(entry["group"]), sentence(entry["message"]), *optional
    )


def _holds(test: Any, value: Any) -> bool:
    if not isinstance(test, dict):
        return bool(value == test)
    ((kind, bound),) = test.items()
    if kind == "least":
        return isinstance(value, int) and value >= bound
    if kind == "ends":
        return isinstance(value, str) and value.endswith(bound)
    return (value is not None) is bound
