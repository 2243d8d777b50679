"""Is every target gone? On the host or a mounted root, or in a fresh archive of it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hunter.applying import journal_of, vault_of
from hunter.identity import require
from hunter.journal import Journal
from hunter.mechanisms import mechanisms
from hunter.plan import Action, Plan
from hunter.run import Run
from hunter.state import State, UnsafeError
from hunter.tree import TEXT_LIMIT, Tree, View
from scout.archive.facts import nanoseconds
from scout.archive.reader import ArchiveReader
from scout.console import Complaint, escape
from scout.keys import load_identities


@dataclass(frozen=True, slots=True)
class Verdict:
    """One action: is its target gone?"""

    action: Action
    gone: bool
    reason: str


def verify(plan: Plan, path: Path, tree: Tree) -> list[Verdict]:
    """Against a live or mounted root. Complaint (code 3) for another host."""
    require(plan.host, tree)
    return judge(plan, path, tree)


def judge(plan: Plan, path: Path, view: View) -> list[Verdict]:
    """Against any view. Equal lines that the journal says were left on purpose are not counted."""
    opened = Run(Journal(journal_of(path)), vault_of(path)).opened or {}
    left = {(e["action"], e["name"]): int(e["left"]) for e in opened.get("edits", ())}
    return [_judge(a, view, left.get((a.id, a.target.path), 0)) for a in plan.actions]


def _judge(action: Action, view: View, left: int) -> Verdict:
    try:
        found = mechanisms()[action.kind].inspect(view, replace(action.target, number=None))
    except UnsafeError as e:
        return Verdict(action, False, f"something else is there: {e}")
    if action.target.line is not None:
        if found.copies > left:
            return Verdict(action, False, f"it stands there {found.copies} times" if found.copies > 1 else "it is there")
        if found.problems and found.states.get(action.target.path) and not found.gone and not found.copies:
            return Verdict(action, False, "; ".join(found.problems))
        return Verdict(action, True, "gone; an equal one stays, as no action of the plan took it out" if found.copies else "gone")
    there = [p for p, s in found.states.items() if s is not None]
    return Verdict(action, not there, f"{', '.join(there[:3])} is there" if there else "gone")


@dataclass(slots=True)
class ArchiveView:
    """What a fresh archive holds of the paths that a plan is about."""

    live: bool = False
    states: dict[str, State] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    listing: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def state(self, path: str) -> State | None:
        return self.states.get(path)

    def read(self, path: str) -> bytes:
        if path not in self.contents:
            raise UnsafeError("the archive lists it without its content")
        return self.contents[path]

    def names(self, directory: str) -> list[tuple[str, str]]:
        return sorted(self.listing.get(directory, ()))

    def add(self, source: str, facts: Mapping[str, Any], content: bytes | None) -> None:
        """One item of the archive; its folders exist with it."""
        kind = str(facts.get("type") or ("link" if facts.get("link") else "file"))
        self.states[source] = State(
            kind, str(facts.get("mode", "0000")), int(facts.get("uid") or 0), int(facts.get("gid") or 0), 1,
            nanoseconds(facts.get("mtime")) or 0, sha256=str(facts.get("sha256", "")), size=int(facts.get("size") or 0),
            link=str(facts.get("link", "")),
        )
        if content is not None:
            self.contents[source] = content
        folder, _, name = source.rpartition("/")
        while name:
            known = self.listing.setdefault(folder or "/", set())
            if (name, kind) in known:
                return
            known.add((name, kind))
            kind = "directory"
            folder, _, name = folder.rpartition("/")


def verify_archive(plan: Plan, path: Path, archive: Path, key: Path) -> list[Verdict]:
    """Against a fresh archive. Complaint for an archive of another host, or one that is not whole: what it lacks may be what came back."""
    lines = {a.target.path for a in plan.actions if a.target.line is not None}
    view = ArchiveView()
    items: list[dict[str, Any]] = []
    with ArchiveReader(archive, load_identities(key)) as reader:
        for member in reader:
            if member.kind == "collection":
                _same_host(plan, _json(member.stream.read(1 << 20)), archive)
            elif member.kind == "files":
                wanted = member.source in lines and member.size <= TEXT_LIMIT
                content = member.stream.read(TEXT_LIMIT) if wanted else None
                view.add(member.source, {"type": "file", "size": member.size, **member.facts}, content)
            elif member.kind == "custody":
                items += [v for v in map(_json, io.BytesIO(member.stream.read(TEXT_LIMIT))) if v.get("source")]
        if reader.state != "complete":
            do = "Collect again: scout collect"
            raise Complaint(f"{archive} is not whole: {reader.reason}. What it does not hold proves nothing.", do)
    for item in items:
        if item.get("verdict") not in ("missing", "vanished") and str(item["source"]) not in view.states:
            view.add(str(item["source"]), item, None)
    return judge(plan, path, view)


def _json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _same_host(plan: Plan, header: Mapping[str, Any], archive: Path) -> None:
    host = header.get("host") or {}
    name, machine = str(host.get("name", "")), str(host.get("machine_id", ""))
    prints = {hashlib.sha256((machine + end).encode()).hexdigest() for end in ("", "\n")} if machine else set()
    wanted = plan.host.get("machine_id_sha256", "")
    same = wanted in prints if wanted and machine else name.lower() == plan.host.get("name", "").lower()
    if not same:
        whose = escape(name) or "an unknown host"
        do = "Give a fresh archive of that host."
        raise Complaint(f"{archive} is of {whose}, the plan is for {escape(plan.host.get('name', '?'))}.", do)
