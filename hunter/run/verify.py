"""Check that every target is gone, on the host, on a mounted root, or in a fresh archive."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hunter.host.archived import ArchiveView, NotCollectedError
from hunter.host.host import RemovalHost
from hunter.host.identity import require
from hunter.host.tree import TEXT_LIMIT
from hunter.host.view import HostView, NoRegistry
from hunter.mechanisms import mechanism_of
from hunter.objects import told
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.ref import Ref
from hunter.run.looked import ArchiveCoverage
from hunter.run.session import open_run
from hunter.unsafe import UnsafeError
from scout.archive.reader import ArchiveReader
from scout.console import Complaint, escape
from scout.keys import load_identities


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """Whether the target of one action is gone. `looked` is False where the archive does not show it: not known."""

    action: RemovalAction
    gone: bool
    reason: str
    looked: bool = True


def verify(plan: RemovalPlan, path: Path, host: RemovalHost) -> list[TargetVerdict]:
    """Check a live or mounted root. Complaint (code 3) for another host."""
    require(plan.host, host)
    return judge(plan, path, host)


def judge(plan: RemovalPlan, path: Path, view: HostView) -> list[TargetVerdict]:
    """Check any view. Equal lines that the journal lists as left are not counted."""
    opened = open_run(path).opened or {}
    left = {(e["action"], Ref.from_json(e)): int(e["left"]) for e in opened.get("edits", ())}
    return [_judge(a, view, left.get((a.id, a.target.ref), 0)) for a in plan.actions if not a.asked]


def _judge(action: RemovalAction, view: HostView, left: int) -> TargetVerdict:
    try:
        found = mechanism_of(action.kind).inspect(view, replace(action.target, number=None))
    except NotCollectedError as e:
        return TargetVerdict(action, False, str(e), looked=False)
    except UnsafeError as e:
        return TargetVerdict(action, False, f"something else is there: {e}")
    if found.later:
        return TargetVerdict(action, False, found.later, looked=False)
    if found.stays:
        return TargetVerdict(action, bool(found.gone), found.gone or "it is not as a clean host has it")
    if action.target.line is not None:
        if found.copies > left:
            return TargetVerdict(action, False, f"{found.holder} holds it {found.copies} times" if found.copies > 1 else "it is there")
        if found.problems and found.states.get(action.target.ref) and not found.gone and not found.copies:
            return TargetVerdict(action, False, "; ".join(found.problems))
        return TargetVerdict(action, True, "gone; an equal one stays, as no action of the plan removed it" if found.copies else "gone")
    if any(state == {"pending": "yes"} for state in found.states.values()):
        return TargetVerdict(action, False, "it is there until the next start of Windows, which deletes it")
    there = [told(ref) for ref, state in found.states.items() if state is not None]
    return TargetVerdict(action, not there, f"{', '.join(there[:3])} is there" if there else "gone")


def verify_archive(plan: RemovalPlan, path: Path, archive: Path, key: Path) -> list[TargetVerdict]:
    """Check a fresh archive: what it does not hold is gone only where SCOUT looked.

    Complaint for an archive of another host, or an incomplete one: what it lacks may be what came back.
    """
    lines = {a.target.ref.name for a in plan.actions if a.target.line is not None}
    view = ArchiveView()
    coverage: ArchiveCoverage | None = None
    with ArchiveReader(archive, load_identities(key)) as reader:
        for member in reader:
            if member.kind == "collection":
                header = _json(member.stream.read(1 << 20))
                _same_host(plan, header, archive)
                coverage = ArchiveCoverage.of(header, {ref.name for a in plan.actions for ref in (a.target.ref, *a.expect)})
            elif member.kind == "files":
                wanted = member.source in lines and member.size <= TEXT_LIMIT
                content = member.stream.read(TEXT_LIMIT) if wanted else None
                view.add(member.source, {"type": "file", "size": member.size, **member.facts}, content)
            elif member.kind == "custody" and coverage is not None:
                for item in map(_json, io.BytesIO(member.stream.read(TEXT_LIMIT))):
                    if item.get("source"):
                        coverage.note(item)
                        view.note(item)
        if reader.state != "complete":
            do = "Collect again: scout collect"
            raise Complaint(f"{archive} is incomplete: {reader.reason}. What it does not hold proves nothing.", do)
    if coverage is None:
        raise Complaint(f"{archive} has no collection.json: it does not say of which host it is.", "Collect again: scout collect")
    return [_looked(verdict, view, coverage) for verdict in judge(plan, path, HostView(False, view, NoRegistry()))]


def _looked(verdict: TargetVerdict, view: ArchiveView, coverage: ArchiveCoverage) -> TargetVerdict:
    """Return the verdict, or one that is not known: nothing counts as gone where SCOUT did not look."""
    if not verdict.gone:
        return verdict
    action, told = verdict.action, verdict.reason
    for ref in dict.fromkeys((action.target.ref, *action.expect)):
        path = ref.name
        if doubt := view.doubts.get(path, ""):
            return replace(verdict, gone=False, looked=False, reason=f"{path}: {doubt}")
        if view.state(path) is None:
            look = coverage.look(path)
            where = "" if ref == action.target.ref else f"{path}: "
            if not look.done:
                return replace(verdict, gone=False, looked=False, reason=f"{where}{look.told}")
            told += f"; {where}{look.told}" if look.told else ""
    return replace(verdict, reason=told)


def _json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _same_host(plan: RemovalPlan, header: Mapping[str, Any], archive: Path) -> None:
    host = header.get("host") or {}
    name, machine = str(host.get("name", "")), str(host.get("machine_id", ""))
    prints = {hashlib.sha256((machine + end).encode()).hexdigest() for end in ("", "\n")} if machine else set()
    wanted = plan.host.get("machine_id_sha256", "")
    same = wanted in prints if wanted and machine else name.lower() == plan.host.get("name", "").lower()
    if not same:
        whose = escape(name) or "an unknown host"
        do = "Give a fresh archive of that host."
        raise Complaint(f"{archive} is of {whose}, the plan is for {escape(plan.host.get('name', '?'))}.", do)
