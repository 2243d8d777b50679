"""A case read as a whole, across its partitions: what COMMODORE's commands, the Eye and HUNTER use. Nothing here writes.

Everything is read one partition after the other, so memory does not grow with the number of hosts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import orjson

from commodore.case.jsonl import objects
from commodore.case.partition import RECORDS, Partition, partitions
from commodore.finding import Finding, finding_id
from scout.console import COULD_NOT, WRONG_USE, Complaint

SCHEMA = 2
"""version of the layout of a case directory"""
FINDING = "finding"
"""name of the findings among the datasets"""
_MAKE = "Make one with `commodore process INPUT -o CASE`."


class CaseReader:
    """A case directory. Raises Complaint where there is none, or where this user may not read it."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        try:
            self.about: dict[str, Any] = orjson.loads((self.root / "case.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            why = "is no case: it has no case.json" if self.root.exists() else "is not there"
            raise Complaint(f"{root} {why}.", _MAKE, WRONG_USE) from None
        except OSError as e:
            raise Complaint(f"{root} cannot be read: {e.strerror}.", "Read the case as the user who made it.", COULD_NOT) from None
        except ValueError as e:
            raise Complaint(f"{root}: case.json is damaged: {e}.", _MAKE, COULD_NOT) from None
        if not isinstance(self.about, dict):
            raise Complaint(f"{root}: case.json is damaged: it is no JSON object.", _MAKE, COULD_NOT)
        check_schema(self.root, self.about)
        self._manifests: dict[str, dict[str, Any]] | None = None

    def collections(self) -> dict[str, dict[str, Any]]:
        """Return the manifests by collection, sorted by host and collection. A collection that is still being processed has none."""
        if self._manifests is None:
            found = [about for one in partitions(self.root) if (about := one.about()) is not None]
            found.sort(key=lambda m: (str(m.get("host", "")), str(m["collection"])))
            self._manifests = {str(m["collection"]): m for m in found}
        return self._manifests

    def partition(self, collection: str) -> Partition:
        """Return the files of one collection."""
        return Partition(self.root, collection)

    def partitions(self, host: str | None = None) -> list[Partition]:
        """Return the complete partitions, sorted by host and collection; with `host`, only its own. Raises Complaint for an unknown one."""
        chosen = [k for k, about in self.collections().items() if host is None or str(about.get("host", "")).lower() == host.lower()]
        if host is not None and not chosen:
            known = ", ".join(sorted({str(about.get("host", "")) for about in self.collections().values()})) or "none"
            raise Complaint(f"{self.root} has no host {host}.", f"It has: {known}.", WRONG_USE)
        return [self.partition(key) for key in chosen]

    def members(self, collection: str) -> Iterator[dict[str, Any]]:
        """Yield the members of one collection."""
        yield from _there(self.partition(collection).members)

    def ledger(self, host: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the lines of the ledger."""
        for partition in self.partitions(host):
            yield from _there(partition.ledger)

    def findings(self, host: str | None = None) -> Iterator[Finding]:
        """Yield the findings, host by host; within a host the most severe first."""
        for partition in self.partitions(host):
            yield from self.findings_of(partition.collection)

    def findings_of(self, collection: str) -> Iterator[Finding]:
        """Yield the findings of one collection."""
        yield from cast("Iterable[Finding]", _there(self.partition(collection).findings))

    def matches(self, findings: Container[str]) -> Iterator[tuple[str, str]]:
        """Yield (record id, finding id) for each record that some findings rest on, also for those that a finding does not cite.

        A case whose `.work/` was deleted has none.
        """
        for partition in self.partitions():
            for dataset in partition.hit_datasets():
                for hit in objects(partition.hits(dataset)):
                    finding = finding_id(hit["collection"], hit["host"], hit["rule"], hit["group"])
                    if hit["record"] and finding in findings:
                        yield hit["record"], finding

    def records(self, dataset: str, host: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records of a dataset (`finding`: the findings), host by host."""
        for partition in self.partitions(host):
            yield from _there(partition.findings if dataset == FINDING else partition.records(dataset))

    def datasets(self) -> list[str]:
        """Return the datasets that are there, sorted, with `finding` where there are findings; also of unfinished collections."""
        found = {path.parent.name for path in _listed(self.root, f"records/*/*{RECORDS}")}
        return sorted(found | ({FINDING} if any(about.get("findings") for about in self.collections().values()) else set()))

    def files(self, dataset: str) -> list[Path]:
        """Return the files of a dataset (`finding`: the findings), sorted by collection."""
        place = Path("findings") if dataset == FINDING else Path("records", dataset)
        return _listed(self.root / place, f"*{RECORDS}")

    def versions(self) -> list[tuple[dict[str, Any], list[str]]]:
        """Return how the hosts were made: each set of versions, rules and options with the hosts made that way, the largest group first.

        One entry: all hosts are alike. `differences` says in words what sets them apart.
        """
        return grouped(self.collections().values())


def grouped(manifests: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], list[str]]]:
    """Return the groups of `CaseReader.versions` for these manifests."""
    groups: dict[bytes, tuple[dict[str, Any], list[str]]] = {}
    for about in manifests:
        made = about.get("made") or {}
        groups.setdefault(orjson.dumps(made, option=orjson.OPT_SORT_KEYS), (made, []))[1].append(str(about.get("host", "")))
    return sorted(groups.values(), key=lambda group: -len(group[1]))


def differences(groups: list[tuple[dict[str, Any], list[str]]]) -> list[tuple[list[str], list[str]]]:
    """Return for each group of `CaseReader.versions` its hosts, and in words what differs between the groups (`evtx 2`, `rules 1f3a…`)."""
    flat = [_flat(made) for made, _ in groups]
    keys = sorted({key for one in flat for key in one if len({other.get(key) for other in flat}) > 1})
    return [(hosts, [f"{key} {one.get(key, 'none')}" for key in keys]) for one, (_, hosts) in zip(flat, groups, strict=True)]


def _flat(made: dict[str, Any]) -> dict[str, str]:
    rules = made.get("rules", {})
    options = {f"--{name}": str(value) for name, value in made.get("options", {}).items()}
    named = {"escadre": str(made.get("tool", "")), "rules": str(rules.get("digest", ""))[:12]}
    versions = {**made.get("libraries", {}), **made.get("parsers", {})}
    return {**named, **options, **{name: str(version) for name, version in versions.items()}}


def check_schema(root: Path, about: dict[str, Any]) -> None:
    """Raise Complaint where a case has another layout than this version reads and writes."""
    if about.get("schema", SCHEMA) != SCHEMA:
        raise Complaint(
            f"{root} has layout {about['schema']}; this version reads layout {SCHEMA}.",
            "Process its inputs into a new case, or use the version of Escadre that made it.",
            WRONG_USE,
        )


def _listed(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _there(path: Path) -> Iterable[dict[str, Any]]:
    return objects(path) if path.exists() else ()
