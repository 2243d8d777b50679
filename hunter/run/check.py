"""Compare every `expect` of a plan with the present state. Reads only; `apply` without `--yes` does the same."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hunter.guard import refusals
from hunter.host.identity import require
from hunter.host.state import NEEDED, UnsafeError, differences, lacking
from hunter.host.tree import EVERYBODY, HostTree, folder_flags
from hunter.mechanisms import Inspection, mechanisms
from hunter.objects._text import Cut
from hunter.plan.model import RemovalAction, RemovalPlan, sealed_copy
from hunter.run.vault import OVERHEAD
from scout.console import Complaint, escape

READY, DRIFTED, GONE, BLOCKED = "ready", "drifted", "gone", "blocked"
_LOOKS = 3
"""how often a target that another user controls is looked at before it counts as drifted"""


@dataclass(slots=True)
class Checked:
    """One action compared with the present state.

    controller   uid of a user who is not root and may change the target, -1 for several, 0 for nobody
    """

    action: RemovalAction
    status: str
    reasons: list[str] = field(default_factory=list)
    found: Inspection = field(default_factory=Inspection)
    controller: int = 0

    @property
    def stands_apart(self) -> bool:
        """Return whether the action is left out while the others go on: a user changed what is his, which must not stop the rest."""
        return bool(self.controller) and self.status in (DRIFTED, GONE)

    @property
    def why_left_out(self) -> str:
        """Why the action stands apart: what differs, and who controls the target."""
        whose = "several users" if self.controller == EVERYBODY else f"user {self.controller}"
        return f"{self.action.target.path}: {'; '.join(self.reasons)} (under the control of {whose})"


@dataclass(slots=True)
class Report:
    """A checked plan. `needed` and `free` in bytes."""

    plan: RemovalPlan
    copy: bool
    """the tree is a copy of the host's: file ids were not compared"""
    actions: list[Checked]
    needed: int
    free: int

    @property
    def ready(self) -> bool:
        """Return whether apply goes on: every action is ready or stands apart, and one at least is ready."""
        fits = all(c.status == READY or c.stands_apart for c in self.actions)
        return fits and (not self.actions or bool(self.count(READY)))

    def count(self, status: str) -> int:
        """Return the number of actions with this status."""
        return sum(c.status == status for c in self.actions)


def check(plan: RemovalPlan, path: Path, tree: HostTree, known: Sequence[str] = ()) -> Report:
    """Check every action. Complaint (code 3) for another host. `known`: targets that the user answers for against the guard list."""
    copy = require(plan.host, tree)
    checked = [_check(a, tree, copy=copy) for a in plan.actions]
    for c in checked:
        _check_writable(tree, c)
    guards = refusals(tree, plan.actions, known)
    for c in checked:
        if c.action.id in guards.refused:
            c.status, c.reasons = BLOCKED, [*c.reasons, guards.refused[c.action.id]]
        c.found.notes += [guards.notes[c.action.id]] if c.action.id in guards.notes else []
        c.found.notes += _not_restorable(c.found)
    _note_leftovers(checked)
    sizes = {p: s.size for c in checked for p, s in c.found.states.items() if s and s.type == "file"}
    needed = sum(size + size // 4096 + OVERHEAD for size in sizes.values()) + 4096 * (len(checked) + 2)
    return Report(plan, copy, checked, needed, _free(path.parent))


def _not_restorable(found: Inspection) -> list[str]:
    """Return a note for each file with flags that undo cannot restore."""
    return [f"{p}: undo cannot restore its file flags {s.fixed} (lsattr)" for p, s in found.states.items() if s and s.fixed]


def _note_leftovers(checked: Sequence[Checked]) -> None:
    """Note what goes on working: equal lines that no action removes, and a timer that no action removes."""
    targets = {c.action.target.path for c in checked}
    taken: dict[tuple[str, bytes | None], set[Cut]] = {}
    for c in checked:
        taken.setdefault((c.action.target.path, c.action.target.line), set()).update(c.found.cuts)
    for c in checked:
        c.found.notes += [f"{p} starts it and stays: it needs an action of its own" for p in c.found.starters if p not in targets]
        c.found.left = max(0, c.found.copies - len(taken[c.action.target.path, c.action.target.line]))
        if c.found.left:
            c.found.notes.append(f"the file holds it {c.found.copies} times; what no action removes goes on working")


def _check(action: RemovalAction, tree: HostTree, *, copy: bool) -> Checked:
    """Check one action; again where another user controls the target, so that a change at this very moment does not decide."""
    checked = _look(action, tree, copy=copy)
    for path in dict.fromkeys((action.target.path, *action.expect)):
        try:
            checked.controller = checked.controller or tree.controller(path) or _expected_owner(action, path)
        except UnsafeError as e:
            checked.status, checked.reasons = DRIFTED, [*checked.reasons, f"{path}: {e}"]
    for _ in range(_LOOKS - 1):
        if checked.stands_apart:
            again = _look(action, tree, copy=copy)
            again.controller, checked = checked.controller, again
    return checked


def _expected_owner(action: RemovalAction, path: str) -> int:
    """Return the uid that the plan expects to own a target, 0 for root and for who runs HUNTER: a user may have removed his own file."""
    uid = str(action.expect.get(path, {}).get("uid", "0"))
    return int(uid) if uid.isdecimal() and int(uid) != os.geteuid() else 0


def _look(action: RemovalAction, tree: HostTree, *, copy: bool) -> Checked:
    try:
        found = mechanisms()[action.kind].inspect(tree, action.target)
    except UnsafeError as e:
        return Checked(action, DRIFTED if action.expect else BLOCKED, [str(e)])
    except ValueError as e:
        return Checked(action, BLOCKED, [str(e)])
    reasons = _drift(action, found, copy=copy)
    if reasons:
        gone = found.gone and (found.states.get(action.target.path) is None)
        return Checked(action, GONE if gone else DRIFTED, reasons, found)
    if found.problems:
        return Checked(action, BLOCKED, found.problems, found)
    if found.gone:
        return Checked(action, GONE, [found.gone], found)
    return Checked(action, READY, [], found)


def _drift(action: RemovalAction, found: Inspection, *, copy: bool) -> list[str]:
    if found.states.get(action.target.path) is None:
        return [found.gone or "it is gone"]
    reasons = []
    for path in dict.fromkeys([*action.expect, *found.states]):
        expect, now = action.expect.get(path), found.states.get(path)
        where = "" if path == action.target.path else f"{posixpath.basename(path)}: "
        if expect is None:
            reasons.append(f"{path} belongs to it and the plan does not know it")
        elif now is None:
            reasons.append(f"{path} is gone")
        elif missing := lacking(expect):
            reasons.append(f"{where}the plan does not say what to expect: {', '.join(missing)}")
        else:
            reasons += [f"{where}{what} was {was}, is {is_now}" for what, was, is_now in differences(expect, now, copy=copy)]
    return reasons


def _check_writable(tree: HostTree, checked: Checked) -> None:
    """Block an action whose file system or folder takes no writes, before anything is tried."""
    for path, state in checked.found.states.items():
        if state is None:
            continue
        try:
            with tree.parent(path) as (fd, _):
                read_only = os.fstatvfs(fd).f_flag & os.ST_RDONLY
                allowed = os.access(".", os.W_OK | os.X_OK, dir_fd=fd, effective_ids=True)
                flags = folder_flags(fd)
        except (OSError, UnsafeError) as e:
            checked.status, checked.reasons = DRIFTED, [str(e)]
            return
        if read_only or not allowed or flags:
            why = f"the folder is {flags} (chattr): clear the flag first" if flags else "no right to write there: run as root"
            why = "the file system is read-only" if read_only else why
            checked.status, checked.reasons = BLOCKED, [*checked.reasons, f"{posixpath.dirname(path)}: {why}"]
            return


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def reseal(plan: RemovalPlan, report: Report, tree: HostTree) -> RemovalPlan:
    """Return the plan with the present states as expectations. Complaint (code 3) where a target is gone or cannot be looked at."""
    expects = {}
    for c in report.actions:
        absent = [p for p, s in c.found.states.items() if s is None]
        strange = [s.type for s in c.found.states.values() if s and s.type not in NEEDED]
        if c.found.gone or absent or strange or not c.found.states:
            why = "; ".join(c.found.problems if strange else c.reasons) or c.found.gone
            raise Complaint(
                f"Action {c.action.id} cannot be sealed: {escape(why)}. Nothing was sealed or changed.",
                "Remove it from the plan, or correct its target; then run hunter check --seal again.",
            )
        now = {p: s.expectation() for p, s in c.found.states.items() if s}
        expects[c.action.id] = {p: now[p] for p in dict.fromkeys([*c.action.expect, *now]) if p in now}
    return sealed_copy(plan, expects, tree.root_ino)
