"""`hunter plan`: write one plan per host, sealed, mode 0600, never over an existing file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from hunter.case import read
from hunter.plan.model import RemovalPlan
from hunter.plan.sealkey import SealKey, ready
from hunter.planning import planned
from hunter.planning.known import read as read_known
from hunter.planning.propose import Proposal, propose
from hunter.private import write_private
from scout.console import DONE, WRONG_USE, Complaint, Screen, escape
from scout.keys import load_recipients


def make(
    case: Path, output: Path | str, recipients: Sequence[str], host: str | None, severity: str, screen: Screen, known: Path | None = None
) -> int:
    """Write the plans and print what is in them. Without `recipients`, those of the archive can open the backups.

    `output` names the plan, or the folder of one plan per host: a folder that exists, or text with a `/` at its end, which is made (0700).
    Complaint where several hosts have findings and one file was named, and where no recipient is known.
    """
    given = load_recipients(recipients)[1] if recipients else []
    ours = read_known(known) if known is not None else None
    proposals = [propose(c, given or c.recipients, ours) for c in read(case, severity, host)]
    with_actions = [p for p in proposals if p.plan.actions]
    folder, output = _is_folder(output), Path(output)
    if len(with_actions) > 1 and not folder:
        names = ", ".join(sorted({escape(p.plan.host.get("name", "?")) for p in with_actions}))
        do = "Name one with --host, or a directory with -o plans/."
        raise Complaint(f"{len(with_actions)} collections of the case have something to remove: {names}.", do, WRONG_USE)
    for proposal in with_actions:
        _recipients(proposal.plan)
    written: list[tuple[Proposal, Path]] = []
    for proposal in with_actions:
        written.append((proposal, output / _name(proposal.plan, [p for _, p in written]) if folder else output))
    key = ready() if written else None
    if key is not None and key.new:
        screen.note(f"Plans are sealed with a new key of yours, {escape(key.path)}. Where it is present, hunter takes no other seal.")
    _write(written, output if folder else None, key)
    planned.planned(screen, proposals, written, severity)
    return DONE


def _is_folder(output: Path | str) -> bool:
    return Path(output).is_dir() or str(output).endswith(("/", os.sep))


def _write(plans: Sequence[tuple[Proposal, Path]], folder: Path | None, key: SealKey | None) -> None:
    """Write all plans, or none where one of the names is taken."""
    for path in (p for _, p in plans if os.path.lexists(p)):
        raise Complaint(f"{path} exists already.", "A plan is never overwritten: give another name with -o.", WRONG_USE)
    for proposal, path in plans:
        try:
            if folder is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as e:
            raise Complaint(f"{folder} cannot be made: {e.strerror}.", "Give another folder with -o.") from e
        try:
            write_private(path, proposal.plan.text(key).encode())
        except FileExistsError as e:
            raise Complaint(f"{path} exists already.", "A plan is never overwritten: give another name with -o.", WRONG_USE) from e
        except OSError as e:
            raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give another place with -o.") from e


def _recipients(plan: RemovalPlan) -> None:
    """Complaint where the plan has no valid recipient for its backups."""
    name = escape(plan.host.get("name", "?"))
    if not plan.recipients:
        raise Complaint(
            f"No recipient is known for the backups of {name}: it was read from plain files, not from an archive with recipients.",
            "Give your public key: hunter plan … -r age1… (scout keygen makes one).",
            WRONG_USE,
        )
    try:
        load_recipients(plan.recipients)
    except Complaint as e:
        do = "Give your public key: hunter plan … -r age1… (scout keygen makes one)."
        raise Complaint(f"The archive of {name} names a recipient that is none: {e.what}", do, WRONG_USE) from e


def _name(plan: RemovalPlan, taken: Sequence[Path]) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", plan.host.get("name", "host")).lstrip(".") or "host"
    used = {p.name for p in taken}
    return next(n for i in range(len(taken) + 1) if (n := f"{name}{f'-{i + 1}' if i else ''}.yaml") not in used)
