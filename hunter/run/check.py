"""Compare every `expect` of a plan with the present state. Reads only; `apply` without `--yes` does the same."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hunter.guard import refusals
from hunter.host.host import RemovalHost
from hunter.host.identity import require
from hunter.host.tree import EVERYBODY
from hunter.mechanisms import Inspection, mechanism_of
from hunter.objects import of, told
from hunter.objects._text import Cut
from hunter.plan.model import GONE as ABSENT
from hunter.plan.model import LATER as AT_ITS_HOST
from hunter.plan.model import RemovalAction, RemovalPlan, sealed_copy
from hunter.private import current_uid
from hunter.ref import Ref
from hunter.run.vault import OVERHEAD
from hunter.unsafe import UnsafeError
from scout.console import Complaint, escape, megabytes

READY, DRIFTED, GONE, BLOCKED, ASK, LATER = "ready", "drifted", "gone", "blocked", "ask", "later"
_QUESTION = "is it the site's own? Nothing is done until you write its verb into the plan (its comment says which)"
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
    def settled(self) -> bool:
        """Return whether nothing is to be done here: an open question, a target of the running host, one that was gone at the sealing,
        and one that ends by itself and has.
        """
        gone = self.action.expected_gone or of(self.action.target.ref).fleeting
        return self.action.asked or self.status == LATER or (self.status == GONE and gone)

    @property
    def stands_apart(self) -> bool:
        """Return whether the action is left out while the others go on: a user changed what is his, which must not stop the rest."""
        return bool(self.controller) and self.status in (DRIFTED, GONE)

    @property
    def why_left_out(self) -> str:
        """Why the action stands apart: what differs, and who controls the target."""
        whose = "several users" if self.controller == EVERYBODY else f"user {self.controller}"
        return f"{told(self.action.target.ref)}: {'; '.join(self.reasons)} (under the control of {whose})"


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
        """Return whether apply goes on: every action is ready, settled or stands apart, and one that does not is ready."""
        fits = all(c.status == READY or c.settled or c.stands_apart for c in self.actions)
        return fits and (bool(self.count(READY)) or all(c.settled for c in self.actions))

    def count(self, status: str) -> int:
        """Return the number of actions with this status."""
        return sum(c.status == status for c in self.actions)


def check(plan: RemovalPlan, path: Path, host: RemovalHost, known: Sequence[str] = (), *, anew: bool = False) -> Report:
    """Check every action. Complaint (code 3) for another host. `known`: targets that the user answers for against the guard list.

    `anew`: the present state is to be sealed: mounts that the plan does not know are looked into.
    """
    if not anew:
        host.files.accept(mount for a in plan.actions for facts in a.expect.values() for mount in facts.get("mounts", ()))
    copy = require(plan.host, host)
    checked = [Checked(a, ASK, [_QUESTION]) if a.asked else _check(a, host, copy=copy) for a in plan.actions]
    for c in checked:
        _check_writable(host, c)
    guards = refusals(host, [a for a in plan.actions if not a.asked and not a.expected_gone], known)
    for c in checked:
        if c.action.id in guards.refused:
            c.status, c.reasons = BLOCKED, [*c.reasons, guards.refused[c.action.id]]
        c.found.notes += [guards.notes[c.action.id]] if c.action.id in guards.notes else []
        c.found.notes += _not_restorable(c.found)
    _note_leftovers(checked)
    sizes = {ref: int(state["size"]) for c in checked for ref, state in c.found.states.items() if state and state.get("sha256")}
    every = [*sizes.values(), *(c.found.memory for c in checked if c.found.memory)]
    needed = sum(size + size // 4096 + OVERHEAD for size in every) + 4096 * (len(checked) + 2)
    free = _free(path.parent)
    if needed > free:
        for c in checked:
            if c.status == READY:
                c.status = BLOCKED
                c.reasons = [f"the backups of the plan need {megabytes(needed)}, and {megabytes(free)} are free beside it: make room there"]
    return Report(plan, copy, checked, needed, free)


def _not_restorable(found: Inspection) -> list[str]:
    """Return a note for each object of which undo cannot restore everything."""
    known = [(ref, of(ref).not_restorable(state)) for ref, state in found.states.items() if state is not None]
    return [f"{told(ref)}: undo cannot restore {what}" for ref, what in known if what]


def _note_leftovers(checked: Sequence[Checked]) -> None:
    """Note what goes on working: equal lines that no action removes, and a timer that no action removes."""
    targets = {c.action.target.ref for c in checked}
    taken: dict[tuple[Ref, bytes | None], set[Cut]] = {}
    for c in checked:
        taken.setdefault((c.action.target.ref, c.action.target.line), set()).update(c.found.cuts)
    for c in checked:
        c.found.notes += [
            f"{told(ref)} starts it and stays: it needs an action of its own" for ref in c.found.starters if ref not in targets
        ]
        c.found.left = max(0, c.found.copies - len(taken[c.action.target.ref, c.action.target.line]))
        if c.found.left:
            c.found.notes.append(f"{c.found.holder} holds it {c.found.copies} times; what no action removes goes on working")


def _check(action: RemovalAction, host: RemovalHost, *, copy: bool) -> Checked:
    """Check one action; again where another user controls the target, so that a change at this very moment does not decide."""
    checked = _look(action, host, copy=copy)
    for ref in dict.fromkeys((action.target.ref, *action.expect)):
        try:
            checked.controller = checked.controller or of(ref).controller(host, ref) or _expected_owner(action.expect.get(ref, {}))
        except UnsafeError as e:
            checked.status, checked.reasons = DRIFTED, [*checked.reasons, f"{told(ref)}: {e}"]
    for _ in range(_LOOKS - 1):
        if checked.stands_apart:
            again = _look(action, host, copy=copy)
            again.controller, checked = checked.controller, again
    return checked


def _expected_owner(expect: Mapping[str, object]) -> int:
    """Return the uid that the plan expects to own a target, 0 for root and for who runs HUNTER: a user may have removed his own file."""
    uid = str(expect.get("uid", "0"))
    return int(uid) if uid.isdecimal() and int(uid) != current_uid() else 0


def _look(action: RemovalAction, host: RemovalHost, *, copy: bool) -> Checked:
    try:
        found = mechanism_of(action.kind).inspect(host, action.target)
    except UnsafeError as e:
        return Checked(action, DRIFTED if action.expect else BLOCKED, [str(e)])
    except ValueError as e:
        return Checked(action, BLOCKED, [str(e)])
    if found.later:
        return Checked(action, LATER, [found.later], found)
    if action.expected_gone:
        if found.gone:
            return Checked(action, GONE, [f"{found.gone}, as when the plan was sealed: nothing to do"], found)
        return Checked(action, DRIFTED, ["it was gone when the plan was sealed, and is there"], found)
    reasons = _drift(action, found, copy=copy)
    if reasons:
        gone = found.gone and (found.states.get(action.target.ref) is None)
        return Checked(action, GONE if gone else DRIFTED, reasons, found)
    if found.problems:
        return Checked(action, BLOCKED, found.problems, found)
    if found.gone:
        return Checked(action, GONE, [found.gone], found)
    return Checked(action, READY, [], found)


def _drift(action: RemovalAction, found: Inspection, *, copy: bool) -> list[str]:
    if found.states.get(action.target.ref) is None:
        return [found.gone or "it is gone"]
    reasons = []
    for ref in dict.fromkeys([*action.expect, *found.states]):
        expect, now = action.expect.get(ref), found.states.get(ref)
        where = "" if ref == action.target.ref else f"{told(ref).rpartition('/')[2]}: "
        if expect is None and ref == action.target.ref:
            reasons.append("the plan does not say what to expect: everything")
        elif expect is None and of(ref).facts:
            reasons.append(f"{told(ref)} belongs to it and the plan does not know it")
        elif expect is None:
            continue
        elif expect == AT_ITS_HOST:
            reasons.append(f"{told(ref)}: the plan was sealed where it could not be looked at: seal it here")
        elif now is None:
            reasons.append(f"{told(ref)} is gone")
        elif missing := of(ref).lacking(expect):
            reasons.append(f"{where}the plan does not say what to expect: {', '.join(missing)}")
        else:
            reasons += [f"{where}{what} was {was}, is {is_now}" for what, was, is_now in of(ref).differences(expect, now, copy=copy)]
    return reasons


def _check_writable(host: RemovalHost, checked: Checked) -> None:
    """Block an action whose place takes no writes, before anything is tried."""
    for ref, state in checked.found.states.items():
        if state is None:
            continue
        try:
            why = of(ref).barrier(host, ref)
        except (OSError, UnsafeError) as e:
            checked.status, checked.reasons = DRIFTED, [str(e)]
            return
        if why:
            checked.status, checked.reasons = BLOCKED, [*checked.reasons, why]
            return


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def reseal(plan: RemovalPlan, report: Report, host: RemovalHost) -> RemovalPlan:
    """Return the plan with the present states as expectations. Complaint (code 3) where a target is gone or cannot be looked at."""
    expects: dict[str, dict[Ref, dict[str, Any]]] = {}
    for c in report.actions:
        if c.status == ASK:
            continue
        expect = {c.action.target.ref: ABSENT} if c.status != LATER and c.found.gone and not c.found.problems else expected_now(c)
        if expect is None:
            why = "; ".join(c.found.problems or c.reasons) or c.found.gone
            raise Complaint(
                f"Action {c.action.id} cannot be sealed: {escape(why)}. Nothing was sealed or changed.",
                "Remove it from the plan, or correct its target; then run hunter check --seal again.",
            )
        expects[c.action.id] = expect
    return sealed_copy(plan, expects, host.root_ino)


def expected_now(c: Checked) -> dict[Ref, dict[str, Any]] | None:
    """Return the present states of an action as what it expects, None where its target is gone or cannot be looked at."""
    if c.status == LATER:
        return {c.action.target.ref: AT_ITS_HOST}
    compared = {ref: state for ref, state in c.found.states.items() if of(ref).facts}
    known = {ref: of(ref).expectation(state) for ref, state in compared.items() if state is not None}
    if c.found.gone or any(of(ref).lacking(expect) for ref, expect in known.items()) or len(known) < len(compared) or not compared:
        return None
    return {ref: known[ref] for ref in dict.fromkeys([*c.action.expect, *known]) if ref in known}
