"""Independent evidence about a file that a finding names and does not judge (`evidence.yaml`).

An intruder chooses which files a command names, so that a name in a command is no reason to remove a file. What counts is a finding about
the file itself, or a property of the file that one of these rules looks at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hunter.catalogue import catalogue
from scout.data import load_data
from scout.targets.patterns import path_regex


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """One kind of independent evidence: places, exceptions, and whether the file must be executable."""

    says: str
    places: tuple[re.Pattern[str], ...]
    exceptions: tuple[re.Pattern[str], ...]
    executable: bool

    def holds(self, path: str, facts: Mapping[str, Any]) -> bool:
        """Whether the file at this native path, with these facts of the collection, has the evidence."""
        below = path.lstrip("/")
        if not matches(below, self.places) or matches(below, self.exceptions):
            return False
        return not self.executable or _executable(facts)


def matches(below: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    """Whether one of the patterns matches a path below the root."""
    return any(pattern.fullmatch(below) for pattern in patterns)


def _executable(facts: Mapping[str, Any]) -> bool:
    """Whether somebody may execute the file; a collection without modes does not show it."""
    mode = str(facts.get("mode") or "")
    return re.fullmatch(r"[0-7]{3,5}", mode) is not None and bool(int(mode, 8) & 0o111)


@cache
def evidence_rules() -> Mapping[str, EvidenceRule]:
    """Name → rule, as `evidence.yaml` declares them. ValueError where the catalogue names a rule that is not there."""
    made = {}
    for name, entry in load_data("hunter.planning", "evidence.yaml").items():
        places, exceptions = (tuple(path_regex(text, fold=False) for text in entry[key]) for key in ("places", "not"))
        made[name] = EvidenceRule(entry["says"], places, exceptions, entry.get("executable") == "yes")
    for removal in catalogue().values():
        if unknown := set(removal.evidence) - set(made):
            raise ValueError(f"catalogue.yaml: {removal.kind}: no such evidence: {', '.join(sorted(unknown))}")
    return made


def independent(kind: str, path: str, facts: Mapping[str, Any]) -> str:
    """What is known of the object itself, as a sentence, '' where nothing is: then a name in a command is all there is."""
    return next((rule.says for name in catalogue()[kind].evidence if (rule := evidence_rules()[name]).holds(path, facts)), "")
