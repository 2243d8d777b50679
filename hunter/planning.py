"""`hunter plan`: one plan per host, sealed, mode 0600, never over a file that exists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hunter.case import read
from hunter.plan import Plan
from hunter.planner import Proposal, propose
from hunter.vault import write_private
from scout.console import DONE, WRONG_USE, Complaint, Screen, escape, plural
from scout.keys import load_recipients


def make(case: Path, output: Path, recipients: Sequence[str], host: str | None, severity: str, screen: Screen) -> int:
    """Write the plans and say what is in them. Complaint where several hosts have findings and one file was named."""
    if not recipients:
        do = "Give your public key: -r age1… (scout keygen makes one)."
        raise Complaint("No recipient was given, so no backup could be encrypted for you.", do, WRONG_USE)
    _, texts = load_recipients(recipients)
    proposals = [propose(c, texts) for c in read(case, severity, host)]
    with_actions = [p for p in proposals if p.plan.actions]
    folder = output.is_dir() or str(output).endswith("/")
    if len(with_actions) > 1 and not folder:
        names = ", ".join(sorted({escape(p.plan.host.get("name", "?")) for p in with_actions}))
        do = "Name one with --host, or a directory with -o plans/."
        raise Complaint(f"{len(with_actions)} collections of the case have something to remove: {names}.", do, WRONG_USE)
    if folder:
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: list[tuple[Proposal, Path]] = []
    for proposal in with_actions:
        path = output / _name(proposal.plan, [p for _, p in written]) if folder else output
        try:
            write_private(path, proposal.plan.text().encode())
        except FileExistsError as e:
            raise Complaint(f"{path} exists already.", "A plan is never overwritten: give another name with -o.", WRONG_USE) from e
        except OSError as e:
            raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give another place with -o.") from e
        written.append((proposal, path))
    _tell(screen, proposals, written, severity)
    return DONE


def _name(plan: Plan, taken: Sequence[Path]) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", plan.host.get("name", "host")).lstrip(".") or "host"
    used = {p.name for p in taken}
    return next(n for i in range(len(taken) + 1) if (n := f"{name}{f'-{i + 1}' if i else ''}.yaml") not in used)


def _tell(screen: Screen, proposals: Sequence[Proposal], written: Sequence[tuple[Proposal, Path]], severity: str) -> None:
    if screen.json_lines:
        for proposal, path in written:
            screen.emit({
                "plan": str(path), "host": proposal.plan.host, "actions": [a.to_plan() for a in proposal.plan.actions],
                "not_planned": [{"finding": f, "reason": r} for f, r in proposal.left], "seal": proposal.plan.seal(),
            })
        return
    for proposal, path in written:
        screen.say(f"{escape(proposal.plan.host.get('name', '?'))}  {plural(len(proposal.plan.actions), 'action')} → {path}")
        for n, action in enumerate(proposal.plan.actions, 1):
            screen.say(f"  {n:>3}  {escape(action.title):<60}  {escape(action.mechanism)}")
    for proposal in proposals:
        for sentence, reason in proposal.left[:20]:
            screen.say(f"  by hand  {escape(sentence)[:120]}  ({escape(reason)})")
    if not written:
        screen.say(f"Nothing to remove: no finding of severity {severity} or above names something that HUNTER can remove.")
        return
    screen.say("Nothing was changed. Read the plan first.")
    screen.say(f"Next: hunter apply {written[0][1]}")
