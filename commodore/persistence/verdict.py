"""What a judge says, and the parts of sentences and targets that judges share."""

from __future__ import annotations

from typing import Any, NamedTuple

from commodore.finding import SEVERITIES, FindingTarget
from commodore.persistence.suspicion import Suspicion


class Verdict(NamedTuple):
    """Not expected. `reason`: one sentence; `matched`: the fields it rests on; `target`: what HUNTER needs beyond mechanism and kind."""

    severity: str
    reason: str
    matched: dict[str, Any]
    target: FindingTarget


def worst(found: list[tuple[str, Suspicion]], least: str = "medium") -> tuple[str, str] | None:
    """(severity, words) of the worst of (subject, suspicion) pairs, or None where none reaches `least`."""
    heavy = [(subject, s) for subject, s in found if SEVERITIES.index(s.severity) >= SEVERITIES.index(least)]
    if not heavy:
        return None
    subject, top = min(heavy, key=lambda pair: -SEVERITIES.index(pair[1].severity))
    return top.severity, f"{subject} {top.words}".strip()


def short(text: str, width: int = 160) -> str:
    """Evidence inside a sentence, cut."""
    return text if len(text) <= width else text[: width - 1] + "…"


def lower(severity: str, most: str) -> str:
    """The lesser of two severities."""
    return min(severity, most, key=SEVERITIES.index)


def matched(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those fields of the record that it has."""
    return {n: record[n] for n in names if n in record}
