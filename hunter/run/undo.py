"""Undo and close: take a run back from its journal alone, and delete the run key."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from hunter.host.state import UnsafeError
from hunter.host.tree import HostTree
from hunter.objects import SurpriseError
from hunter.objects.files import restore_folder_times
from hunter.private import sync_folder
from hunter.run.areas import changed
from hunter.run.session import OnActionDone, RunOutcome, backup_keys, check_written, lock, open_run, same_root
from hunter.run.settle import RemovalRun
from scout.console import WRONG_USE, Complaint

_SUFFIX = ".journal.jsonl"


def read_run(journal: Path, *, verify_head: bool = True) -> RemovalRun:
    """Return the run of a journal file. Complaint where it is no journal, was changed, was cut, or where others may write it."""
    if not journal.name.endswith(_SUFFIX) or not journal.is_file():
        raise Complaint(f"{journal} is no journal.", "Give the file PLAN.journal.jsonl that hunter apply wrote.", WRONG_USE)
    run = open_run(journal.with_name(journal.name.removesuffix(_SUFFIX)), verify_head=verify_head)
    if run.opened is None:
        raise Complaint(f"{journal} holds no run.", "There is nothing to take back.", WRONG_USE)
    return run


def undo(
    journal: Path, tree: HostTree, only: Sequence[str] = (), key: Path | None = None, on_done: OnActionDone = lambda _: None
) -> RunOutcome:
    """Take the run back, or `only` some actions of it. Complaint where the present state is not what the journal left."""
    with lock(tree):
        run = read_run(journal, verify_head=key is None)
        try:
            if unknown := set(only) - set(run.actions):
                has = f"It has: {', '.join(run.actions[:20])}"
                raise Complaint(f"The journal has no action {', '.join(sorted(unknown))}.", has, WRONG_USE)
            same_root(run, tree)
            return _backward(run, tree, set(only) or set(run.actions), key, on_done)
        finally:
            run.journal.close()


def _backward(run: RemovalRun, tree: HostTree, taken: set[str], key: Path | None, on_done: OnActionDone) -> RunOutcome:
    assert run.opened is not None
    if not run.applied and run.finished:
        return RunOutcome([], len(run.actions), run.journal.path, run.undo, already=True)
    keys = backup_keys(run, key)
    run.recover(tree)
    back = run.applied & taken
    concerned = [k for k, item in run.objects.items() if item.applied & back]
    left_out = run.check_undrifted(tree, concerned, back=True, taken=back)
    for _, name in concerned:
        if kept := run.kept.get(name):
            run.vault.check(kept, keys)
    back -= left_out.keys()
    run.add("undo", actions=sorted(back))
    run.leave_out(left_out)
    titles = {a["id"]: a["title"] for a in run.opened["actions"]}
    run.settle(tree, set(run.applied) - back, keys, back=True, on_done=lambda a: on_done(titles[a]) if a in back else None)
    check_written(run, tree, concerned, back=True)
    files = {name for kind, name in run.objects if kind == "file"}  # verified by their states, one by one
    if not run.applied:
        _restore_folder_times(run, tree)
    different, compared = changed(run.opened["areas"], tree, files)
    others = [k for k, item in run.objects.items() if k not in concerned and k[0] == "file" and not item.controlled]
    different += [name for _, name in run.drifted(tree, others)]
    compared += len(others)
    done = sorted(back - run.left_out.keys())
    run.add("undone", actions=done, unexplained=different, compared=compared)
    return RunOutcome(done, len(run.actions), run.journal.path, run.undo, different, compared, left_out=dict(run.left_out))


def _restore_folder_times(run: RemovalRun, tree: HostTree) -> None:
    assert run.opened is not None
    for folder, was in run.opened["areas"].items():
        try:
            restore_folder_times(tree, folder, (was["atime_ns"], was["mtime_ns"]))
        except (OSError, SurpriseError, UnsafeError) as e:
            run.add("note", reason=f"{folder}: its times could not be restored: {e}")


def close(journal: Path) -> tuple[bool, str]:
    """Delete the run key. Returns (True where it was there, the command that takes the run back from now on)."""
    run = read_run(journal)
    if run.unfinished or run.pending:
        raise Complaint("This run is not finished.", f"Complete it with hunter apply, or take it back: {run.undo}")
    there = run.vault.run_key.exists()
    try:
        if there:
            status = run.vault.run_key.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                with run.vault.run_key.open("r+b") as stream:
                    stream.write(b"\0" * status.st_size)
                    stream.flush()
                    os.fsync(stream.fileno())
            run.vault.run_key.unlink()
            sync_folder(journal.parent)
        run.journal.head.use(b"")
        run.add("closed")
    finally:
        run.journal.close()
    return there, run.undo
