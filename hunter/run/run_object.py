"""One object of a run, and the transitions of a line of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hunter.objects import Described


@dataclass(slots=True)
class RunObject:
    """State and edits of one object during a run."""

    before: Described
    now: Described
    edits: dict[str, dict[str, Any]] = field(default_factory=dict)
    """action id → edit"""
    applied: frozenset[str] = frozenset()

    @property
    def controlled(self) -> bool:
        """Return whether a user who is not root may change the object."""
        return any(edit.get("controller") for edit in self.edits.values())


def steps(begun: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the transitions of a `begin` line: one, or those of all objects that are written as one."""
    return [begun, *begun.get("more", ())]
