"""The inventory of what starts by itself on a host: one record per entry, with the file that it starts, judged by the persistence table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.view import CaseView
from commodore.fence import fenced
from commodore.host import Host
from commodore.persistence.context import FACT_DATASETS, HostFacts, JudgingContext
from commodore.persistence.judge import JudgedEntry, PersistenceJudge
from commodore.persistence.site import SiteKnowledge
from commodore.persistence.table import rows
from commodore.persistence.targets import Members

ARTEFACT = Artefact(
    name="persistence",
    title="Persistence inventory",
    about="Everything that starts by itself, as far as the collection shows it: one record per place of the persistence table and entry, "
    "expected or not. It names the program, whether that file was collected, and its hash. `escadre.severity` is there only where the "
    "entry is not expected; each such record is a finding too. An entry without it was compared with its row and has no suspicious trait, "
    "which does not prove that it is harmless.",
    datasets=tuple(sorted({row.dataset for row in rows()} | FACT_DATASETS)),
    fields=(
        "escadre.matched",
        "escadre.persistence.file_verdict",
        "escadre.records_used",
        "escadre.scope",
        "escadre.severity",
        "file.hash.sha256",
        "file.mtime",
        "file.path",
        "file.size",
        "process.command_line",
        "registry.path",
        "rule.id",
        "rule.name",
        "service.name",
        "target",
        "threat.technique.id",
        "user.name",
    ),
    times={"@timestamp": "the time of the record that the entry was read from", "file.mtime": "last change of the content of the file"},
    kind="state",
    category=("configuration",),
    type=("info",),
    action="autostart-observed",
    message="{rule.name} ({rule.id}).",
    sources=("commodore/persistence/rows: each row names the sources of its place",),
)

GRAVE = frozenset({"high", "critical"})
_COPIED = ("@timestamp", "escadre.scope", "process.command_line", "registry.path", "service.name", "user.name")
"""Fields of the source record that the entry repeats."""


@cache
def _judge() -> PersistenceJudge:
    return PersistenceJudge()


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:
    """Yield the entries of all rows, by dataset and in the order of its records."""
    members, facts = Members(view.members()), HostFacts(view.records)
    context = JudgingContext(facts, _guilty(view, host, "systemd_units"), _guilty(view, host, "services"))
    for dataset in sorted({row.dataset for row in rows()}):
        read = partial(_entries, dataset, host, members, context, view.site)
        yield from fenced(view.records(dataset), partial(_place, dataset), read)


def _guilty(view: CaseView, host: Host, dataset: str) -> frozenset[str]:
    """Return the names of units or services with a suspicious command; what starts one is suspicious too. Services are in lower case."""
    names: set[str] = set()
    for record in view.records(dataset):
        with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # `derive` reports it for this record
            if any(entry.judgement.severity in GRAVE for entry in _judge().entries(record, host)):
                names.add(str(record.get("service.name")))
    return frozenset(name.lower() for name in names) if dataset == "services" else frozenset(names)


def _entries(
    dataset: str, host: Host, members: Members, context: JudgingContext, site: SiteKnowledge | None, record: dict[str, Any]
) -> Iterator[Record]:
    for entry in _judge().entries(record, host, context):
        made = _record(dataset, record, entry, members)
        if site is not None and (reason := site.reason(made.fields)):
            made.fields["message"] = f"{made.fields['message']} {reason}"
            for name in ("escadre.severity", "escadre.matched", "threat.technique.id"):
                made.fields.pop(name, None)
        yield made


def _place(dataset: str, record: Mapping[str, Any]) -> str:
    return f"{dataset} {record.get('escadre.member', 0)} {record.get('escadre.locator', '')}"


def _record(dataset: str, record: Mapping[str, Any], entry: JudgedEntry, members: Members) -> Record:
    row, judgement = entry
    out: dict[str, Any] = {name: record[name] for name in _COPIED if record.get(name) is not None}
    out |= {
        "rule.id": row.id,
        "rule.name": row.name,
        "escadre.records_used": [record["escadre.id"]],
        "message": judgement.reason,
        "target": entry.target,
    }
    if judgement.severity:
        out |= {"escadre.severity": judgement.severity, "escadre.matched": judgement.matched, "threat.technique.id": list(row.attack)}
    if payload := judgement.target.get("payload"):
        out |= _file(payload[0], members)
    return Record(f"{row.id} {_place(dataset, record)}", out, state=record.get("escadre.state") or "live")


def _file(path: str, members: Members) -> dict[str, Any]:
    """Return what the collection knows of the first file that an entry starts."""
    facts = members.facts(path)
    known = {
        "file.path": path,
        "file.hash.sha256": facts.get("sha256"),
        "file.size": facts.get("size"),
        "file.mtime": facts.get("mtime"),
        "escadre.persistence.file_verdict": facts.get("verdict") or "not collected",
    }
    return {name: value for name, value in known.items() if value is not None}
