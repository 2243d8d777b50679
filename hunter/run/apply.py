"""Apply: check, lock, back up, journal, change, verify."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Any

from hunter.catalogue import STAGES
from hunter.host.identity import facts, require
from hunter.host.state import UnsafeError
from hunter.host.tree import HostTree
from hunter.mechanisms import Edit, mechanisms
from hunter.plan.model import RemovalPlan
from hunter.private import sync_folder
from hunter.run.areas import changed, survey
from hunter.run.check import READY, Checked, Report, check
from hunter.run.session import OnActionDone, RunOutcome, backup_keys, check_written, lock, open_run, same_root
from hunter.run.settle import RemovalRun, surprise
from scout import __version__
from scout.console import WRONG_USE, Complaint, escape, megabytes
from scout.keys import load_identities, load_recipients


def apply(
    plan: RemovalPlan, path: Path, tree: HostTree, known: Sequence[str] = (), on_done: OnActionDone = lambda _: None
) -> RunOutcome | Report:
    """Apply the plan. A Report where the state does not fit (nothing was written). Complaint at the first surprise after that."""
    with lock(tree):
        run = open_run(path)
        try:
            if run.began and not (run.finished and not run.applied):
                return _complete(plan, run, tree, on_done)
            report = check(plan, path, tree, known)
            if not report.ready or not plan.actions:
                return report
            _open(plan, run, tree, report)
            return _forward(run, tree, on_done)
        finally:
            run.journal.close()


def standing(plan: RemovalPlan, path: Path, tree: HostTree) -> RunOutcome | None:
    """Return what a dry run finds in the journal: a finished run (`already`), an interrupted one, or None. Reads only.

    Complaint where the plan was edited after that run began, where it was partly taken back, or where something changed since.
    """
    run = open_run(path)
    if not run.began or (run.finished and not run.applied):
        return None
    _check_belongs(plan, run, tree)
    if run.finished:
        return _as_done(run, tree)
    return RunOutcome([a for a in run.actions if a in run.applied], len(run.actions), run.journal.path, run.undo)


def _as_done(run: RemovalRun, tree: HostTree) -> RunOutcome:
    keys = [key for key, item in run.objects.items() if not item.edits.keys() & run.left_out.keys()]
    if found := run.drifted(tree, keys):
        told = "; ".join(f"{escape(name)} is not as the journal left it: {escape(what)}" for (_, name), what in list(found.items())[:5])
        raise Complaint(
            f"This plan was applied, and something changed since: {told}. Nothing was written now.",
            "Look at it. If what was removed is there again, something puts it back: collect anew and find that. "
            f"To take the run back: {run.undo}",
        )
    done = [a for a in run.actions if a not in run.left_out]
    if not set(done) <= run.applied:
        raise Complaint("This plan was applied and partly taken back.", f"Take the rest back first: {run.undo}")
    return RunOutcome(done, len(run.actions), run.journal.path, run.undo, already=True, left_out=run.all_left_out)


def _check_belongs(plan: RemovalPlan, run: RemovalRun, tree: HostTree) -> None:
    """Complaint where the run of the journal is not one of this plan on this tree."""
    assert run.opened is not None
    require(plan.host, tree)
    same_root(run, tree)
    if run.opened["seal"] != plan.seal():
        raise Complaint(
            f"{run.journal.path} belongs to the plan as it was before it was edited.", f"Take that back first: {run.undo}", WRONG_USE
        )


def _complete(plan: RemovalPlan, run: RemovalRun, tree: HostTree, on_done: OnActionDone) -> RunOutcome:
    """Continue where a kill stopped, or report that the run is done."""
    _check_belongs(plan, run, tree)
    run.recover(tree)
    return _as_done(run, tree) if run.finished else _forward(run, tree, on_done)


def _open(plan: RemovalPlan, run: RemovalRun, tree: HostTree, report: Report) -> None:
    """Write everything that comes before the first change: run key, the journal's first lines, backups, which are read back."""
    if report.needed > report.free:
        raise Complaint(
            f"Backups need {megabytes(report.needed)}, and {megabytes(report.free)} are free beside the plan.",
            "Make room. Nothing was changed.",
        )
    ready = [c for c in report.actions if c.status == READY]
    try:
        public = run.vault.prepare()
        run.journal.head.use(run.vault.secret())
        edits, way_back = _edits(ready)
        files = [e["name"] for e in edits if e["object"] == "file"]
        run.add(
            "open",
            run=run.number + 1,
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
            actions=[{"id": c.action.id, "kind": c.action.kind, "title": c.action.title} for c in ready],
            left_out={c.action.id: c.why_left_out for c in report.actions if c.status != READY},
            areas={folder: area.to_json() for folder, area in survey(tree, files).items()},
        )
        _back_up(run, tree, ready, [public, *plan.recipients])
    except UnsafeError as e:
        raise Complaint(f"{e}. Nothing on the host was changed.", "Look at it, then run the same command again.") from e
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
                if c.controller:
                    run.leave_out({c.action.id: f"{path}: {e}"})
                    break
                raise surprise(path, str(e)) from e
            run.vault.check(kept, keys)
            run.add("keep", **kept)
    sync_folder(run.vault.folder)
    run.add("kept")


def _edits(actions: Sequence[Checked]) -> tuple[list[dict[str, Any]], list[int]]:
    """Return (edits in the order of stages, their indices in the order of undo)."""
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
        "controller": c.controller,
    }


def _forward(run: RemovalRun, tree: HostTree, on_done: OnActionDone) -> RunOutcome:
    assert run.opened is not None
    keys = backup_keys(run, None)
    for kept in run.kept.values():
        run.vault.check(kept, keys)
    untouched = [
        key for key, item in run.objects.items() if key[0] == "file" and not item.applied and not item.edits.keys() & run.left_out.keys()
    ]
    run.leave_out(run.check_undrifted(tree, untouched, back=False))
    run.settle(tree, run.actions, keys, back=False, on_done=on_done)
    check_written(run, tree, run.objects, back=False)
    different, compared = changed(run.opened["areas"], tree, {name for kind, name in run.objects if kind == "file"})
    run.add("applied", actions=run.actions, unexplained=different, compared=compared)
    done = [a for a in run.actions if a not in run.left_out]
    return RunOutcome(done, len(done) + len(run.all_left_out), run.journal.path, run.undo, different, compared, left_out=run.all_left_out)
