"""Rules on derived records, one file each, found by walking this folder: what happened in a sequence, which no single event shows.

A derived dataset puts the facts of a sequence into its record (`escadre.logon.failures_before`); a rule here says from when on they are a
finding. The form of a file:

    id, title, severity     of the finding; severity is one of commodore.finding.SEVERITIES
    techniques              ATT&CK ids
    about                   what it means, and what else it may be
    dataset                 derived dataset whose records are tested
    when                    field → test, all of which hold: a value, {least: number}, {ends: text} or {present: true}
    unless                  the same; none of them holds
    group                   fields: records that agree in them become one finding
    message                 a template of commodore/sentence.py over the record
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
from commodore.schema import registry
from commodore.sentence import Sentence, sentence
from scout.data import parse_yaml

_WORDS = {"id", "title", "severity", "techniques", "about", "dataset", "when", "unless", "group", "message"}
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

    def hit(self, record: dict[str, Any], artefact: Artefact, host: Host) -> Hit | None:
        """Return the hit on a record, or None."""
        if not all(_holds(test, record.get(name)) for name, test in self.when.items()):
            return None
        if any(_holds(test, record.get(name)) for name, test in self.unless.items()):
            return None
        return Hit(
            self.rule.id,
            record["escadre.id"],
            record.get("@timestamp") or "",
            {name: record[name] for name in self.when if name in record},
            group="|".join(str(record.get(name, "")) for name in self.group),
            reason=self.message(record),
            host=record.get("host.name") or host.name,
            collection=record.get("escadre.collection") or host.collection,
            confidence=artefact.confidence,
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
    if wrong := set(entry) ^ _WORDS:
        raise ValueError(f"{file}: unknown or missing words {sorted(wrong)}")
    if unknown := [name for name in (*entry["when"], *entry["unless"], *entry["group"]) if name not in registry()]:
        raise ValueError(f"{file}: {unknown[0]} is not in the field registry")
    tests = [test for test in (*entry["when"].values(), *entry["unless"].values()) if isinstance(test, dict)]
    if entry["severity"] not in SEVERITIES or any(len(test) != 1 or not set(test) <= _TESTS for test in tests):
        raise ValueError(f"{file}: no such severity or test")
    facts = DetectionRule(
        entry["id"],
        entry["title"],
        "sequence",
        entry["severity"],
        ruleset="sequences",
        reference=f"commodore/detection/sequences/{file}",
        techniques=tuple(entry["techniques"]),
        description=entry["about"],
    )
    return SequenceRule(facts, entry["dataset"], entry["when"], entry["unless"], tuple(entry["group"]), sentence(entry["message"]))


def _holds(test: Any, value: Any) -> bool:
    if not isinstance(test, dict):
        return bool(value == test)
    ((kind, bound),) = test.items()
    if kind == "least":
        return isinstance(value, int) and value >= bound
    if kind == "ends":
        return isinstance(value, str) and value.endswith(bound)
    return (value is not None) is bound
