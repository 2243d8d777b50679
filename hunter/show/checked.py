"""The output of `hunter check`, of a dry run and of a refusal."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from hunter.run.check import ASK, BLOCKED, DRIFTED, GONE, LATER, READY, Report
from hunter.show.words import DATA, STYLE, columns, command, row
from scout.console import Screen, escape, megabytes, plural

if TYPE_CHECKING:
    pass


def report(screen: Screen, checked: Report, path: Path, root: Path | None, what: str, *, ends: bool = True) -> None:
    """Print the table of `check`, a dry run or a refusal (`what`). `ends`: also print the next step."""
    name = escape(checked.plan.host.get("name", "?"))
    counts = {s: n for s in (READY, DRIFTED, GONE, BLOCKED, ASK, LATER) if (n := checked.count(s))}
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
        for line in row(n, f"{c.status:<9}", c.action):
            screen.say(line, style=STYLE[c.status])
        for reason in (*c.reasons, *(f"note: {note}" for note in c.found.notes)):
            for line in columns(escape(reason), DATA - 2):
                screen.say(f"                 {line}")
    for line in _next(checked, path, root) if ends else ():
        screen.say(line)


def _next(checked: Report, path: Path, root: Path | None) -> list[str]:
    bad = [str(n) for n, c in enumerate(checked.actions, 1) if c.status != READY and not c.settled]
    seal, plan = command("check", path, "--seal", root=root), shlex.quote(str(path))
    if not checked.actions:
        return ["Nothing was changed: the plan has no action."]
    if checked.ready:
        apart = [n for n, c in enumerate(checked.actions, 1) if c.stands_apart]
        out = (
            f"apply leaves out {', '.join(map(str, apart))}: a user controls the target and changed it; stop what writes to it."
            if apart
            else ""
        )
        if not checked.count(READY):
            return ["Nothing was changed: every action is a question, was gone already, or is for the running host."]
        return ["Nothing was changed.", *([out[0].upper() + out[1:]] if out else []), f"Next: {command('apply', path, '--yes', root=root)}"]
    gone, blocked = sum(c.status == GONE and not c.settled for c in checked.actions), checked.count(BLOCKED)
    if gone or blocked:
        what = " and ".join(w for w, n in (("gone", gone), ("blocked", blocked)) if n)
        clear = ", or remove the obstacle" if blocked and not gone else ""
        return ["Nothing was changed.", f"Delete the actions that are {what} from {plan}{clear}; then: {seal}"]
    which = f"action{'s' if len(bad) > 1 else ''} {', '.join(bad[:8])}{' …' if len(bad) > 8 else ''}"
    return ["Nothing was changed.", f"After looking at {which}: {seal}", "then apply with --yes."]


def sealed(screen: Screen, was: Report, now: Report, path: Path, root: Path | None) -> None:
    """Print what `check --seal` accepted as expected, and the next step."""
    plan = now.plan
    if screen.json_lines:
        screen.emit({"plan": str(path), "seal": plan.seal()})
        return
    drifted = was.count(DRIFTED)
    before = f" ({plural(drifted, 'action')} expected another state before)" if drifted else ""
    screen.say(f"Sealed {path}: the present state is the expected one now{before}.  seal {plan.seal()[:16]}…")
    screen.say("Nothing on the host was changed.")
    if now.ready:
        screen.say(f"Next: {command('apply', path, '--yes', root=root)}")
        return
    for n, c in enumerate(now.actions, 1):
        if c.status != READY and not c.settled:
            screen.say(f"Action {n} still cannot be applied: {escape('; '.join(c.reasons))}", style=STYLE[c.status])
    screen.say(f"Delete it from {shlex.quote(str(path))} or remove the obstacle; then: {command('check', path, '--seal', root=root)}")
