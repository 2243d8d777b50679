"""One object of a run, and the transitions of a line of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def progress(actions: Sequence[str], objects: Iterable[RunObject], *, back: bool) -> str:
    """Return one sentence that lists the actions of a run by progress; `back`: of an undo."""
    edits: dict[str, list[bool]] = {a: [] for a in actions}
    for item in objects:
        for action in item.edits:
            edits[action].append(action in item.applied)
    whole, none = [a for a, e in edits.items() if all(e)], [a for a, e in edits.items() if not any(e)]
    some = [a for a in edits if a not in whole and a not in none]
    words = (
        (("taken back", none), ("in part", some), ("still removed", whole))
        if back
        else (("done", whole), ("in part", some), ("not begun", none))
    )
    said = [f"{word}: {', '.join(ids[:20])}{' …' if len(ids) > 20 else ''}" for word, ids in words if ids]
    said[:0] = [] if words[0][1] else [f"{words[0][0]}: none"]
    return f"So far {'; '.join(said)}."
