"""The output of `hunter verify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.run.verify import TargetVerdict
from hunter.show.words import DATA, columns, command, row
from scout.console import Screen, escape, plural

if TYPE_CHECKING:
    pass


def verdicts(
    screen: Screen,
    plan: RemovalPlan,
    found: Sequence[TargetVerdict],
    path: Path,
    root: Path | None,
    beyond: Sequence[tuple[RemovalAction, str]] = (),
) -> None:
    """Print one line per action, the sum, what a fresh archive has beyond the plan, and the files that were never in the plan."""
    if screen.json_lines:
        for v in found:
            known = v.gone if v.looked else None
            screen.emit({"id": v.action.id, "gone": known, "looked_at": v.looked, "reason": v.reason, "title": v.action.title})
        for action, sentence in beyond:
            screen.emit({"id": None, "gone": False, "looked_at": True, "reason": f"not in the plan: {sentence}", "title": action.title})
        for stays, why in plan.stays:
            screen.emit({"id": None, "gone": None, "looked_at": False, "reason": f"never in the plan: {why}", "title": stays})
        return
    for n, v in enumerate(found, 1):
        word, style = ("gone   ", "green") if v.gone else ("THERE  ", "red") if v.looked else ("UNSEEN ", "yellow")
        lines = row(n, word, v.action, cls=False)
        lines += [] if v.reason == "gone" else [f"             {line}" for line in columns(escape(v.reason), DATA)]
        for line in lines:
            screen.say(line, style=style)
    there, unknown = sum(v.looked and not v.gone for v in found), sum(not v.looked for v in found)
    if unknown:
        screen.say(f"{unknown} of {len(found)} not looked at: the archive does not tell whether they are gone.")
    if there or not unknown:
        gone = f"All gone: {plural(len(found), 'target')} looked at."
        screen.say(f"{there} of {len(found)} still there or back again." if there else gone)
    for action, sentence in beyond:
        screen.say(f"  found, and not in the plan: {escape(action.title)}", style="yellow")
        for line in columns(escape(sentence), DATA):
            screen.say(f"             {line}")
    if plan.stays:
        were = f"{plural(len(plan.stays), 'payload')} {'was' if len(plan.stays) == 1 else 'were'} never in the plan"
        screen.say(f"{were}: {', '.join(escape(p) for p, _ in plan.stays)}", style="yellow")
    if there:
        screen.say(f"Next: {command('apply', path, root=root)}")
