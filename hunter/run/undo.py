"""Undo and close: take a run back from its journal alone, and delete the run key."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from hunter.host.host import RemovalHost
from hunter.objects import of, told
from hunter.private import sync_folder
from hunter.run.beside import changed, parted, restore
from hunter.run.partial import refuse_wrong
from hunter.run.session import OnActionDone, RunOutcome, backup_keys, check_written, open_run, same_root
from hunter.run.settle import RemovalRun
from hunter.run.stopping import in_whole_steps
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
    journal: Path, host: RemovalHost, only: Sequence[str] = (), key: Path | None = None, on_done: OnActionDone = lambda _: None
) -> RunOutcome:
    """Take the run back, or `only` some actions of it. Complaint where the present state is not what the journal left."""
    with host.files.lock():
        run = read_run(journal, verify_head=key is None)
        with in_whole_steps(run):
            if unknown := set(only) - set(run.actions):
                has = f"It has: {', '.join(run.actions[:20])}"
                raise Complaint(f"The journal has no action {', '.join(sorted(unknown))}.", has, WRONG_USE)
            same_root(run, host)
            host.files.accept(run.mounts)
            return _backward(run, host, set(only) or set(run.actions), key, on_done)


def _backward(run: RemovalRun, host: RemovalHost, taken: set[str], key: Path | None, on_done: OnActionDone) -> RunOutcome:
    assert run.opened is not None
    if not run.applied and run.finished:
        return RunOutcome([], len(run.actions), run.journal.path, run.undo, already=True)
    keys = backup_keys(run, key)
    run.recover(host)
    back = run.applied & taken
    concerned = [ref for ref, item in run.objects.items() if item.applied & back]
    left_out = run.check_undrifted(host, concerned, back=True, taken=back)
    for ref in concerned:
        if kept := run.kept.get(ref):
            run.vault.check(kept, keys)
    back -= left_out.keys()
    final = run.final & back
    refuse_wrong(run, host, back, keys)
    run.add("undo", actions=sorted(back))
    run.leave_out(left_out)
    titles = {a["id"]: a["title"] for a in run.opened["actions"]}
    run.settle(host, set(run.applied) - back, keys, back=True, on_done=lambda a: on_done(titles[a]) if a in back - final else None)
    check_written(run, host, concerned, back=True)
    if not run.applied:
        for reason in restore(run.opened["areas"], host):
            run.add("note", reason=reason)
    different, compared = changed(run.opened["areas"], host, run.objects)  # what the run changed is verified one by one, by its state
    others = [ref for ref, item in run.objects.items() if of(ref).exact and ref not in concerned and not item.controlled]
    different += [told(ref) for ref in run.drifted(host, others)]
    compared += len(others)
    churn, different = parted(different, run.churn)
    done = sorted(back - run.left_out.keys())
    run.add("undone", actions=done, unexplained=different, compared=compared)
    return RunOutcome(
        [a for a in done if a not in final],
        len(run.actions),
        run.journal.path,
        run.undo,
        different,
        compared,
        left_out=dict(run.left_out),
        final=[titles[a] for a in done if a in final],
        churn=churn,
    )


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
