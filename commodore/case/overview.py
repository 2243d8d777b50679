"""The pass behind the summary of `process`: what each host came to, how many findings there are, and the most severe ones."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from commodore.case.jsonl import objects
from commodore.case.partition import Partition
from commodore.finding import MOST_SEVERE_FIRST, Finding

SHOWN = 10
"""findings in the summary"""
ALIKE = 3
"""findings of one rule and host in the summary: a flood of one rule hides the others"""


@dataclass(slots=True)
class Overview:
    """A case at a glance."""

    hosts: list[dict[str, Any]] = field(default_factory=list)
    """the manifests, sorted by host"""
    severities: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    """the most severe ones"""
    given_up: list[dict[str, Any]] = field(default_factory=list)


class OverviewPass:
    """Map: the manifest and the first findings of a host, which are its most severe. Reduce: the whole case."""

    def map(self, partition: Partition) -> tuple[dict[str, Any], list[Finding]]:
        """Return the manifest of a partition and its most severe findings, at most ten."""
        about = partition.about() or {}
        if not any(about.get("findings", {}).values()):
            return about, []
        return about, heapq.nsmallest(SHOWN, _varied(cast("Iterable[Finding]", objects(partition.findings))), key=_grade)

    def reduce(self, summaries: Iterator[tuple[dict[str, Any], list[Finding]]]) -> Overview:
        """Return the overview. Holds the manifests and ten findings."""
        whole = Overview()
        for about, findings in summaries:
            whole.hosts.append(about)
            for severity, count in about.get("findings", {}).items():
                whole.severities[severity] = whole.severities.get(severity, 0) + count
            whole.given_up += about.get("given_up", [])
            whole.findings = heapq.nsmallest(SHOWN, [*whole.findings, *findings], key=_rank)
        whole.hosts.sort(key=lambda about: (about["host"], about["collection"]))
        return whole


def _varied(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings of a host without those that are ALIKE others. They come the most severe first."""
    alike: Counter[str] = Counter()
    for finding in findings:
        alike[finding["rule.id"]] += 1
        if alike[finding["rule.id"]] <= ALIKE:
            yield finding


def _grade(finding: Finding) -> int:
    return MOST_SEVERE_FIRST.index(finding.get("escadre.severity", "informational"))


def _rank(finding: Finding) -> tuple[int, str]:
    return _grade(finding), finding.get("host.name", "")
