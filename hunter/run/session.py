"""Parts that apply, undo, close and verify share: the files of a run, the lock on the host, the keys, and the check that a write held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hunter.host.host import RemovalHost
from hunter.host.identity import facts
from hunter.objects import of, told
from hunter.plan.place import guarded
from hunter.ref import Ref
from hunter.run.head import ChainHead
from hunter.run.journal import RunJournal
from hunter.run.settle import RemovalRun, surprise
from hunter.run.vault import Vault
from hunter.unsafe import UnsafeError
from scout.console import WRONG_USE, Complaint, escape
from scout.keys import load_identities

OnActionDone = Callable[[str], None]


@dataclass(slots=True)
class RunOutcome:
    """The result of apply or undo."""

    done: list[str]
    """ids of the actions that are applied (apply) or taken back (undo)"""
    total: int
    journal: Path
    undo: str
    """the command that takes the run back"""
    unexplained: list[str] = field(default_factory=list)
    """paths in the touched folders that changed, but not by HUNTER"""
    compared: int = 0
    """other entries of the touched folders that were compared before and after"""
    already: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    """action id → why it was left out: its target belongs to a user who changed it"""
    final: list[str] = field(default_factory=list)
    """of an undo: titles of the actions that cannot be taken back"""
    churn: list[str] = field(default_factory=list)
    """paths in the touched folders that changed, and did so before anything was written: the host does it by itself"""
    memory: list[dict[str, Any]] = field(default_factory=list)
    """the processes whose memory is kept, as the journal has them"""
    returned: dict[str, str] = field(default_factory=dict)
    """action id → what does the work of its target, although that is gone"""


def journal_of(plan: Path) -> Path:
    """Return `<plan>.journal.jsonl`."""
    return plan.with_name(plan.name + ".journal.jsonl")


def open_run(plan: Path, *, verify_head: bool = True) -> RemovalRun:
    """Read the run that lies beside a plan, an empty one where there is none.

    Complaint where others may write the journal, where it was changed or lost its end. `verify_head`: compare the MAC of its head.
    """
    vault = Vault(plan.with_name(plan.name + ".backup"), plan.with_name(plan.name + ".runkey"))
    journal, head = journal_of(plan), plan.with_name(plan.name + ".journal.head")
    for path in (journal, head):
        if path.exists():
            guarded(path)
    run = RemovalRun(RunJournal(journal, ChainHead(head, vault.secret(), verify=verify_head)), vault)
    if unknown := _unknown_backups(run):
        raise Complaint(
            f"{vault.folder} has backups that {journal.name} does not name ({unknown[0]}): the journal is an older copy. Nothing was done.",
            "Use the newest copy of the journal and of its head.",
            WRONG_USE,
        )
    return run


def _unknown_backups(run: RemovalRun) -> list[str]:
    """Return the backups that the journal must know: those of a run that it has not begun, and more than one of any run.

    A kill, or an object that changes while it is read, leaves one whose line is not written yet.
    """
    of_run: dict[str, list[str]] = {}
    for name in sorted(run.vault.files() - {str(line["file"]) for line in run.journal.lines if "file" in line}):
        of_run.setdefault(name.rpartition("-")[0], []).append(name)
    return [name for begin, names in of_run.items() for name in names if len(names) > 1 or begin[:3] > f"{run.number:03d}"]


def same_root(run: RemovalRun, host: RemovalHost) -> None:
    """Complaint where the tree is not the one that the journal was written for."""
    assert run.opened is not None
    now, then = facts(host), run.opened["now"]
    if any(now.get(k) != then.get(k) for k in ("root_ino", "machine_id")):
        raise Complaint(
            f"{host.native} is not the tree that this journal was written for ({escape(run.opened['root'])}).", "Name that one with --root."
        )


def backup_keys(run: RemovalRun, key: Path | None) -> list[Any]:
    """Return the identities that open the backups: those of the given key file, or the run key. Complaint where none does."""
    if key is not None:  # it opens what the run key opens, also where that was replaced or broken
        return load_identities(key)
    if not run.kept:
        return []
    whose = "The key of one of the plan's recipients takes it back"
    if not run.vault.run_key.exists():
        raise Complaint("The run key is not there any more (hunter close deletes it).", f"{whose}: {run.undo}")
    try:
        return load_identities(run.vault.run_key)
    except Complaint as e:
        raise Complaint(f"The run key cannot be used: {e.what}", f"{whose}: {run.undo} -i key.txt") from e


def check_written(run: RemovalRun, host: RemovalHost, refs: Iterable[Ref], *, back: bool) -> None:
    """Look once more at the objects that this run wrote. Complaint where one is not in the state that the journal says."""
    for ref in refs:
        item, kind = run.objects[ref], of(ref)
        if item.edits.keys() & run.left_out.keys():
            continue
        try:
            now = kind.observe(host, ref)
        except UnsafeError as e:
            what = f"{surprise(ref, str(e)).what} {run.progress(back=back)}"
            raise Complaint(what, run.next_step(host, back=back)) from e
        if kind.same(now, item.now):
            continue
        changes = escape(kind.changes(item.now, now))
        if back:
            what = "something else changed it after HUNTER put it back"
            do = "Look at it and correct it by hand. Then run the same command again."
        elif kind.like(now, item.before):
            what, do = "something puts it back", f"Find what does. To take the run back: {run.undo}"
        else:
            what, do = "something else changed it after HUNTER", f"Look at it and find what does. To take the run back: {run.undo}"
        raise Complaint(f"{escape(told(ref))} is not as HUNTER left it a moment ago: {changes}; {what}. {run.progress(back=back)}", do)
