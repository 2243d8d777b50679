"""Check that every target is gone, on the host or on a mounted root."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hunter.host.archived import NotCollectedError
from hunter.host.host import RemovalHost
from hunter.host.identity import boot, require
from hunter.host.view import HostView
from hunter.mechanisms import mechanism_of
from hunter.objects import told
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.ref import Ref
from hunter.run.session import open_run
from hunter.unsafe import UnsafeError
from scout.console import Complaint


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """Whether the target of one action is gone. `looked` is False where the archive does not show it: not known."""

    action: RemovalAction
    gone: bool
    reason: str
    looked: bool = True
    later: bool = False
    """only the running host shows it"""


def verify(plan: RemovalPlan, path: Path, host: RemovalHost, *, after_reboot: bool = False) -> list[TargetVerdict]:
    """Check a live or mounted root. Complaint (code 3) for another host, and where it was to be started again since the run and was not."""
    require(plan.host, host)
    if after_reboot:
        _started_again(path, host)
    return judge(plan, path, host)


def _started_again(path: Path, host: RemovalHost) -> None:
    opened = open_run(path).opened
    if opened is None:
        raise Complaint(f"{path} was not applied here, so nothing is to be verified after a restart.", "hunter apply PLAN --yes")
    then, now = opened["now"].get("boot", ""), boot(host)
    if not then or not now:
        raise Complaint("This host does not say whether it was started again since the run.", "Restart it, then: hunter verify PLAN")
    if then == now:
        raise Complaint("The host has not been started again since the run.", "Restart it, then run the same command.")


def judge(plan: RemovalPlan, path: Path, view: HostView) -> list[TargetVerdict]:
    """Check any view. Equal lines that the journal lists as left are not counted."""
    opened = open_run(path).opened or {}
    left = {(e["action"], Ref.from_json(e)): int(e["left"]) for e in opened.get("edits", ())}
    return [_again(_judge(a, view, left.get((a.id, a.target.ref), 0)), view) for a in plan.actions if not a.asked]


def _again(verdict: TargetVerdict, view: HostView) -> TargetVerdict:
    """Return the verdict, or one that says what does the work of a target that is gone."""
    action = verdict.action
    if not verdict.gone:
        return verdict
    why = mechanism_of(action.kind).returned(view, action.target, action.expect.get(action.target.ref, {}))
    return replace(verdict, gone=False, reason=why) if why else verdict


def _judge(action: RemovalAction, view: HostView, left: int) -> TargetVerdict:
    try:
        found = mechanism_of(action.kind).inspect(view, replace(action.target, number=None))
    except NotCollectedError as e:
        return TargetVerdict(action, False, str(e), looked=False)
    except UnsafeError as e:
        return TargetVerdict(action, False, f"something else is there: {e}")
    if found.later:
        return TargetVerdict(action, False, found.later, looked=False, later=True)
    if found.stays:
        return TargetVerdict(action, bool(found.gone), found.gone or "it is not as a clean host has it")
    if action.target.line is not None:
        if found.copies > left:
            return TargetVerdict(action, False, f"{found.holder} holds it {found.copies} times" if found.copies > 1 else "it is there")
        if found.problems and found.states.get(action.target.ref) and not found.gone and not found.copies:
            return TargetVerdict(action, False, "; ".join(found.problems))
        return TargetVerdict(action, True, "gone; an equal one stays, as no action of the plan removed it" if found.copies else "gone")
    if any(state == {"pending": "yes"} for state in found.states.values()):
        return TargetVerdict(action, False, "it is there until the next start of Windows, which deletes it")
    there = [told(ref) for ref, state in found.states.items() if state is not None]
    return TargetVerdict(action, not there, f"{', '.join(there[:3])} is there" if there else "gone")
