"""What HUNTER prints: the table of a dry run, the ticks of a run, the proof and the way back; the same facts as JSON."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hunter.catalogue import catalogue
from hunter.plan.model import STAYS, RemovalAction, RemovalPlan
from hunter.run.check import BLOCKED, DRIFTED, GONE, READY, Report
from hunter.run.session import RunOutcome
from hunter.run.verify import TargetVerdict
from scout.console import Screen, escape, megabytes, plural

if TYPE_CHECKING:
    from hunter.planning.propose import Proposal

_STYLE = {READY: "green", DRIFTED: "yellow", GONE: "yellow", BLOCKED: "red"}
_TITLE = 46
"""columns of a title, so that row, class and all that stands before it fit into 80"""
_DATA = 64
"""columns of what stands below a title"""
RESTORED = "content, mode, owner, attributes, ACLs, flags and times"
LOST = "inode number, ctime and birth time of what was removed"
BY_HAND = 20
"""findings of a host that are listed as left to a person; the rest are counted"""


def _command(*words: object, root: Path | None = None) -> str:
    """A command to paste: `hunter undo 'my plan.yaml.journal.jsonl' --root /mnt`."""
    given = list(map(str, words))
    return shlex.join(["hunter", *given[:2], *(["--root", str(root)] if root else []), *given[2:]])


def _columns(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width`, cut at blanks; a path is never cut."""
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _row(n: int, status: str, action: RemovalAction, *, cls: bool = True) -> list[str]:
    """`  1  ready    quarantine /tmp/x      file  reversible`, with the rest of a long title below it."""
    what, *data = action.told
    head, *rest = [*_columns(escape(what), _TITLE), *(line for text in data for line in _columns(escape(text), _DATA))]
    right = f"  {escape(action.mechanism):<4}" + (f"  {catalogue()[action.kind].cls}" if cls else "")
    indent = " " * (6 + len(status))
    return [f"  {n:>2}  {status}{head:<{_TITLE}}{right}".rstrip(), *(f"{indent}{line}" for line in rest)]


def planned(screen: Screen, proposals: Sequence[Proposal], written: Sequence[tuple[Proposal, Path]], severity: str) -> None:
    """What `plan` wrote, what it left to a person, and what comes next."""
    if screen.json_lines:
        for proposal, path in written:
            screen.emit(
                {
                    "plan": str(path),
                    "host": proposal.plan.host,
                    "actions": [a.to_plan() for a in proposal.plan.actions],
                    "recipients": list(proposal.plan.recipients),
                    "not_planned": [{"finding": f, "reason": r} for f, r in proposal.left],
                    "not_in_plan": [{"path": p, "why": w} for p, w in proposal.plan.stays],
                    "seal": proposal.plan.seal(),
                }
            )
        for proposal in (p for p in proposals if p.left and not p.plan.actions):
            screen.emit(
                {
                    "plan": None,
                    "host": proposal.plan.host,
                    "actions": [],
                    "not_planned": [{"finding": f, "reason": r} for f, r in proposal.left],
                }
            )
        return
    for proposal, path in written:
        screen.say(f"{escape(proposal.plan.host.get('name', '?'))}  {plural(len(proposal.plan.actions), 'action')} → {path}")
        for n, action in enumerate(proposal.plan.actions, 1):
            for line in _row(n, "", action):
                screen.say(line)
        _stays(screen, proposal.plan.stays)
    _by_hand(screen, proposals)
    if not written:
        screen.say(f"Nothing to remove: no finding of severity {severity} or above names something that HUNTER can remove.")
        return
    whom = dict.fromkeys(r for p, _ in written for r in p.plan.recipients)
    screen.say(f"Backups will open with the key of {', '.join(map(_short, whom))}.")
    screen.say("Nothing was changed. Read the plan first.")
    unknown = sum(bool(a.missing) for p, _ in written for a in p.plan.actions)
    if unknown:
        screen.say(f"The case does not say all that is expected of {plural(unknown, 'action')} (plain files tell no inodes or attributes):")
        screen.say("look at the host and seal what is there.")
    for n, (proposal, path) in enumerate(written):
        incomplete = any(a.missing for a in proposal.plan.actions)
        screen.say(f"{'      ' if n else 'Next: '}{_command('check', path, '--seal') if incomplete else _command('apply', path)}")


def _stays(screen: Screen, stays: Sequence[tuple[str, str]]) -> None:
    for path, why in stays:
        for line in _columns(f"not in the plan: {escape(path)} {escape(why)}: {STAYS}", 76):
            screen.say(f"  {line}", style="yellow")


def _by_hand(screen: Screen, proposals: Sequence[Proposal]) -> None:
    for proposal in proposals:
        name = escape(proposal.plan.host.get("name", "?"))
        for sentence, reason in proposal.left[:BY_HAND]:
            told = escape(sentence)
            screen.say(f"  by hand  {name}: {told if len(told) <= 120 else told[:119] + '…'}  ({escape(reason)})")
        if (more := len(proposal.left) - BY_HAND) > 0:
            screen.say(f"  by hand  {name}: {more:,} more (--json names all)")


def _short(recipient: str) -> str:
    kind, _, rest = recipient.partition(" ")
    return escape(f"{kind} …{rest.split(' ')[0][-8:]}" if rest else f"{kind[:8]}…{kind[-6:]}")


def report(screen: Screen, checked: Report, path: Path, root: Path | None, what: str, *, ends: bool = True) -> None:
    """The table of `check`, of a dry run and of a refusal: `what` says which. `ends`: with what comes next."""
    name = escape(checked.plan.host.get("name", "?"))
    counts = {s: n for s in (READY, DRIFTED, GONE, BLOCKED) if (n := checked.count(s))}
    if screen.json_lines:
        screen.emit(
            {
                "plan": str(path),
                "host": checked.plan.host,
                "copy": checked.copy,
                "counts": counts,
                "backup_bytes": checked.needed,
                "free_bytes": checked.free,
                "actions": [
                    {"id": c.action.id, "status": c.status, "reasons": c.reasons, "notes": c.found.notes, "title": c.action.title}
                    for c in checked.actions
                ],
            }
        )
        return
    told = ", ".join(f"{n} {s}" for s, n in counts.items()) or "none"
    screen.say(f"{what} on {name} (matches the plan).  {plural(len(checked.actions), 'action')}: {told}.")
    screen.say(f"Backups need {megabytes(checked.needed)} of {megabytes(checked.free)} free.")
    if checked.copy:
        screen.say("This is not the tree that was collected, or the case does not say: inodes were not compared,")
        screen.say("everything else was.")
    for n, c in enumerate(checked.actions, 1):
        for line in _row(n, f"{c.status:<9}", c.action):
            screen.say(line, style=_STYLE[c.status])
        for reason in (*c.reasons, *(f"note: {note}" for note in c.found.notes)):
            for line in _columns(escape(reason), _DATA - 2):
                screen.say(f"                 {line}")
    for line in _next(checked, path, root) if ends else ():
        screen.say(line)


def _next(checked: Report, path: Path, root: Path | None) -> list[str]:
    bad = [str(n) for n, c in enumerate(checked.actions, 1) if c.status != READY]
    seal, plan = _command("check", path, "--seal", root=root), shlex.quote(str(path))
    if not checked.actions:
        return ["Nothing was changed: the plan has no action."]
    if checked.ready:
        apart = [n for n, c in enumerate(checked.actions, 1) if c.stands_apart]
        out = (
            f"apply leaves out {', '.join(map(str, apart))}: a user controls the target and changed it; stop what writes to it."
            if apart
            else ""
        )
        return [
            "Nothing was changed.",
            *([out[0].upper() + out[1:]] if out else []),
            f"Next: {_command('apply', path, '--yes', root=root)}",
        ]
    if checked.count(BLOCKED) or checked.count(GONE):
        gone, blocked = checked.count(GONE), checked.count(BLOCKED)
        what = " and ".join(w for w, n in (("gone", gone), ("blocked", blocked)) if n)
        clear = ", or clear what is in the way" if blocked and not gone else ""
        return ["Nothing was changed.", f"Take what is {what} out of {plan}{clear}; then: {seal}"]
    which = f"action{'s' if len(bad) > 1 else ''} {', '.join(bad[:8])}{' …' if len(bad) > 8 else ''}"
    return ["Nothing was changed.", f"After looking at {which}: {seal}", "then apply with --yes."]


def sealed(screen: Screen, was: Report, now: Report, path: Path, root: Path | None) -> None:
    """What `check --seal` took as expected, and what comes next."""
    plan = now.plan
    if screen.json_lines:
        screen.emit({"plan": str(path), "seal": plan.seal()})
        return
    drifted = was.count(DRIFTED)
    before = f" ({plural(drifted, 'action')} expected something else before)" if drifted else ""
    screen.say(f"Sealed {path}: what is there now is what it expects{before}.  seal {plan.seal()[:16]}…")
    screen.say("Nothing on the host was changed.")
    if now.ready:
        screen.say(f"Next: {_command('apply', path, '--yes', root=root)}")
        return
    for n, c in enumerate(now.actions, 1):
        if c.status != READY:
            screen.say(f"Action {n} cannot be applied all the same: {escape('; '.join(c.reasons))}", style=_STYLE[c.status])
    screen.say(f"Take it out of {shlex.quote(str(path))} or clear what is in the way; then: {_command('check', path, '--seal', root=root)}")


def ticker(screen: Screen, plan: RemovalPlan) -> Callable[[str], None]:
    """A line for each action that is done, with the time (UTC)."""
    actions = {a.id: (n, a) for n, a in enumerate(plan.actions, 1)}

    def told(action: str) -> None:
        n, a = actions[action]
        for line in _row(n, f"✔ {_now()}  ", a, cls=False):
            screen.say(line, style="green")

    return told


def undo_ticker(screen: Screen) -> Callable[[str], None]:
    """A line for each action that is taken back, with the time (UTC)."""

    def told(title: str) -> None:
        head, *rest = _columns(escape(title), _DATA)
        screen.say(f"  ↩ {_now()}  {head}")
        for line in rest:
            screen.say(f"               {line}")

    return told


def _now() -> str:
    return time.strftime("%H:%M:%SZ", time.gmtime())


def _compared(screen: Screen, outcome: RunOutcome) -> str:
    for path in outcome.unexplained[:20]:
        screen.say(f"  changed meanwhile, not by HUNTER: {escape(path)}", style="yellow")
    if outcome.unexplained:
        others = plural(len(outcome.unexplained), "other entry", "other entries")
        return f"{others} in the touched folders changed meanwhile (of {outcome.compared:,} compared)."
    return f"Nothing else in the touched folders changed ({plural(outcome.compared, 'other entry', 'other entries')} compared)."


def _emit(screen: Screen, outcome: RunOutcome) -> None:
    screen.emit(
        {
            "done": outcome.done,
            "total": outcome.total,
            "journal": str(outcome.journal),
            "already": outcome.already,
            "unexplained": outcome.unexplained,
            "compared": outcome.compared,
            "left_out": outcome.left_out,
        }
    )


def applied(screen: Screen, outcome: RunOutcome) -> None:
    """The last lines of `apply --yes`."""
    if screen.json_lines:
        _emit(screen, outcome)
        return
    if outcome.already:
        screen.say(f"Done before: {len(outcome.done)} of {outcome.total}, as the journal left them. Nothing was changed now.")
    else:
        screen.say(f"Done: {len(outcome.done)} of {outcome.total}, verified.")
        screen.say(_compared(screen, outcome))
    _left_out(screen, outcome, "Stop what writes to it. Then plan it again in a plan of its own: hunter plan … and hunter check --seal.")
    screen.say(f"Way back: {outcome.undo}")


def interrupted(screen: Screen, outcome: RunOutcome, path: Path, root: Path | None) -> None:
    """A dry run on a plan whose run stands in the journal, unfinished."""
    if screen.json_lines:
        _emit(screen, outcome)
        return
    screen.say(f"A run of this plan was interrupted: {len(outcome.done)} of {plural(outcome.total, 'action')} begun or done.")
    screen.say("Nothing was changed now.")
    screen.say(f"Complete it:  {_command('apply', path, '--yes', root=root)}")
    screen.say(f"Take it back: {outcome.undo}")


def undone(screen: Screen, outcome: RunOutcome) -> None:
    """The last lines of `undo`."""
    if screen.json_lines:
        _emit(screen, outcome)
    elif outcome.already:
        screen.say("Nothing to take back: this run is undone already.")
    elif not outcome.done:
        screen.say("Nothing was left to take back of what was asked for.")
        screen.say(_compared(screen, outcome))
    else:
        screen.say(f"Taken back: {len(outcome.done)} of {outcome.total}, verified.")
        screen.say(f"Verified: {RESTORED}.")
        screen.say(f"Not restorable: {LOST}.")
        screen.say(_compared(screen, outcome))
    if not screen.json_lines:
        _left_out(screen, outcome, "Put it back into the state that HUNTER left, then run the same command again.")


def _left_out(screen: Screen, outcome: RunOutcome, do: str) -> None:
    for action, why in outcome.left_out.items():
        for line in _columns(f"left out: {action} {escape(why)}", 76):
            screen.say(f"  {line}", style="yellow")
    if outcome.left_out:
        screen.say(do)


def verdicts(screen: Screen, plan: RemovalPlan, found: Sequence[TargetVerdict], path: Path, root: Path | None) -> None:
    """One line per action, the sum, and what was never in the plan."""
    if screen.json_lines:
        for v in found:
            known = v.gone if v.looked else None
            screen.emit({"id": v.action.id, "gone": known, "looked_at": v.looked, "reason": v.reason, "title": v.action.title})
        for stays, why in plan.stays:
            screen.emit({"id": None, "gone": None, "looked_at": False, "reason": f"never in the plan: {why}", "title": stays})
        return
    for n, v in enumerate(found, 1):
        word, style = ("gone   ", "green") if v.gone else ("THERE  ", "red") if v.looked else ("UNSEEN ", "yellow")
        lines = _row(n, word, v.action, cls=False)
        lines += [] if v.reason == "gone" else [f"             {line}" for line in _columns(escape(v.reason), _DATA)]
        for line in lines:
            screen.say(line, style=style)
    there, unknown = sum(v.looked and not v.gone for v in found), sum(not v.looked for v in found)
    if unknown:
        screen.say(f"{unknown} of {len(found)} not looked at: the archive does not tell whether they are gone.")
    if there or not unknown:
        gone = f"All gone: {plural(len(found), 'target')} looked at."
        screen.say(f"{there} of {len(found)} still there or back again." if there else gone)
    if plan.stays:
        were = f"{plural(len(plan.stays), 'payload')} {'was' if len(plan.stays) == 1 else 'were'} never in the plan"
        screen.say(f"{were}: {', '.join(escape(p) for p, _ in plan.stays)}", style="yellow")
    if there:
        screen.say(f"Next: {_command('apply', path, root=root)}")


def closed(screen: Screen, journal: Path, undo: str, *, there: bool) -> None:
    """What `close` did."""
    if screen.json_lines:
        screen.emit({"journal": str(journal), "deleted": there})
        return
    screen.say("The run key is deleted." if there else "There was no run key any more.")
    screen.say(f"Way back from now on: {undo}")
