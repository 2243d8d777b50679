"""The result of a judge, and how suspicions become one severity and one phrase."""

from __future__ import annotations

from typing import Any, NamedTuple

from commodore.finding import SEVERITIES, FindingTarget
from commodore.persistence.suspicion import Suspicion

EXPECTED = ("", "nothing about it is suspicious")
"""Severity and phrase of an entry that is expected."""


class Judgement(NamedTuple):
    """The judgement of one entry.

    severity ''  for an entry that is expected
    reason   one sentence: what starts, and why it is expected or not
    matched  the fields that the judgement is based on
    target   the object for HUNTER; the row adds mechanism, kind and removal
    """

    severity: str
    reason: str
    matched: dict[str, Any]
    target: FindingTarget


def worst(found: list[tuple[str, Suspicion]], least: str = "medium") -> tuple[str, str] | None:
    """Return (severity, phrase) of the worst of (subject, suspicion) pairs, or None where none reaches `least`."""
    heavy = [(subject, s) for subject, s in found if SEVERITIES.index(s.severity) >= SEVERITIES.index(least)]
    if not heavy:
        return None
    subject, top = min(heavy, key=lambda pair: -SEVERITIES.index(pair[1].severity))
    return top.severity, f"{subject} {top.words}".strip()


def lower(severity: str, most: str) -> str:
    """Return the lesser of two severities; '' (expected) is the least."""
    return min(severity, most, key=SEVERITIES.index) if severity else ""
