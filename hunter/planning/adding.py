"""`hunter add`: put one action of a person into a plan, sealed; a plan that is not there is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hunter.host.host import RemovalHost
from hunter.plan import sealkey
from hunter.plan.insert import insert
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.plan.read import load
from hunter.planning.byhand import WantedByHand, from_case, new_plan, on_host
from hunter.private import write_private
from scout.console import WRONG_USE, Complaint
from scout.keys import load_recipients


@dataclass(frozen=True, slots=True)
class AddedAction:
    """What `add` did. `notes`: what a person should know of it; `unsigned`: an older signature fits no more."""

    path: Path
    plan: RemovalPlan
    action: RemovalAction
    notes: tuple[str, ...]
    made: bool
    unsigned: bool


def add(
    path: Path, wanted: WantedByHand, *, root: Path | None, case: Path | None, known: Sequence[str], recipients: Sequence[str]
) -> AddedAction:
    """Add the action. Complaint (code 2) for a plan that is wrong, a target that is none; (code 3) where the guard refuses it."""
    if case is not None and root is not None:
        raise Complaint("--case and --root exclude each other.", "Take what is expected from one of the two.", WRONG_USE)
    there = os.path.lexists(path)
    if there and recipients:
        raise Complaint(f"{path} has its recipients already.", "Leave -r out, or give the name of a new plan.", WRONG_USE)
    if not there and (not recipients or case is not None):
        do = "Make it with hunter plan CASE, or on the host (or with --root DIR) with -r age1…"
        raise Complaint(f"There is no plan {path}.", do, WRONG_USE)
    if case is not None:
        plan, action = from_case(load(path, key=sealkey.present()), case, wanted, known)
        notes: list[str] = []
    else:
        try:
            with RemovalHost(root) as host:
                before = load(path, key=sealkey.present()) if there else new_plan(host, load_recipients(recipients)[1])
                plan, checked = on_host(before, path, host, wanted, known)
        except OSError as e:
            raise Complaint(f"{root or '/'} cannot be read: {e.strerror}.", "Give the mounted root of the host.", WRONG_USE) from e
        notes = checked.found.notes
        action = next(a for a in plan.actions if a.id == checked.action.id)
    key = sealkey.ready()
    if there:
        insert(path, plan, action.id, key)
    else:
        try:
            write_private(path, plan.text(key).encode())
        except OSError as e:
            raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give another place.") from e
    unsigned = path.with_name(f"{path.name}.sig").exists()
    return AddedAction(path, plan, action, tuple(notes), not there, unsigned)
