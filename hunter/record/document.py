"""The record of one plan as a JSON document: what was planned, done and proved, per action. Status, report and the Eye show it.

    {"host", "plan", "seal", "receipt", "signer", "state", "tool", "live", "began", "ended",
     "journal": {"lines", "head", "signed"}, "unexplained": [], "compared", "stays": [{"path", "why"}],
     "memory": [{"action", "program", "pid", "time", "file", "size", "sha256", "sealed_sha256", "unread", "left_out"}],
     "verified": [{"time", "how", "gone", "there", "unseen"}],
     "actions": [{"id", "title", "mechanism", "kind", "class", "status", "note", "why": [], "said": [], "reason", "time",
                  "verdict", "verdict_reason", "changes": [{"what", "object", "before", "after", "time", "backup"}]}]}

`why` are the ids of findings, `said` their sentences, which the plan has as comments: its seal does not cover those, a signature does.
All values are text, numbers, truth values, lists or objects; a text may hold anything that a host or an intruder wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hunter.catalogue import catalogue
from hunter.host.state import readable
from hunter.objects import Described, of, told
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.plan.read import load
from hunter.record import proofs
from hunter.record.runs import read_run
from hunter.ref import Ref
from hunter.run.settle import RemovalRun
from hunter.sign import sshsig
from hunter.sign.plans import signature_of
from scout.archive.facts import rfc3339
from scout.console import WRONG_USE, Complaint

PLANNED, REMOVED, IN_PART, UNDONE, LEFT_OUT, ASKED, SKIPPED = "planned", "removed", "in part", "undone", "left out", "ask", "not done"
GONE, THERE, UNSEEN = "gone", "THERE", "UNSEEN"
_COMMENT, _ID = "# why: ", re.compile(r'- id: "?([^\s"]+)')
_SAID = 20
"""sentences of an action that are taken from its comments"""
_NOT_TOLD = ("parent_ino", "root_ino", "dev", "mounts", "xattrs", "nlink")


def document(plan: Path) -> dict[str, Any]:
    """Return the record of a plan and of what lies beside it. Complaint (code 2) where plan or journal is not as HUNTER wrote it."""
    read, run = load(plan, sealed=False, acts=False), read_run(plan)
    if read.sealed.partition(" ")[0] != read.seal():
        raise Complaint(f"{plan}: the seal does not fit its content.", "Give the plan as it was applied.", WRONG_USE)
    if run.opened is not None and run.opened.get("seal") != read.seal():
        raise Complaint(f"{plan}: the journal beside it belongs to another plan.", "Give plan and journal of one run.", WRONG_USE)
    try:
        return _document(plan, read, run, proofs.read(plan))
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        what = f"{run.journal.path}: not of the form that hunter writes; the journal was changed after it was written."
        raise Complaint(what, "Use an untouched copy of the journal.", WRONG_USE) from e


def _document(plan: Path, read: RemovalPlan, run: RemovalRun, checks: list[dict[str, Any]]) -> dict[str, Any]:
    lines = run.journal.lines
    last: dict[str, Any] = next((line for line in reversed(lines) if line["event"] in ("applied", "undone")), {})
    mine = [check for check in checks if check.get("seal") == read.seal()]
    verdicts = {v["id"]: v for check in mine for v in check["verdicts"]}
    opened = run.opened or {}
    said = _said(plan.read_text("utf-8", "replace"))
    return {
        "host": readable(read.host.get("name", "?")),
        "plan": plan.name,
        "seal": read.seal(),
        "receipt": readable(read.host.get("receipt", "")),
        "signer": _signer(plan),
        "state": _state(run),
        "tool": readable(opened.get("tool", "")),
        "live": bool(opened.get("live")),
        "began": readable(opened.get("time", "")),
        "ended": readable(last.get("time", "")),
        "journal": {"lines": len(lines), "head": run.journal.head_hash, "signed": bool(run.vault.secret())},
        "unexplained": [readable(path) for path in last.get("unexplained", ())],
        "compared": int(last.get("compared", 0)),
        "memory": [
            {name: readable(line[name]) for name in ("program", "pid", "time", "file", "sha256", "sealed_sha256")}
            | {name: int(line[name]) for name in ("size", "unread", "left_out")}
            | {"action": _keeper(run, Ref.from_json(line))}
            for line in run.memory
        ],
        "verified": [_counted(check) for check in mine],
        "stays": [{"path": path, "why": why} for path, why in read.stays],
        "actions": [{**_action(a, run, verdicts.get(a.id)), "said": said.get(a.id, [])} for a in read.actions],
    }


def _said(text: str) -> dict[str, list[str]]:
    """Return the reasons that stand as comments above each action of a plan."""
    found: dict[str, list[str]] = {}
    above: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith(_COMMENT):
            above.append(readable(line.removeprefix(_COMMENT)))
        elif match := _ID.match(line):
            found[match[1]] = above[:_SAID]
            above = []
    return found


def _signer(plan: Path) -> str:
    """Return the fingerprint of the key that a signature beside the plan names; whether it may sign is for `--require-signature`."""
    try:
        return sshsig.read(signature_of(plan).read_bytes()[: sshsig.MAX_BYTES + 1]).fingerprint
    except (OSError, sshsig.SignatureError):
        return ""


def _state(run: RemovalRun) -> str:
    if run.opened is None or not run.began:
        return PLANNED
    if not run.finished:
        return "interrupted"
    edits = {a for item in run.objects.values() for a in item.edits} - run.left_out.keys()
    return UNDONE if not run.applied else "applied" if edits <= run.applied else "partly undone"


def _keeper(run: RemovalRun, kept: Ref) -> str:
    """Return the id of the action that asked for the memory of a process, or of what it started."""
    asked = (
        readable(action)
        for ref, item in run.objects.items()
        if ref._replace(object=kept.object) == kept
        for action, edit in item.edits.items()
        if edit.get("memory")
    )
    return next(asked, "")


def _counted(check: Mapping[str, Any]) -> dict[str, Any]:
    gone = [v.get("gone") for v in check["verdicts"]]
    return {
        "time": readable(check["time"]),
        "how": readable(check["how"]),
        "gone": gone.count(True),
        "there": gone.count(False),
        "unseen": gone.count(None),
    }


def _action(action: RemovalAction, run: RemovalRun, verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    changes = list(_changes(action.id, run))
    status, reason = _status(action, run)
    return {
        "id": action.id,
        "title": readable(action.title),
        "mechanism": action.mechanism,
        "kind": action.kind,
        "class": catalogue()[action.kind].cls,
        "status": status,
        "reason": readable(reason),
        "note": readable(action.note),
        "why": list(action.why),
        "time": max((change["time"] for change in changes), default=""),
        "verdict": "" if verdict is None else {True: GONE, False: THERE}.get(verdict.get("gone"), UNSEEN),  # type: ignore[arg-type]
        "verdict_reason": "" if verdict is None else readable(verdict.get("reason", "")),
        "changes": changes,
    }


def _status(action: RemovalAction, run: RemovalRun) -> tuple[str, str]:
    """Return (status, why it is not done)."""
    if action.id in run.all_left_out:
        return LEFT_OUT, str(run.all_left_out[action.id])
    if action.asked:
        return ASKED, "it could be the site's own: nobody has decided"
    if run.opened is None or not run.began:
        return PLANNED, ""
    if action.id not in run.actions:
        return SKIPPED, "it was not there, or could not be looked at, when the plan was applied"
    mine = [action.id in item.applied for item in run.objects.values() if action.id in item.edits]
    if all(mine):
        return REMOVED, ""
    if any(mine):
        return IN_PART, "the run was interrupted"
    undone = any(line["event"] == "undo" for line in run.journal.lines)
    return (UNDONE, "") if undone else (PLANNED, "the run was interrupted before it")


def _changes(action: str, run: RemovalRun) -> Iterator[dict[str, Any]]:
    """Yield the objects that an action changes: before it, and as it is now by the journal, with the time of the last change (UTC)."""
    times = dict(_times(run))
    for ref, item in run.objects.items():
        if action in item.edits:
            kept = run.kept.get(ref, {})
            yield {
                "what": readable(told(ref)),
                "object": ref.object,
                "before": _facts(ref, item.before),
                "after": _facts(ref, item.now),
                "time": times.get(ref, ""),
                "backup": {name: str(kept[name]) for name in ("file", "sha256", "sealed_sha256") if name in kept},
            }


def _times(run: RemovalRun) -> Iterator[tuple[Ref, str]]:
    begun: dict[str, Any] | None = None
    for line in run.journal.lines:
        if line["event"] == "begin":
            begun = line
        elif line["event"] == "done" and begun is not None:
            yield Ref.from_json(begun), readable(line["time"])
            begun = None


def _facts(ref: Ref, state: Described) -> dict[str, str]:
    """Return what a person compares of a state; {} where the object is not there."""
    if state is None:
        return {}
    names = [*of(ref).facts, *(("active", "loaded", "running") if not of(ref).facts else ())]
    told_facts = {
        name: readable(state[name]) for name in dict.fromkeys(names) if name in state and name not in _NOT_TOLD and state[name] != ""
    }
    if "mtime_ns" in state:
        told_facts["mtime"] = rfc3339(int(state["mtime_ns"])) or ""
    return told_facts or {"state": readable(state)}
