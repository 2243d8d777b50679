"""The output of `hunter apply --yes`, `undo` and `close`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hunter.plan.model import RemovalPlan
from hunter.run.session import RunOutcome
from hunter.show.words import DATA, columns, command, now, row
from scout.console import Screen, escape, megabytes, plural

if TYPE_CHECKING:
    pass

RESTORED = "content, mode, owner, attributes, ACLs, flags and times"
LOST = "inode number, ctime and birth time of what was removed"


def ticker(screen: Screen, plan: RemovalPlan) -> Callable[[str], None]:
    """Return a function that prints a line for each finished action, with the time (UTC)."""
    actions = {a.id: (n, a) for n, a in enumerate(plan.actions, 1)}

    def told(action: str) -> None:
        n, a = actions[action]
        for line in row(n, f"✔ {now()}  ", a, cls=False):
            screen.say(line, style="green")

    return told


def undo_ticker(screen: Screen) -> Callable[[str], None]:
    """Return a function that prints a line for each action that is taken back, with the time (UTC)."""

    def told(title: str) -> None:
        head, *rest = columns(escape(title), DATA)
        screen.say(f"  ↩ {now()}  {head}")
        for line in rest:
            screen.say(f"               {line}")

    return told


def _compared(screen: Screen, outcome: RunOutcome) -> str:
    for path in outcome.churn[:20]:
        screen.say(f"  the host changes it by itself, before the run too: {escape(path)}")
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
            "churn": outcome.churn,
            "compared": outcome.compared,
            "left_out": outcome.left_out,
            "final": outcome.final,
            "returned": outcome.returned,
            "memory": outcome.memory,
        }
    )


def memory_told(line: Mapping[str, Any]) -> str:
    """Return one line on the memory of a process that is kept, from its journal line."""
    lost = [(int(line["unread"]), "did not read and is zeros"), (int(line["left_out"]), "left out")]
    holes = "".join(f", {megabytes(size)} {word}" for size, word in lost if size)
    return f"{escape(line['program'])} (pid {line['pid']}): {escape(line['file'])}, {megabytes(int(line['size']))}{holes}"


def applied(screen: Screen, outcome: RunOutcome) -> None:
    """Print the last lines of `apply --yes`."""
    if screen.json_lines:
        _emit(screen, outcome)
        return
    if outcome.already:
        screen.say(f"Done before: {len(outcome.done)} of {outcome.total}, as the journal left them. Nothing was changed now.")
    else:
        screen.say(f"Done: {len(outcome.done)} of {outcome.total}, verified.")
        screen.say(_compared(screen, outcome))
    for line in outcome.memory:
        screen.say(f"  memory kept: {memory_told(line)}")
    for action, why in outcome.returned.items():
        screen.say(f"  came back: {action} {escape(why)}. Find what starts it: collect anew", style="red")
    _left_out(screen, outcome, "Stop what writes to it. Then plan it again in a plan of its own: hunter plan … and hunter check --seal.")
    screen.say(f"Way back: {outcome.undo}")


def interrupted(screen: Screen, outcome: RunOutcome, path: Path, root: Path | None) -> None:
    """Print that the journal has an unfinished run of the plan."""
    if screen.json_lines:
        _emit(screen, outcome)
        return
    screen.say(f"A run of this plan was interrupted: {len(outcome.done)} of {plural(outcome.total, 'action')} begun or done.")
    screen.say("Nothing was changed now.")
    screen.say(f"Complete it:  {command('apply', path, '--yes', root=root)}")
    screen.say(f"Take it back: {outcome.undo}")


def undone(screen: Screen, outcome: RunOutcome) -> None:
    """Print the last lines of `undo`."""
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
        for title in outcome.final:
            screen.say(f"  cannot be taken back: {escape(title)}", style="yellow")
        _left_out(screen, outcome, "Put it back into the state that HUNTER left, then run the same command again.")


def _left_out(screen: Screen, outcome: RunOutcome, do: str) -> None:
    for action, why in outcome.left_out.items():
        for line in columns(f"left out: {action} {escape(why)}", 76):
            screen.say(f"  {line}", style="yellow")
    if outcome.left_out:
        screen.say(do)


def closed(screen: Screen, journal: Path, undo: str, *, there: bool) -> None:
    """Print what `close` did."""
    if screen.json_lines:
        screen.emit({"journal": str(journal), "deleted": there})
        return
    screen.say("The run key is deleted." if there else "There was no run key any more.")
    screen.say(f"Way back from now on: {undo}")
