"""The output of `hunter plan`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commodore.case import trust
from hunter.plan.model import stays
from hunter.show.words import columns, command, row, short
from scout.console import Screen, escape, plural

if TYPE_CHECKING:
    from hunter.planning.propose import Proposal

BY_HAND = 20
"""findings of a host that are listed as left to a person; more are counted"""


def planned(screen: Screen, proposals: Sequence[Proposal], written: Sequence[tuple[Proposal, Path]], severity: str) -> None:
    """Print what `plan` wrote, what it left to a person, and the next step. A quiet screen prints nothing."""
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
    if screen.quiet:
        return
    for proposal, path in written:
        screen.say(f"{escape(proposal.plan.host.get('name', '?'))}  {plural(len(proposal.plan.actions), 'action')} → {path}")
        if receipt := proposal.plan.host.get("receipt", ""):
            screen.say(f"  receipt {escape(receipt)}", style="" if receipt == trust.VERIFIED else "yellow")
        for n, action in enumerate(proposal.plan.actions, 1):
            for line in row(n, "ask  " if action.asked else "", action):
                screen.say(line)
        _stays(screen, proposal.plan.stays)
    _by_hand(screen, proposals)
    if not written:
        screen.say(f"Nothing to remove: no finding of severity {severity} or above has a target that HUNTER can remove.")
        return
    whom = dict.fromkeys(r for p, _ in written for r in p.plan.recipients)
    screen.say(f"Backups will open with the key of {', '.join(map(short, whom))}.")
    screen.say("Nothing was changed. Read the plan first.")
    unknown = sum(bool(a.missing) for p, _ in written for a in p.plan.actions)
    if unknown:
        screen.say(f"The case does not say all that is expected of {plural(unknown, 'action')} (plain files tell no inodes or attributes):")
        screen.say("look at the host and seal what is there.")
    screen.say("The next command is for the host itself; for its mounted disk, add --root DIR.")
    for n, (proposal, path) in enumerate(written):
        incomplete = any(a.missing for a in proposal.plan.actions)
        screen.say(f"{'      ' if n else 'Next: '}{command('check', path, '--seal') if incomplete else command('apply', path)}")


def _stays(screen: Screen, files: Sequence[tuple[str, str]]) -> None:
    for path, why in files:
        for line in columns(stays(escape(path), escape(why)), 76):
            screen.say(f"  {line}", style="yellow")


def _by_hand(screen: Screen, proposals: Sequence[Proposal]) -> None:
    for proposal in proposals:
        name = escape(proposal.plan.host.get("name", "?"))
        for sentence, reason in proposal.left[:BY_HAND]:
            told = escape(sentence)
            screen.say(f"  by hand  {name}: {told if len(told) <= 120 else told[:119] + '…'}  ({escape(reason)})")
        if (more := len(proposal.left) - BY_HAND) > 0:
            screen.say(f"  by hand  {name}: {more:,} more (--json names all)")
