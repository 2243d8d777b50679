"""Read a run for people: its chain is checked, nothing is done with it, so it may lie where others can write."""

from __future__ import annotations

from pathlib import Path

from hunter.run.head import ChainHead
from hunter.run.journal import RunJournal
from hunter.run.session import journal_of
from hunter.run.settle import RemovalRun
from hunter.run.vault import Vault


def read_run(plan: Path) -> RemovalRun:
    """Return the run beside a plan, an empty one where there is none. Complaint for a broken chain or a journal that lost its end."""
    vault = Vault(plan.with_name(plan.name + ".backup"), plan.with_name(plan.name + ".runkey"))
    head = ChainHead(plan.with_name(plan.name + ".journal.head"), vault.secret())
    return RemovalRun(RunJournal(journal_of(plan), head), vault)


def applied_at(plan: Path) -> str:
    """Return when the run beside a plan was done (RFC 3339, UTC), '' where none was. Complaint as `read_run`."""
    lines = read_run(plan).journal.lines
    return next((str(line["time"]) for line in reversed(lines) if line["event"] == "applied"), "")
