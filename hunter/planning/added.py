"""The output of `hunter add`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hunter.show.words import columns, command, row
from scout.console import Screen, escape

if TYPE_CHECKING:
    from hunter.planning.adding import AddedAction


def added(screen: Screen, done: AddedAction, root: Path | None) -> None:
    """Print the action, its place in the order, notes, and the next step."""
    action, plan = done.action, done.plan
    if screen.json_lines:
        screen.emit({"plan": str(done.path), "action": action.to_plan(), "notes": list(done.notes), "seal": plan.seal()})
        return
    number = next(n for n, a in enumerate(plan.actions, 1) if a.id == action.id)
    screen.say(f"{'Made' if done.made else 'Added to'} {done.path}: action {number} of {len(plan.actions)}, {action.kind}")
    for text in row(number, "", action):
        screen.say(text)
    for note in done.notes:
        for text in columns(escape(note), 76):
            screen.say(f"  {text}", style="yellow")
    screen.say("Nothing on the host was changed. The plan is sealed with the new action.")
    if done.unsigned:
        screen.say(f"Its signature fits no more: sign it again with hunter sign {done.path} -k KEY")
    screen.say(f"Next: {command(*(('check', done.path, '--seal') if action.missing else ('apply', done.path)), root=root)}")
