"""The suspicious files of all hosts of a case: on how many hosts each is, what hash lists say of it, and its score with both.

The records of a host are not changed: what depends on other hosts and on lists is joined when it is read. Both come from the entities that
`commodore enrich` wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commodore.case.jsonl import matching, objects
from commodore.case.reader import CaseReader
from commodore.enrichment import entities
from commodore.suspicion.reasons import scored
from scout.console import WRONG_USE, Complaint

FEWEST = 5
"""hosts of a case from which the number of hosts with a file says something"""
HOSTS = 100
"""hosts that are named of one file"""
_OF_HASHES = re.compile(rb'"kind":"(?:sha256|sha1|md5)"')
_VERDICTS = {"known-good": "listed_good", "known-bad": "listed_bad", "known": "published"}


@dataclass(slots=True)
class CaseFile:
    """One content over all hosts. `score`: with the reasons of the case; `severity`: '' where these speak for it."""

    sha256: str
    path: str
    score: int = 0
    severity: str = ""
    reasons: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    """hosts on which it is suspicious, or where it is only listed, that have it"""
    host_count: int = 0
    """hosts that have it"""

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of fields."""
        return {
            "file.hash.sha256": self.sha256,
            "file.path": self.path,
            "escadre.suspicion.score": self.score,
            "escadre.severity": self.severity,
            "escadre.suspicion.reasons": self.reasons,
            "host.name": self.hosts,
            "host_count": self.host_count,
        }


def files(case: Path) -> list[CaseFile]:
    """Return the suspicious files of a case and those in lists of hostile files, the worst first. Raises Complaint."""
    reader = CaseReader(case)
    found: dict[str, CaseFile] = {}
    sums: dict[str, str] = {}
    hosts = len({about.get("host") for about in reader.collections().values()})
    for partition in reader.partitions():
        for record in objects(partition.records("suspicious_files")) if "suspicious_files" in partition.datasets() else ():
            _add(found, sums, record)
    place = entities.place(case)
    if not place.exists():
        raise Complaint(f"{case} has no entities yet.", f"Run `commodore enrich {case}` once; it may be given lists of hashes.", WRONG_USE)
    facts: dict[str, dict[str, Any]] = {}
    for entity in objects(place, matching(_OF_HASHES)):
        _join(entity, hosts, found, sums, facts)
    for identity, one in found.items():
        _judge(one, facts.get(identity, {}))
    return sorted((one for one in found.values() if one.severity), key=lambda one: (-one.score, one.path, one.sha256))


def _add(found: dict[str, CaseFile], sums: dict[str, str], record: Mapping[str, Any]) -> None:
    sha256, path = str(record.get("file.hash.sha256") or ""), str(record["file.path"])
    identity = sha256 or path
    one = found.setdefault(identity, CaseFile(sha256, path, host_count=0 if sha256 else 1))
    if md5 := record.get("file.hash.md5"):
        sums[str(md5)] = identity
    host = str(record["host.name"])
    if host not in one.hosts and len(one.hosts) < HOSTS:
        one.hosts.append(host)
    if record["escadre.suspicion.score"] > one.score:
        one.score, one.path = record["escadre.suspicion.score"], path
        one.reasons = list(record["escadre.suspicion.reasons"])


def _join(
    entity: Mapping[str, Any], hosts: int, found: dict[str, CaseFile], sums: Mapping[str, str], facts: dict[str, dict[str, Any]]
) -> None:
    """Add what the entity of a hash says to the facts of its file."""
    value = str(entity["value"])
    identity = sums.get(value, value)
    listed = dict(_listed(entity.get("facts") or ()))
    if identity not in found:
        if "listed_bad" not in listed:
            return
        found[identity] = CaseFile(value if entity["kind"] == "sha256" else "", value, hosts=list(entity["hosts"]))
    one = found[identity]
    one.host_count = max(one.host_count, int(entity["host_count"]))
    facts.setdefault(identity, {}).update(listed)
    if entity["kind"] == "sha256" and hosts >= FEWEST:
        facts[identity] |= {"hosts": one.host_count, "all_hosts": hosts, "share": 100 * one.host_count // hosts}


def _listed(facts: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    return ((_VERDICTS[one["verdict"]], str(one["source"])) for one in facts if one.get("verdict") in _VERDICTS)


def _judge(one: CaseFile, facts: Mapping[str, Any]) -> None:
    """Add the reasons of the case to those of the host."""
    result = scored(facts, before=one.score)
    one.score, one.severity = result.score, result.severity
    one.reasons += [f"{reason.words(facts)} ({reason.weight:+d})" for reason in result.reasons]
