"""The facts pass over one collection. It reads members until it has all files that give facts, or reaches a bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commodore import catalogue, facts
from commodore.engine import scratch
from commodore.engine.inputs import EvidenceCollection, Member, below_root
from commodore.evidence import Evidence
from commodore.host import Host

PASSED_MEMBERS, PASSED_BYTES = 2000, 256 << 20
"""members and bytes without facts after which the search ends; SCOUT writes files with facts first"""
LARGE = 32 << 20


def host(collection: EvidenceCollection, folder: Path) -> Host:
    """Return the frozen facts of a collection's host. Large files are kept encrypted in `folder` meanwhile."""
    system = collection.system()
    patterns = facts.wanted(system)
    found = _Found(collection, folder, patterns, system) if patterns else None
    made = facts.gather(system, collection.id, collection.header(), found.fetch if found else (lambda _: None), collection.label)
    if found:
        found.close()
    return made


class _Found:
    """The files that give facts, by path below the root (in lower case, but on Linux), with their companions."""

    def __init__(self, collection: EvidenceCollection, folder: Path, patterns: tuple[str, ...], system: str) -> None:
        self._collection, self._folder = collection, folder
        self._evidence: dict[str, Evidence] = {}
        self._sealed: list[Path] = []
        self._exact = system == "linux"  # /etc/PASSWD is another file than /etc/passwd
        plain = {self._key(p) for p in patterns if not any(c in p for c in "*?[")}
        wanted = catalogue.patterns(*patterns)
        groups: dict[str, dict[str, Evidence]] = {}
        passed = size = 0
        for member in collection.members():
            below = self._key(member.below)
            if member.verdict == "link" and wanted.fits(below.lower()):
                self._link(below, member.source, member.facts)
                continue
            ours = member.kind != "refused" and (wanted.fits(below.lower()) or (member.group is not None and member.group.id in groups))
            if not ours:
                passed, size = passed + 1, size + member.size
                if passed > PASSED_MEMBERS or size > PASSED_BYTES or (plain <= self._evidence.keys() and len(plain) == len(patterns)):
                    break
                continue
            evidence = self._keep(member)
            if member.group is not None:
                group = groups.setdefault(member.group.id, {})
                evidence.companions = group
                if member.group.role != "main":
                    group[member.group.role] = evidence
                    continue
            self._evidence[below] = evidence
        for said in collection.custody():
            below = self._key(below_root(str(said.get("source") or "")))
            if said.get("verdict") == "link" and below not in self._evidence and wanted.fits(below.lower()):
                self._link(below, said["source"], said)

    def _key(self, path: str) -> str:
        return path if self._exact else path.lower()

    def _link(self, below: str, source: str, facts: dict[str, Any]) -> None:
        """Add a link, which has no content. Its text, among the facts, may give a fact (`/etc/localtime`)."""
        self._evidence[below] = Evidence(source, b"", collection=self._collection.id, member=-1, facts=facts)

    def _keep(self, member: Member) -> Evidence:
        content: Any
        if member.size > LARGE:
            path = self._folder / f"facts-{len(self._sealed)}"
            content = scratch.seal(path, member.read).open
            self._sealed.append(path)
        else:
            content = b"".join(iter(lambda: member.read(1 << 20), b""))
        return Evidence(member.source, content, size=member.size, collection=self._collection.id, member=member.ordinal, facts=member.facts)

    def fetch(self, path: str) -> Evidence | None:
        """Return a wanted member by its path below the root, or by a pattern (the one nearest to the root); None if there is none."""
        low = self._key(path.replace("\\", "/").lstrip("/"))
        if low in self._evidence:
            return self._evidence[low]
        pattern = catalogue.patterns(low)
        fitting = sorted((p for p in self._evidence if pattern.fits(p)), key=lambda p: (p.count("/"), p))
        return self._evidence[fitting[0]] if fitting else None

    def close(self) -> None:
        """Remove the encrypted files."""
        for path in self._sealed:
            path.unlink(missing_ok=True)
