"""What COMMODORE finds in a fresh archive: all detectors run on it, in a case of its own that is deleted afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from commodore.persistence.table import all_places
from hunter.case import read
from hunter.catalogue import catalogue
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.planning.propose import propose

_Key = tuple[str, str, str, str, bytes | None]


@dataclass(slots=True)
class FreshFindings:
    """What a plan of the fresh archive would remove, and what the archive let COMMODORE see."""

    actions: dict[_Key, RemovalAction] = field(default_factory=dict)
    sentences: dict[_Key, str] = field(default_factory=dict)
    datasets: frozenset[str] = frozenset()
    """datasets with at least one record"""

    @classmethod
    def of(cls, archive: Path, case: Path, identities: Sequence[Any]) -> FreshFindings:
        """Process an archive into a new case. Complaint where it cannot be read."""
        process([archive], case, identities=identities)
        found = cls()
        for entry in CaseReader(case).collections().values():
            known = entry.get("records")
            found.datasets |= {name for name, number in known.items() if number} if isinstance(known, dict) else set()
        for collection in read(case, "high"):
            plan = propose(collection, ()).plan
            for action in plan.actions:
                found.actions[_key(action)] = action
                found.sentences[_key(action)] = next(iter(plan.findings.get(action.id, ())), "")
        return found

    def finds(self, action: RemovalAction) -> bool:
        """Return whether the target of an action is found again."""
        return _key(action) in self.actions

    def saw(self, action: RemovalAction) -> bool:
        """Return whether the archive has anything of the kind of an action, so that what is not found is not there."""
        return bool(_datasets(action.kind) & self.datasets)

    def beyond(self, plan: RemovalPlan) -> list[tuple[RemovalAction, str]]:
        """Return what is found and no action of the plan removes, each with the sentence of its finding."""
        mine = {_key(action) for action in plan.actions}
        return [(action, self.sentences[key]) for key, action in self.actions.items() if key not in mine]


def _key(action: RemovalAction) -> _Key:
    """Return what makes two actions the same. Of a process, its number says nothing on another day."""
    ref = action.target.ref
    part = "" if ref.object == "process" else ref.part
    return action.kind, ref.object, ref.name, part, action.target.line


@cache
def _datasets(kind: str) -> frozenset[str]:
    """Return the datasets that the rows of a kind are judged by."""
    return frozenset(row.dataset for row in all_places() if row.id in catalogue()[kind].rows)
