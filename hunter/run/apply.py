"""Apply: check, lock, back up, journal, change, verify."""

from __future__ import annotations

import base64
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any

from hunter.catalogue import BARRIER, STAGES
from hunter.host.host import RemovalHost
from hunter.host.identity import facts, require
from hunter.mechanisms import Edit, mechanism_of
from hunter.objects import of, told
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.private import sync_folder
from hunter.ref import Ref
from hunter.run.beside import changed, parted, survey
from hunter.run.check import READY, Checked, Report, check
from hunter.run.memory import keep_memory
from hunter.run.session import OnActionDone, RunOutcome, backup_keys, check_written, open_run, same_root
from hunter.run.settle import RemovalRun, surprise
from hunter.run.stopping import in_whole_steps
from hunter.unsafe import UnsafeError
from scout import __version__
from scout.console import WRONG_USE, Complaint, escape
from scout.keys import load_identities, load_recipients

_LOOK_AGAIN = 5.0
"""seconds between two looks at what the host changes by itself"""
_Owned = tuple[Checked, Edit]
"""an edit, with the action that it belongs to"""


def apply(
    plan: RemovalPlan, path: Path, host: RemovalHost, known: Sequence[str] = (), on_done: OnActionDone = lambda _: None, learn: float = 0
) -> RunOutcome | Report:
    """Apply the plan. A Report where the state does not fit (nothing was written). Complaint at the first surprise after that.

    `learn`: seconds for which it looks what the host changes by itself, before anything is changed.
    """
    with host.files.lock():
        run = open_run(path)
        with in_whole_steps(run):
            if run.began and not (run.finished and not run.applied):
                host.files.accept(run.mounts)
                return _complete(plan, run, host, on_done)
            report = check(plan, path, host, known)
            if not report.ready or not report.count(READY):
                return report
            _open(plan, run, host, report, learn)
            return _forward(plan, run, host, on_done)


def standing(plan: RemovalPlan, path: Path, host: RemovalHost) -> RunOutcome | None:
    """Return what a dry run finds in the journal: a finished run (`already`), an interrupted one, or None. Reads only.

    Complaint where the plan was edited after that run began, where it was partly taken back, or where something changed since.
    """
    run = open_run(path)
    if not run.began or (run.finished and not run.applied):
        return None
    _check_belongs(plan, run, host)
    if run.finished:
        return _as_done(run, host)
    return RunOutcome([a for a in run.actions if a in run.applied], len(run.actions), run.journal.path, run.undo)


def _as_done(run: RemovalRun, host: RemovalHost) -> RunOutcome:
    refs = [ref for ref, item in run.objects.items() if not item.edits.keys() & run.left_out.keys()]
    if found := run.drifted(host, refs):
        each = [f"{escape(told(ref))} is not as the journal left it: {escape(what)}" for ref, what in list(found.items())[:5]]
        raise Complaint(
            f"This plan was applied, and something changed since: {'; '.join(each)}. Nothing was written now.",
            "Look at it. If what was removed is there again, something puts it back: collect anew and find that. "
            f"To take the run back: {run.undo}",
        )
    done = [a for a in run.actions if a not in run.left_out]
    if not set(done) <= run.applied:
        raise Complaint("This plan was applied and partly taken back.", f"Take the rest back first: {run.undo}")
    return RunOutcome(done, len(run.actions), run.journal.path, run.undo, already=True, left_out=run.all_left_out)


def _check_belongs(plan: RemovalPlan, run: RemovalRun, host: RemovalHost) -> None:
    """Complaint where the run of the journal is not one of this plan on this tree."""
    assert run.opened is not None
    require(plan.host, host)
    same_root(run, host)
    if run.opened["seal"] != plan.seal():
        raise Complaint(
            f"{run.journal.path} belongs to the plan as it was before it was edited.", f"Take that back first: {run.undo}", WRONG_USE
        )


def _complete(plan: RemovalPlan, run: RemovalRun, host: RemovalHost, on_done: OnActionDone) -> RunOutcome:
    """Continue where a kill stopped, or report that the run is done."""
    _check_belongs(plan, run, host)
    run.recover(host)
    return _as_done(run, host) if run.finished else _forward(plan, run, host, on_done)


def _open(plan: RemovalPlan, run: RemovalRun, host: RemovalHost, report: Report, learn: float) -> None:
    """Write everything that comes before the first change: run key, the journal's first lines, backups, which are read back."""
    ready = [c for c in report.actions if c.status == READY]
    try:
        public = run.vault.prepare()
        run.journal.head.use(run.vault.secret())
        edits, way_back = _edits(host, ready)
        run.add(
            "open",
            run=run.number + 1,
            id=secrets.token_hex(4),
            tool=__version__,
            seal=plan.seal(),
            host=plan.host,
            now=facts(host),
            root=host.native,
            live=host.live,
            stamp=time_ns() // 100 * 100,  # NTFS keeps no finer times
            recipients=list(plan.recipients),
            run_key=public,
            edits=edits,
            way_back=way_back,
            actions=[{"id": c.action.id, "kind": c.action.kind, "title": c.action.title} for c in ready],
            left_out={c.action.id: c.why_left_out for c in report.actions if c.status != READY and not c.settled},
            areas=survey(host, [Ref.from_json(e) for e in edits]),
        )
        _back_up(run, host, ready, [public, *plan.recipients])
        run.add("kept", churn=_churn(run, host, learn))
    except UnsafeError as e:
        raise Complaint(f"{e}. Nothing on the host was changed.", "Look at it, then run the same command again.") from e
    except OSError as e:
        raise Complaint(
            f"{e.filename or run.vault.folder}: {e.strerror or e}. Nothing on the host was changed.",
            "Give the plan a place where backups fit.",
        ) from e


def _back_up(run: RemovalRun, host: RemovalHost, actions: Sequence[Checked], recipients: Sequence[str]) -> None:
    keys = load_identities(run.vault.run_key)
    for_whom, _ = load_recipients(recipients)
    for c in actions:
        for ref, state in c.found.states.items():
            if ref in run.kept or ref not in run.objects or state is None or not state.get("sha256"):
                continue
            run.heed(back=False)
            try:
                with of(ref).content(host, ref) as source:
                    kept = run.vault.keep(source, state, f"{run.number:03d}-{len(run.kept) + 1:05d}.age", for_whom)
            except UnsafeError as e:
                if c.controller:
                    run.leave_out({c.action.id: f"{told(ref)}: {e}"})
                    break
                raise surprise(ref, str(e)) from e
            run.vault.check(kept, keys)
            run.add("keep", **ref.to_json(), **kept)
    sync_folder(run.vault.folder)


def _churn(run: RemovalRun, host: RemovalHost, seconds: float) -> list[str]:
    """Return what changes beside the objects while nothing is written: the host does it by itself."""
    assert run.opened is not None
    found: dict[str, None] = {}
    end = monotonic() + seconds
    while True:
        run.heed(back=False)
        found |= dict.fromkeys(changed(run.opened["areas"], host, run.objects)[0])
        left = end - monotonic()
        if left <= 0:
            return list(found)
        sleep(min(_LOOK_AGAIN, left))


def _edits(host: RemovalHost, actions: Sequence[Checked]) -> tuple[list[dict[str, Any]], list[int]]:
    """Return (edits in the order of stages, their indices in the order of undo)."""
    forward: dict[str, list[list[_Owned]]] = {stage: [] for stage in STAGES}
    back: list[list[_Owned]] = []
    for c in actions:
        mechanism = mechanism_of(c.action.kind)
        edits = list(mechanism.apply(c.found, c.action.target))
        for stage in STAGES:
            forward[stage].append([(c, e) for e in edits if e.stage == stage])
        back.insert(0, [(c, e) for e in mechanism.restore(edits)])
    staged = [owned for queues in forward.values() for owned in _gathered(host, queues)]
    place = {(c.action.id, e.ref): i for i, (c, e) in enumerate(staged)}
    return [_edit(c, e) for c, e in staged], [place[c.action.id, e.ref] for c, e in _gathered(host, back)]


def _gathered(host: RemovalHost, queues: Sequence[Sequence[_Owned]]) -> Iterator[_Owned]:
    """Yield the edits of several actions, each action's in their order, so that what is written as one (a hive) stands together."""
    left = [deque(queue) for queue in queues if queue]
    while left:
        bundle = of(left[0][0][1].ref).bundle(host, left[0][0][1].ref)
        for queue in left if bundle else left[:1]:
            while queue and of(queue[0][1].ref).bundle(host, queue[0][1].ref) == bundle:
                yield queue.popleft()
        left = [queue for queue in left if queue]


def _edit(c: Checked, e: Edit) -> dict[str, Any]:
    return {
        "action": c.action.id,
        "stage": e.stage,
        **e.ref.to_json(),
        "drop_if_blank": e.drop_if_blank,
        "cuts": [list(cut) for cut in e.cuts],
        "puts": [[at, base64.b64encode(new).decode()] for at, new in e.puts],
        "before": c.found.states[e.ref],
        "default": None if e.default is None else base64.b64encode(e.default).decode(),
        "data": None if e.data is None else base64.b64encode(e.data).decode(),
        "after": e.after,
        "left": c.found.left,
        "controller": c.controller,
        **({"memory": True} if e.memory else {}),
    }


def _returned(action: RemovalAction, run: RemovalRun, host: RemovalHost) -> str:
    """Return what does the work of the target of an action that was done."""
    if action.id not in run.applied or action.id in run.left_out:
        return ""
    return mechanism_of(action.kind).returned(host, action.target, action.expect.get(action.target.ref, {}))


def _forward(plan: RemovalPlan, run: RemovalRun, host: RemovalHost, on_done: OnActionDone) -> RunOutcome:
    assert run.opened is not None
    keys = backup_keys(run, None)
    for kept in run.kept.values():
        run.vault.check(kept, keys)
    untouched = [
        ref for ref, item in run.objects.items() if of(ref).exact and not item.applied and not item.edits.keys() & run.left_out.keys()
    ]
    run.leave_out(run.check_undrifted(host, untouched, back=False))
    before_barrier = [ref for ref, item in run.objects.items() if any(e["stage"] != BARRIER for e in item.edits.values())]
    barrier = partial(check_written, run, host, before_barrier, back=False)
    run.settle(host, run.actions, keys, back=False, on_done=on_done, frozen=partial(keep_memory, run, host), barrier=barrier)
    check_written(run, host, run.objects, back=False)
    different, compared = changed(run.opened["areas"], host, run.objects)
    churn, different = parted(different, run.churn)
    run.add("applied", actions=run.actions, unexplained=different, compared=compared)
    returned = {a.id: why for a in plan.actions if (why := _returned(a, run, host))}
    done = [a for a in run.actions if a not in run.left_out]
    total, left_out = len(done) + len(run.all_left_out), run.all_left_out
    return RunOutcome(
        done, total, run.journal.path, run.undo, different, compared, left_out=left_out, returned=returned, churn=churn, memory=run.memory
    )
