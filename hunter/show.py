"""What HUNTER prints: the table of a dry run, the ticks of a run, the proof and the way back; the same facts as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hunter.applying import Outcome
from hunter.catalogue import catalogue
from hunter.checking import BLOCKED, DRIFTED, GONE, READY, Report
from hunter.journal import Journal
from hunter.plan import Plan, load
from hunter.vault import write_private
from hunter.verifying import Verdict
from scout.console import Screen, escape, megabytes, plural

_STYLE = {READY: "green", DRIFTED: "yellow", GONE: "yellow", BLOCKED: "red"}


def _where(root: Path | None) -> str:
    return f" --root {root}" if root else ""


def report(screen: Screen, checked: Report, path: Path, root: Path | None, *, dry: bool) -> None:
    """The table of `check` and of a dry run."""
    name = escape(checked.plan.host.get("name", "?"))
    counts = {s: n for s in (READY, DRIFTED, GONE, BLOCKED) if (n := checked.count(s))}
    if screen.json_lines:
        screen.emit({
            "plan": str(path), "host": checked.plan.host, "copy": checked.copy, "counts": counts, "backup_bytes": checked.needed,
            "free_bytes": checked.free,
            "actions": [{"id": c.action.id, "status": c.status, "reasons": c.reasons, "title": c.action.title} for c in checked.actions],
        })
        return
    told = ", ".join(f"{n} {s}" for s, n in counts.items()) or "none"
    screen.say(
        f"{'Dry run' if dry else 'Check'} on {name} (matches the plan).  {plural(len(checked.actions), 'action')}: {told}."
        f"  Backups need {megabytes(checked.needed)} of {megabytes(checked.free)} free.",
    )
    if checked.copy:
        screen.say("This tree is a copy of the host's: file ids were not compared, everything else was.")
    for n, c in enumerate(checked.actions, 1):
        cls = catalogue()[c.action.kind].cls
        screen.say(f"  {n:>3}  {c.status:<8} {escape(c.action.title):<58}  {escape(c.action.mechanism):<5} {cls}", style=_STYLE[c.status])
        for reason in c.reasons:
            screen.say(f"                {escape(reason)}")
    screen.say("Nothing was changed." + _next(checked, path, root))


def _next(checked: Report, path: Path, root: Path | None) -> str:
    bad = [str(n) for n, c in enumerate(checked.actions, 1) if c.status != READY]
    where = _where(root)
    if not bad:
        return f"\nNext: hunter apply {path}{where} --yes"
    if checked.count(BLOCKED):
        return f" Take the blocked actions out of {path}, or clear what is in the way; then: hunter check {path}{where} --seal"
    return f" After looking at action {', '.join(bad[:8])}: hunter check {path}{where} --seal, then apply --yes."


def sealed(screen: Screen, plan: Plan, path: Path, root: Path | None) -> None:
    """Write the plan anew, whole or not at all, and read it back."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    write_private(temporary, plan.text().encode())
    load(temporary)
    temporary.replace(path)
    if screen.json_lines:
        screen.emit({"plan": str(path), "seal": plan.seal()})
        return
    screen.say(f"Sealed {path}: what is there now is what it expects.  seal {plan.seal()[:16]}…")
    screen.say(f"Next: hunter apply {path}{_where(root)} --yes")


def ticker(screen: Screen, plan: Plan) -> Callable[[str], None]:
    """A line for each action that is done."""
    titles = {a.id: (n, a.title) for n, a in enumerate(plan.actions, 1)}

    def told(action: str) -> None:
        n, title = titles[action]
        screen.say(f"  {n:>3}  ✔  {escape(title)}", style="green")

    return told


def undo_ticker(screen: Screen) -> Callable[[str], None]:
    """A line for each action that is taken back."""
    return lambda title: screen.say(f"  ↩  {escape(title)}")


def _compared(screen: Screen, outcome: Outcome) -> str:
    for path in outcome.unexplained[:20]:
        screen.say(f"  changed meanwhile, not by HUNTER: {escape(path)}", style="yellow")
    if outcome.unexplained:
        others = plural(len(outcome.unexplained), "other entry", "other entries")
        return f"{others} in the touched folders changed meanwhile (of {outcome.compared:,} compared)."
    return f"Nothing else in the touched folders changed ({plural(outcome.compared, 'other entry', 'other entries')} compared)."


def _emit(screen: Screen, outcome: Outcome) -> None:
    screen.emit({
        "done": outcome.done, "total": outcome.total, "journal": str(outcome.journal), "already": outcome.already,
        "unexplained": outcome.unexplained, "compared": outcome.compared,
    })


def applied(screen: Screen, outcome: Outcome, root: Path | None) -> None:
    """The last lines of `apply --yes`."""
    if screen.json_lines:
        _emit(screen, outcome)
        return
    if outcome.already:
        screen.say(f"Done before: {len(outcome.done)} of {outcome.total}, as the journal left them. Nothing was changed now.")
    else:
        screen.say(f"Done: {len(outcome.done)} of {outcome.total}, verified. {_compared(screen, outcome)}")
    screen.say(f"Way back: hunter undo {outcome.journal}{_where(root)}")


def undone(screen: Screen, outcome: Outcome) -> None:
    """The last lines of `undo`."""
    if screen.json_lines:
        _emit(screen, outcome)
    elif outcome.already:
        screen.say("Nothing to take back: this run is undone already.")
    else:
        screen.say(f"Taken back: {len(outcome.done)} of {outcome.total}, verified. {_compared(screen, outcome)}")


def verdicts(screen: Screen, found: Sequence[Verdict], path: Path) -> None:
    """One line per action, and the sum."""
    if screen.json_lines:
        for v in found:
            screen.emit({"id": v.action.id, "gone": v.gone, "reason": v.reason, "title": v.action.title})
        return
    for n, v in enumerate(found, 1):
        reason = "" if v.gone else escape(v.reason)
        line = f"  {n:>3}  {'gone ' if v.gone else 'THERE'}  {escape(v.action.title):<58}  {reason}"
        screen.say(line.rstrip(), style="green" if v.gone else "red")
    there = sum(not v.gone for v in found)
    if there:
        screen.say(f"{there} of {len(found)} still there or back again. Next: hunter apply {path}")
    else:
        screen.say(f"All gone: {plural(len(found), 'target')} looked at.")


def closed(screen: Screen, journal: Path, *, there: bool) -> None:
    """What `close` did."""
    if screen.json_lines:
        screen.emit({"journal": str(journal), "deleted": there})
        return
    screen.say("The run key is deleted." if there else "There was no run key any more.")
    screen.say(f"Way back from now on: hunter undo {journal} -i key.txt  ({plural(len(Journal(journal).lines), 'line')} in the journal)")
