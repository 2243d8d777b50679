"""The summary of a run, for the caller and for the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commodore.finding import Finding
from commodore.hits import LoadedRules


@dataclass
class Summary:
    """The summary of a run. `hosts`: the manifests of all collections of the case."""

    case: Path
    hosts: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """inputs that the case already has"""
    other_rules: list[str] = field(default_factory=list)
    """those of them that were processed with other rules or indicators"""
    redone: list[tuple[str, list[str]]] = field(default_factory=list)
    """host and the datasets that were made again"""
    versions: list[tuple[dict[str, Any], list[str]]] = field(default_factory=list)
    """how the hosts were made, as `CaseReader.versions` groups them"""
    twice: list[tuple[str, str]] = field(default_factory=list)
    """inputs that are the same collection as another one of this run"""
    unused_receipts: list[str] = field(default_factory=list)
    """receipts that are of no archive of this run"""
    unread: list[tuple[str, str]] = field(default_factory=list)
    """inputs that could not be read at all, or not to their end, and why; the others were processed"""
    rules: dict[str, Any] = field(default_factory=dict)
    """`loaded`, `indicators`, `refused`, `digest` as `Detection` has them; `without_source`: number of rules that no record can match;
    `with_source`: number of the loaded rules that have a log source in this case"""
    severities: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    """the most severe ones, at most ten"""
    unreproducible: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    read: int = 0
    """bytes of input that this run read"""

    @property
    def records(self) -> int:
        """Records in the case."""
        return sum(sum(h["records"].values()) for h in self.hosts)

    @property
    def whole(self) -> bool:
        """Return whether every input was read and is complete, no parser failed, no unit was given up, the rules saw every input, and
        every receipt is of an archive.
        """
        sound = all(h["state"] == "complete" and not h.get("failed") for h in self.hosts)
        return sound and not self.unreproducible and not self.other_rules and not self.unread and not self.unused_receipts

    def note_rules(self, detection: LoadedRules) -> None:
        """Copy the counts of loaded rules and the list of refused ones."""
        self.rules = {
            "loaded": detection.loaded,
            "yara": detection.yara,
            "indicators": detection.indicators,
            "refused": list(detection.refused),
            "digest": detection.digest,
        }

    def note_sources(self, detection: Any) -> None:
        """Count the rules that no record can match, and the loaded rules that have a log source in this case."""
        self.rules["without_source"] = len(detection.without_source)
        self.rules["with_source"] = detection.with_source(log_sources(self.hosts))


def log_sources(manifests: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return the Sigma log sources of collections, by dataset."""
    seen: dict[str, set[str]] = {}
    for about in manifests:
        for dataset, places in about.get("log_sources", {}).items():
            seen.setdefault(dataset, set()).update(places)
    return seen
