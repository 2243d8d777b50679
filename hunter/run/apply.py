"""Apply: check, lock, back up, journal, change, verify. Undo and close: the way back from the journal alone."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns
from typing import Any

from hunter.catalogue import STAGES
from hunter.host.identity import facts, require
from hunter.host.state import UnsafeError
from hunter.host.tree import HostTree
from hunter.mechanisms import Edit, mechanisms
from hunter.objects import Described, SurpriseError, objects
from hunter.objects.files import restore_folder_times
from hunter.plan.model import RemovalPlan
from hunter.plan.place import guarded
from hunter.run.areas import changed, survey
from hunter.run.check import Checked, Report, check
from hunter.run.journal import RunJournal
from hunter.run.settle import RemovalRun, surprise
from hunter.run.vault import Vault, sync_folder
from scout import __version__
from scout.console import WRONG_USE, Complaint, escape, megabytes
from scout.keys import load_identities, load_recipients

Told = Callable[[str], None]


@dataclass(slots=True)
class RunOutcome:
    """What a run came to."""

    done: list[str]
    """ids of the actions that are applied (apply) or taken back (undo)"""
    total: int
    journal: Path
    undo: str
    """the command that takes it back"""
    unexplained: list[str] = field(default_factory=list)
    """paths in the touched folders that changed, and not by HUNTER"""
    compared: int = 0
    """other entries of the touched folders that were compared before and after"""
    already: bool = False


def journal_of(plan: Path) -> Path:
    """`<plan>.journal.jsonl`."""
    return plan.with_name(plan.name + ".journal.jsonl")


def vault_of(plan: Path) -> Vault:
    """`<plan>.backup/` and `<plan>.runkey`."""
    return Vault(plan.with_name(plan.name + ".backup"), plan.with_name(plan.name + ".runkey"))


@contextmanager
def lock(tree: HostTree) -> Iterator[None]:
    """One HUNTER per host: a lock on the root folder itself, which writes nothing and ends with the process."""
    import fcntl

    try:
        fcntl.flock(tree.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        who = _holder(tree)
        what = f"Another hunter{who and f' (process {who})'} is at work on {tree.native}: it holds the lock on that folder."
        raise Complaint(what, "Wait until it has ended. If it is no hunter, end it: nobody else has reason to lock that folder.") from e
    try:
        yield
    finally:
        fcntl.flock(tree.fd, fcntl.LOCK_UN)


def _holder(tree: HostTree) -> str:
    """Id of the process that holds the lock on the root, '' where it is not known. Source: proc(5), /proc/locks."""
    with suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines():
            fields = line.split()
            if "->" not in fields and len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(f":{tree.root_ino}"):
                return fields[4]
    return ""


def apply(plan: RemovalPlan, path: Path, tree: HostTree, known: Sequence[str] = (), told: Told = lambda _: None) -> RunOutcome | Report:
    """Do the plan. A Report where the state does not fit (nothing was written). Complaint at the first surprise after that."""
    with lock(tree):
        journal = RunJournal(journal_of(path))
        try:
            run = RemovalRun(journal, vault_of(path))
            if run.began and not (run.finished and not run.applied):
                return _complete(plan, run, tree, told)
            report = check(plan, path, tree, known)
            if not report.ready or not plan.actions:
                return report
            _open(plan, run, tree, report)
            return _forward(run, tree, told)
        finally:
            journal.close()


def standing(plan: RemovalPlan, path: Path, tree: HostTree) -> RunOutcome | None:
    """What a dry run finds in the journal: a run that is done (`already`) or was interrupted; None where there is none. Reads only.

    Complaint where the plan was edited after that run began, where it was partly taken back, or where something changed since.
    """
    run = RemovalRun(RunJournal(journal_of(path)), vault_of(path))
    if not run.began or (run.finished and not run.applied):
        return None
    _belongs(plan, run, tree)
    if run.finished:
        return _as_done(run, tree)
    return RunOutcome([a for a in run.actions if a in run.applied], len(run.actions), run.journal.path, run.undo)


def _as_done(run: RemovalRun, tree: HostTree) -> RunOutcome:
    if found := run.drifted(tree, run.things):
        told = "; ".join(f"{escape(name)} is not as the journal left it: {escape(what)}" for (_, name), what in list(found.items())[:5])
        raise Complaint(
            f"This plan was applied, and something changed since: {told}. Nothing was written now.",
            "Look at it. If what was removed is there again, something puts it back: collect anew and find that. "
            f"To take the run back: {run.undo}",
        )
    if run.applied != set(run.actions):
        raise Complaint("This plan was applied and partly taken back.", f"Take the rest back first: {run.undo}")
    return RunOutcome(run.actions, len(run.actions), run.journal.path, run.undo, already=True)


def _belongs(plan: RemovalPlan, run: RemovalRun, tree: HostTree) -> None:
    """Complaint where the run of the journal is not one of this plan on this tree."""
    assert run.opened is not None
    require(plan.host, tree)
    _same_root(run, tree)
    if run.opened["seal"] != plan.seal():
        raise Complaint(
            f"{run.journal.path} belongs to the plan as it was before it was edited.", f"Take that back first: {run.undo}", WRONG_USE
        )


def _complete(plan: RemovalPlan, run: RemovalRun, tree: HostTree, told: Told) -> RunOutcome:
    """Go on where a kill stopped, or say that it is done."""
    _belongs(plan, run, tree)
    run.recover(tree)
    return _as_done(run, tree) if run.finished else _forward(run, tree, told)


def _open(plan: RemovalPlan, run: RemovalRun, tree: HostTree, report: Report) -> None:
    """Everything that is written before the first change: run key, backups read back, the journal's first lines."""
    if report.needed > report.free:
        raise Complaint(
            f"Backups need {megabytes(report.needed)}, and {megabytes(report.free)} are free beside the plan.",
            "Make room. Nothing was changed.",
        )
    try:
        public = run.vault.prepare()
        edits, way_back = _edits(report.actions)
        files = [e["name"] for e in edits if e["object"] == "file"]
        number = run.number + 1
        run.add(
            "open",
            run=number,
            id=secrets.token_hex(4),
            tool=__version__,
            seal=plan.seal(),
            host=plan.host,
            now=facts(tree),
            root=tree.native,
            live=tree.live,
            stamp=time_ns(),
            recipients=list(plan.recipients),
            run_key=public,
            edits=edits,
            way_back=way_back,
            actions=[{"id": a.id, "kind": a.kind, "title": a.title} for a in plan.actions],
            areas={folder: area.to_json() for folder, area in survey(tree, files).items()},
        )
        _back_up(run, tree, report.actions, [public, *plan.recipients])
    except OSError as e:
        raise Complaint(
            f"{e.filename or run.vault.folder}: {e.strerror or e}. Nothing on the host was changed.",
            "Give the plan a place where backups fit.",
        ) from e


def _back_up(run: RemovalRun, tree: HostTree, actions: Sequence[Checked], recipients: Sequence[str]) -> None:
    keys = load_identities(run.vault.run_key)
    for_whom, _ = load_recipients(recipients)
    for c in actions:
        for path in mechanisms()[c.action.kind].backup(c.found):
            state = c.found.states[path]
            if path in run.kept or state is None:
                continue
            try:
                kept = run.vault.keep(tree, path, state, f"{run.number:03d}-{len(run.kept) + 1:05d}.age", for_whom)
            except UnsafeError as e:
                raise surprise(path, str(e)) from e
            run.vault.check(kept, keys)
            run.add("keep", **kept)
    sync_folder(run.vault.folder)
    run.add("kept")


def _edits(actions: Sequence[Checked]) -> tuple[list[dict[str, Any]], list[int]]:
    """(edits in the order of stages, indices in the order of the way back)."""
    staged: list[tuple[int, int, int, Checked, Edit]] = []
    back: list[tuple[Checked, Edit]] = []
    for n, c in enumerate(actions):
        mechanism = mechanisms()[c.action.kind]
        edits = list(mechanism.apply(c.found, c.action.target))
        staged += [(STAGES.index(e.stage), n, i, c, e) for i, e in enumerate(edits)]
        back[:0] = [(c, e) for e in mechanism.restore(edits)]
    staged.sort(key=lambda row: row[:3])
    place = {(c.action.id, e.object, e.name): i for i, (_, _, _, c, e) in enumerate(staged)}
    return [_edit(c, e) for *_, c, e in staged], [place[c.action.id, e.object, e.name] for c, e in back]


def _edit(c: Checked, e: Edit) -> dict[str, Any]:
    if e.object == "file":
        state = c.found.states[e.name]
        before = state.to_json() if state else None
    else:
        before = c.found.runtime[e.object, e.name][0]
    return {
        "action": c.action.id,
        "stage": e.stage,
        "object": e.object,
        "name": e.name,
        "drop_if_blank": e.drop_if_blank,
        "cuts": [list(cut) for cut in e.cuts],
        "before": before,
        "after": e.after,
        "left": c.found.left,
    }


def _forward(run: RemovalRun, tree: HostTree, told: Told) -> RunOutcome:
    assert run.opened is not None
    keys = _keys(run, None)
    for kept in run.kept.values():
        run.vault.check(kept, keys)
    untouched = [key for key, thing in run.things.items() if key[0] == "file" and not thing.applied]
    run.as_left(tree, untouched, back=False)
    run.settle(tree, run.actions, keys, back=False, told=told)
    _verified(run, tree, run.things, back=False)
    different, compared = changed(run.opened["areas"], tree, {name for kind, name in run.things if kind == "file"})
    run.add("applied", actions=run.actions, unexplained=different, compared=compared)
    return RunOutcome(run.actions, len(run.actions), run.journal.path, run.undo, different, compared)


def _verified(run: RemovalRun, tree: HostTree, names: Iterable[tuple[str, str]], *, back: bool) -> None:
    """The objects that this run wrote are in the state that the journal says, looked at once more."""
    for kind, name in names:
        thing = run.things[kind, name]
        try:
            now = objects()[kind].observe(tree, name)
        except UnsafeError as e:
            what = f"{surprise(name, str(e)).what} {run.progress(back=back)}"
            raise Complaint(what, run.go_on(tree, back=back)) from e
        if objects()[kind].same(now, thing.now):
            continue
        changes = escape(objects()[kind].changes(thing.now, now))
        if back:
            what = "something else changed it after HUNTER put it back"
            do = "Look at it and correct it by hand. Then run the same command again."
        elif _is_back(kind, now, thing.before):
            what, do = "something puts it back", f"Find what does. To take the run back: {run.undo}"
        else:
            what, do = "something else changed it after HUNTER", f"Look at it and find what does. To take the run back: {run.undo}"
        raise Complaint(f"{escape(name)} is not as HUNTER left it a moment ago: {changes}; {what}. {run.progress(back=back)}", do)


def _is_back(kind: str, now: Described, before: Described) -> bool:
    """True where the object is what it was before the run; of a file its content or link text tells."""
    if kind != "file" or now is None or before is None:
        return objects()[kind].same(now, before)
    return all(now[name] == before[name] for name in ("type", "sha256", "link"))


def _keys(run: RemovalRun, key: Path | None) -> list[Any]:
    if key is not None:  # it opens what the run key opens, also where that was exchanged or broken
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


def _same_root(run: RemovalRun, tree: HostTree) -> None:
    assert run.opened is not None
    now, then = facts(tree), run.opened["now"]
    if any(now.get(k) != then.get(k) for k in ("root_ino", "machine_id")):
        raise Complaint(
            f"{tree.native} is not the tree that this journal was written for ({escape(run.opened['root'])}).", "Name that one with --root."
        )


def read_run(journal: Path) -> RemovalRun:
    """The run of a journal file. Complaint where it is none, was changed, or lies where others may write."""
    if not journal.name.endswith(".journal.jsonl") or not journal.is_file():
        raise Complaint(f"{journal} is no journal.", "Give the file PLAN.journal.jsonl that hunter apply wrote.", WRONG_USE)
    guarded(journal)
    run = RemovalRun(RunJournal(journal), vault_of(journal.with_name(journal.name.removesuffix(".journal.jsonl"))))
    if run.opened is None:
        raise Complaint(f"{journal} holds no run.", "There is nothing to take back.", WRONG_USE)
    return run


def undo(journal: Path, tree: HostTree, only: Sequence[str] = (), key: Path | None = None, told: Told = lambda _: None) -> RunOutcome:
    """Take the run back, or `only` some actions of it. Complaint where the present state is not what the journal left."""
    with lock(tree):
        run = read_run(journal)
        assert run.opened is not None
        try:
            if unknown := set(only) - set(run.actions):
                has = f"It has: {', '.join(run.actions[:20])}"
                raise Complaint(f"The journal has no action {', '.join(sorted(unknown))}.", has, WRONG_USE)
            _same_root(run, tree)
            return _backward(run, tree, set(only) or set(run.actions), key, told)
        finally:
            run.journal.close()


def _backward(run: RemovalRun, tree: HostTree, taken: set[str], key: Path | None, told: Told) -> RunOutcome:
    assert run.opened is not None
    if not run.applied and run.finished:
        return RunOutcome([], len(run.actions), run.journal.path, run.undo, already=True)
    keys = _keys(run, key)
    run.recover(tree)
    back = run.applied & taken
    concerned = [k for k, thing in run.things.items() if thing.applied & back]
    run.as_left(tree, concerned, back=True, taken=back)
    for _, name in concerned:
        if kept := run.kept.get(name):
            run.vault.check(kept, keys)
    run.add("undo", actions=sorted(back))
    titles = {a["id"]: a["title"] for a in run.opened["actions"]}
    run.settle(tree, set(run.applied) - back, keys, back=True, told=lambda a: told(titles[a]) if a in back else None)
    _verified(run, tree, concerned, back=True)
    whole = not run.applied
    files = {name for kind, name in run.things if kind == "file"}  # verified by their states, one by one
    if whole:
        _folder_times(run, tree)
    different, compared = changed(run.opened["areas"], tree, files)
    others = [k for k in run.things if k not in concerned and k[0] == "file"]
    different += [name for _, name in run.drifted(tree, others)]
    compared += len(others)
    run.add("undone", actions=sorted(back), unexplained=different, compared=compared)
    return RunOutcome(sorted(back), len(run.actions), run.journal.path, run.undo, different, compared)


def _folder_times(run: RemovalRun, tree: HostTree) -> None:
    assert run.opened is not None
    for folder, was in run.opened["areas"].items():
        try:
            restore_folder_times(tree, folder, (was["atime_ns"], was["mtime_ns"]))
        except (OSError, SurpriseError, UnsafeError) as e:
            run.add("note", reason=f"{folder}: its times could not be put back: {e}")


def close(journal: Path) -> tuple[bool, str]:
    """Delete the run key. (True where it was there, the command that takes the run back from now on)."""
    run = read_run(journal)
    if run.unfinished or run.pending:
        raise Complaint("This run is not finished.", f"Complete it with hunter apply, or take it back: {run.undo}")
    there = run.vault.run_key.exists()
    try:
        if there:
            size = run.vault.run_key.stat(follow_symlinks=False)
            if stat.S_ISREG(size.st_mode):
                with run.vault.run_key.open("r+b") as stream:
                    stream.write(b"\0" * size.st_size)
                    stream.flush()
                    os.fsync(stream.fileno())
            run.vault.run_key.unlink()
            sync_folder(journal.parent)
        run.add("closed")
    finally:
        run.journal.close()
    return there, run.undo
