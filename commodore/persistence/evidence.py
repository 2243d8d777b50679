"""Independent evidence about a file that a command names (`evidence.yaml`, and the traits of Windows paths).

An intruder chooses which files a command names, so a name in a command says nothing about the file. A finding about the file itself counts,
and so does a property of the file that one of these rules tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from commodore.persistence.suspicion import of_file
from scout.data import load_data
from scout.formats.windows_paths import is_windows
from scout.targets.patterns import path_regex


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """One kind of independent evidence. `about`: kind of target; `says`: a clause about it; `executable`: whether the file must be."""

    about: str
    says: str
    places: tuple[re.Pattern[str], ...]
    exceptions: tuple[re.Pattern[str], ...]
    executable: bool

    def holds(self, path: str, facts: Mapping[str, Any]) -> bool:
        """Return whether the file at this native path, with these facts of the collection, has the evidence."""
        below = path.lstrip("/")
        if not matches(below, self.places) or matches(below, self.exceptions):
            return False
        return not self.executable or _executable(facts)


def matches(below: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    """Return whether one of the patterns matches a path below the root."""
    return any(pattern.fullmatch(below) for pattern in patterns)


def _executable(facts: Mapping[str, Any]) -> bool:
    """Return whether somebody may execute the file; False for a collection without modes."""
    mode = str(facts.get("mode") or "")
    return re.fullmatch(r"[0-7]{3,5}", mode) is not None and bool(int(mode, 8) & 0o111)


@cache
def evidence_rules() -> Mapping[str, EvidenceRule]:
    """Return the rules of `evidence.yaml` by name."""
    made = {}
    for name, entry in load_data("commodore.persistence", "evidence.yaml").items():
        places, exceptions = (tuple(path_regex(text, fold=False) for text in entry[key]) for key in ("places", "not"))
        made[name] = EvidenceRule(entry["about"], entry["says"], places, exceptions, entry.get("executable") == "yes")
    return made


def of_named_file(path: str, facts: Mapping[str, Any]) -> str:
    """Return the evidence about a collected file, as the end of a sentence that begins with "it"; '' where there is none."""
    if is_windows(path):
        return next((f"it {s.words}" for s in of_file(path, "windows") if s.severity == "high"), "")
    return next((rule.says for rule in evidence_rules().values() if rule.about == "file" and rule.holds(path, facts)), "")
