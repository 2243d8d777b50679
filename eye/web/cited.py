"""Hold the findings of a case in memory with the records that they rest on, so that pages can show findings beside records.

A finding cites at most 100 records. Those beyond are known by the hits of the case, in 44 bytes each.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterable
from typing import Any
from urllib.parse import urlencode

from commodore.finding import MOST_SEVERE_FIRST
from eye.query.values import nanoseconds
from eye.web.chart import moment

_BITS = 32
"""Bits of the number of a finding."""


def css(severity: str | None) -> str:
    """Return the CSS class of a severity."""
    return "info" if severity in ("informational", None, "") else severity if severity in MOST_SEVERE_FIRST else "info"


class Findings:
    """All findings of a case, most severe first, with an index from record id to the findings that rest on it.

    matches    finding ids → (record id, finding id) of all records that they rest on: `CaseReader.matches`
    """

    def __init__(self, found: list[dict[str, Any]], matches: Callable[[Container[str]], Iterable[tuple[str, str]]] = lambda _: ()) -> None:
        self.all = found
        cut = {str(f.get("escadre.id")): n for n, f in enumerate(found) if int(f.get("count") or 0) > len(f.get("escadre.records") or ())}
        self._matched = sorted(_key(record) << _BITS | cut[finding] for record, finding in matches(cut)) if cut else []
        """first 64 bits of a record's id and the number of a finding, as one integer"""
        self._citing: dict[str, list[int]] = {}
        self.moments: list[tuple[int, str, str]] = []
        for n, finding in enumerate(found):
            for record in finding.get("escadre.records") or []:
                self._citing.setdefault(str(record), []).append(n)
            at = nanoseconds(finding.get("escadre.first") or finding.get("@timestamp"))
            if at is not None:
                self.moments.append((at, level(finding), title(finding)))
        self.years = len({moment(at).year for at, _, _ in self.moments}) > 1
        """Whether the findings are in more than one year, so that a time needs its year"""

    def severity_of(self, record: str | None) -> str:
        """Return the highest severity of the findings that rest on a record, or ''."""
        cited = self._of(record)
        return level(self.all[cited[0]]) if cited else ""

    def citing(self, record: str | None) -> list[dict[str, Any]]:
        """Return the rows of the findings that rest on a record."""
        return [row(self.all[n]) for n in self._of(record)]

    def _of(self, record: str | None) -> list[int]:
        """Return the numbers of the findings that rest on a record, most severe first."""
        found = set(self._citing.get(record or "", ()))
        if record and self._matched:
            key = _key(record)
            place = bisect_left(self._matched, key << _BITS)
            while place < len(self._matched) and self._matched[place] >> _BITS == key:
                found.add(self._matched[place] & (1 << _BITS) - 1)
                place += 1
        return sorted(found)

    def counts(self) -> list[tuple[str, int]]:
        """Return (severity, number of findings), most severe first; `informational` only if it has findings."""
        tally = dict.fromkeys(MOST_SEVERE_FIRST, 0)
        for finding in self.all:
            name = level(finding)
            tally[name if name in tally else "informational"] += 1
        return [(name, n) for name, n in tally.items() if n or name != "informational"]


def _key(record: str) -> int:
    """Return the first 64 bits of a record's id; 0 for what is none."""
    try:
        return int(record[:16], 16)
    except ValueError:
        return 0


def level(finding: dict[str, Any]) -> str:
    """Return the severity of a finding; an unknown one counts as informational."""
    found = finding.get("escadre.severity")
    return found if isinstance(found, str) and found in MOST_SEVERE_FIRST else "informational"


def title(finding: dict[str, Any]) -> str:
    """Return the sentence that describes a finding."""
    return str(finding.get("message") or finding.get("rule.name") or finding.get("rule.id") or "Finding")


def row(finding: dict[str, Any]) -> dict[str, Any]:
    """Return the text of a line in the list."""
    return {
        "id": str(finding.get("escadre.id") or ""),
        "severity": level(finding),
        "title": title(finding),
        "host": str(finding.get("host.name") or "–"),
        "count": int(finding.get("count") or len(finding.get("escadre.records") or []) or 1),
        "first": finding.get("escadre.first") or finding.get("@timestamp"),
        "confidence": "logged" if finding.get("escadre.confidence") == "logged" else "inferred",
        "technique": [str(t) for t in finding.get("threat.technique.id") or []],
        "rule": str(finding.get("rule.name") or finding.get("rule.id") or ""),
        "url": "/findings?" + urlencode({"open": str(finding.get("escadre.id") or "")}),
    }
