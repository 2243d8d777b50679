"""What the raw sweep found in files, by path: indicators in their bytes, YARA rules that match, and hashes that are indicators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from commodore.case.known_programs import key
from commodore.case.view import CaseView
from commodore.sweep.found import CONTENT, DATASET, YARA

MOST = 20
"""names of each kind, and records, that are kept of one file"""


@dataclass(slots=True)
class SweptFile:
    """What was found in one file. `score`: the highest of the rules that match, 0 to 100."""

    indicators: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    score: int = 0

    def facts(self) -> dict[str, Any]:
        """Return the facts that reasons test."""
        return {"indicators": self.indicators, "rules": self.rules, "rules_score": self.score}


class SweptFiles:
    """What was found in the files of one host."""

    def __init__(self, view: CaseView) -> None:
        self._found: dict[str, SweptFile] = {}
        for record in view.records(DATASET):
            path = record.get("file.path")
            if not isinstance(path, str):
                continue
            file = self._found.setdefault(key(path), SweptFile())
            if record.get("rule.category") == YARA:
                names = file.rules
                file.score = max(file.score, int(record.get("event.risk_score") or 0))
            else:
                names = file.hashes if record.get("escadre.sweep.layer") == CONTENT else file.indicators
            name = str(record.get("rule.name") or "")
            if name not in names and len(names) < MOST:
                names.append(name)
                if len(file.records) < MOST:
                    file.records.append(str(record["escadre.id"]))

    def of(self, path: str) -> SweptFile | None:
        """Return what was found in the file at a native path."""
        return self._found.get(key(path))

    def judged(self, path: str) -> bool:
        """Return whether rules or hashes speak against the file, whatever it is: a text in a log does not."""
        file = self.of(path)
        return file is not None and bool(file.rules or file.hashes)
