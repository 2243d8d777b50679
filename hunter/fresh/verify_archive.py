"""Check that every target of a plan is gone in a fresh archive of its host, and what else is found there."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hunter.fresh.findings import FreshFindings
from hunter.host.archived import ArchiveView
from hunter.host.archived_windows import ArchivedHives, path_of
from hunter.host.tree import TEXT_LIMIT
from hunter.host.view import HostView
from hunter.mechanisms import mechanism_of
from hunter.plan.model import RemovalAction, RemovalPlan
from hunter.run.looked import ArchiveCoverage
from hunter.run.verify import TargetVerdict, judge
from scout.archive.reader import ArchiveReader
from scout.console import Complaint, escape
from scout.keys import load_identities

_DISABLED = ("account", "windows-service-disable")
"""operations after which the object is there, and says that it is disabled"""


@dataclass(slots=True)
class ArchiveVerdicts:
    """Whether each target is gone; `beyond`: what is found in the archive and no action of the plan removes, with its sentence.

    started   when the collection began (RFC 3339, UTC), by the clock of the host
    """

    targets: list[TargetVerdict]
    started: str
    beyond: list[tuple[RemovalAction, str]] = field(default_factory=list)


def verify_archive(plan: RemovalPlan, path: Path, archive: Path, key: Path, *, detect: bool = True) -> ArchiveVerdicts:
    """Check a fresh archive: what it does not hold is gone only where SCOUT looked. `detect`: COMMODORE searches it as well.

    Complaint for an archive of another host, or an incomplete one: what it lacks may be what came back.
    """
    identities = load_identities(key)
    with tempfile.TemporaryDirectory(prefix="escadre-verify-") as made, ArchivedHives(Path(made) / "hives") as hives:
        view = ArchiveView()
        coverage, started = _read(plan, archive, identities, view, hives)
        found = [_looked(verdict, view, coverage) for verdict in judge(plan, path, HostView(False, view, hives))]
        if not detect:
            return ArchiveVerdicts(found, started)
        fresh = FreshFindings.of(archive, Path(made) / "case", identities)
    return ArchiveVerdicts([_with_findings(verdict, fresh) for verdict in found], started, fresh.beyond(plan))


def _with_findings(verdict: TargetVerdict, fresh: FreshFindings) -> TargetVerdict:
    """Return the verdict with what COMMODORE says: it finds the target again, or saw what a mechanism cannot look at in an archive.

    An object that stays, with other content, may well be found: there the mechanism decides, which looked at it. What is only disabled
    (an account) is always found.
    """
    operation = mechanism_of(verdict.action.kind)
    stays = operation.stays and (verdict.gone or operation.operation in _DISABLED)
    if fresh.finds(verdict.action) and not stays:
        why = verdict.reason if verdict.looked and not verdict.gone else "COMMODORE finds it again"
        return replace(verdict, gone=False, looked=True, reason=why)
    if verdict.later and fresh.saw(verdict.action):
        return replace(verdict, gone=True, looked=True, reason="gone: COMMODORE looked and does not find it any more")
    return verdict


def _read(plan: RemovalPlan, archive: Path, identities: list[Any], view: ArchiveView, hives: ArchivedHives) -> tuple[ArchiveCoverage, str]:
    """Fill the view and the hives with what the archive has; return what SCOUT looked at, and when it began."""
    started = ""
    lines = {a.target.ref.name for a in plan.actions if a.target.line is not None and a.target.ref.object == "file"}
    paths = {ref.name for a in plan.actions for ref in (a.target.ref, *a.expect) if ref.object == "file"}
    coverage: ArchiveCoverage | None = None
    with ArchiveReader(archive, identities) as reader:
        for member in reader:
            if member.kind == "collection":
                header = _json(member.stream.read(1 << 20))
                _same_host(plan, header, archive)
                coverage, started = ArchiveCoverage.of(header, paths), str(header.get("started") or "")
            elif member.kind == "files":
                source = path_of(member.source)
                if hives.add(source, member.stream):
                    continue
                wanted = source in lines and member.size <= TEXT_LIMIT
                content = member.stream.read(TEXT_LIMIT) if wanted else None
                view.add(source, {"type": "file", "size": member.size, **member.facts}, content)
            elif member.kind == "custody" and coverage is not None:
                for item in map(_json, io.BytesIO(member.stream.read(TEXT_LIMIT))):
                    if item.get("source"):
                        item["source"] = path_of(str(item["source"]))
                        coverage.note(item)
                        view.note(item)
        if reader.state != "complete":
            do = "Collect again: scout collect"
            raise Complaint(f"{archive} is incomplete: {reader.reason}. What it does not hold proves nothing.", do)
    if coverage is None:
        raise Complaint(f"{archive} has no collection.json: it does not say of which host it is.", "Collect again: scout collect")
    return coverage, started


def _looked(verdict: TargetVerdict, view: ArchiveView, coverage: ArchiveCoverage) -> TargetVerdict:
    """Return the verdict, or one that is not known: nothing counts as gone where SCOUT did not look."""
    if not verdict.gone:
        return verdict
    action, told = verdict.action, verdict.reason
    for ref in (ref for ref in dict.fromkeys((action.target.ref, *action.expect)) if ref.object == "file"):
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
