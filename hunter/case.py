"""Read a case for HUNTER: findings that carry a target, the facts of their files, and the host of each collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from commodore.case import trust
from commodore.case.reader import CaseReader
from commodore.finding import SEVERITIES
from hunter.host.archived import ArchiveView
from hunter.host.state import readable
from hunter.host.view import HostView, NoRegistry
from scout.console import WRONG_USE, Complaint

_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")


@dataclass
class Collection:
    """One host of the case, as far as a plan needs it."""

    id: str
    host: str
    inferred: bool
    findings: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """native path → line of the list of members"""
    root_ino: str = ""
    machine_id_sha256: str = ""
    recipients: tuple[str, ...] = ()
    """who the collection's archive was made for; () for plain input"""
    receipt: str = ""
    """result of the archive's receipt (`commodore.case.trust`); '' for plain input"""

    @cached_property
    def view(self) -> HostView:
        """A host made of `facts`, as mechanisms read it."""
        made = ArchiveView()
        for path, facts in self.facts.items():
            if facts.get("verdict") not in ("missing", "vanished"):
                made.add(path, {**facts, "link": _path(str(facts.get("link") or ""))}, None)
        return HostView(False, made, NoRegistry())


def read(case: Path, severity: str, host: str | None = None) -> list[Collection]:
    """The collections that have findings of at least `severity` with a target. Complaint where this is no case."""
    reader = CaseReader(case)
    if severity not in SEVERITIES:
        raise Complaint(f"{severity} is no severity.", f"One of: {', '.join(SEVERITIES)}.", WRONG_USE)
    least = SEVERITIES.index(severity)
    entries = reader.collections()
    found: dict[str, Collection] = {}
    names = set()
    for row in reader.findings():
        finding: dict[str, Any] = dict(row)
        name, collection = str(finding.get("host.name", "")), str(finding.get("escadre.collection", ""))
        names.add(name)
        grade = finding.get("escadre.severity")
        if grade not in SEVERITIES or SEVERITIES.index(grade) < least or not isinstance(finding.get("target"), dict):
            continue
        if host is None or name.lower() == host.lower():
            finding["target"] = _native(finding["target"])
            found.setdefault(collection, _collection(collection, name, entries.get(collection, {}))).findings.append(finding)
    if host is not None and not found and host.lower() not in {n.lower() for n in names}:
        raise Complaint(f"The case has no findings on a host {host}.", f"It has: {', '.join(sorted(names)) or 'none at all'}.", WRONG_USE)
    _facts(reader, found)
    return [found[key] for key in sorted(found)]


def collection_of(case: Path, host: Mapping[str, str], path: str) -> Collection:
    """Return the collection of a plan's host with the facts of one more path, and of everything in unit folders. Complaint without one."""
    reader = CaseReader(case)
    entries, wanted = reader.collections(), host.get("collection", "")
    name = host.get("name", "").lower()
    keys = [wanted] if wanted in entries else [key for key, entry in entries.items() if str(entry.get("host", "")).lower() == name]
    if len(keys) != 1:
        names = ", ".join(sorted(readable(entry.get("host", "?")) for entry in entries.values())) or "none"
        do = "Give the case that the plan was made from."
        raise Complaint(f"The case has no single collection of {readable(host.get('name', '?'))} (hosts: {names}).", do, WRONG_USE)
    found = _collection(keys[0], str(entries[keys[0]].get("host", "")), entries[keys[0]])
    _facts(reader, {keys[0]: found}, path)
    return found


def _collection(key: str, name: str, entry: dict[str, Any]) -> Collection:
    given = entry.get("recipients")
    recipients = tuple(r for r in given if isinstance(r, str) and r.startswith(("age1", "ssh-"))) if isinstance(given, list) else ()
    return Collection(key, name, bool(entry.get("host_inferred")), recipients=recipients, receipt=trust.of(entry))


def _path(text: str) -> str:
    r"""A path as this system names it: a byte that is not UTF-8 is `\udcff` in a case and a lone surrogate in Python."""
    return _BYTE.sub(lambda m: chr(0xDC00 + int(m[1], 16)), text)


def _native(target: dict[str, Any]) -> dict[str, Any]:
    files = target.get("payload_files")
    made: dict[str, Any] = {"path": _path(str(target.get("path")))}
    if isinstance(payload := target.get("payload"), list):
        made["payload"] = [_path(one) if isinstance(one, str) else one for one in payload]
    return {**target, **made, **({"payload_files": {_path(p): f for p, f in files.items()}} if isinstance(files, dict) else {})}


def _facts(reader: CaseReader, collections: dict[str, Collection], *paths: str) -> None:
    """Read the facts of the targets, of everything in unit folders, and what identifies the host."""
    for key, collection in collections.items():
        wanted = {f["target"]["path"] for f in collection.findings} | {"/etc/machine-id", "/etc/shadow", *paths}
        for line in reader.members(key):
            native = _path(str(line.get("path")))
            if line.get("root_ino") is not None:
                collection.root_ino = str(line["root_ino"])
            if native == "/etc/machine-id" and line.get("sha256"):
                collection.machine_id_sha256 = str(line["sha256"])
            if native in wanted or "/systemd/" in native:
                known = collection.facts.get(native)
                if known is None or line.get("verdict") in ("taken", "link"):
                    collection.facts[native] = line


def plain(texts: Iterable[object]) -> list[str]:
    """Text that YAML can hold: lone surrogates as escapes."""
    return [readable(t) for t in texts]
