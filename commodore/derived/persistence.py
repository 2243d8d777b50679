"""The inventory of what starts by itself on a host: one record per entry, with the file that it starts, judged by the persistence table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.site import SiteKnowledge
from commodore.case.view import CaseView
from commodore.chosen import ANY, Chosen
from commodore.fence import fenced
from commodore.host import Host
from commodore.persistence.context import FACT_DATASETS, HostFacts, JudgingContext
from commodore.persistence.judge import GONE, JudgedEntry, PersistenceJudge
from commodore.persistence.judges import service_part
from commodore.persistence.logged import READ, LoggedObject, codes, logged, place, recovered, same
from commodore.persistence.members import Members, path_key
from commodore.persistence.overridden import overridden, without_commands
from commodore.persistence.sshd_order import SshdOrder, order_of
from commodore.persistence.started import DATASETS as FILE_DATASETS
from commodore.persistence.started import StartedFile, StartedFiles
from commodore.persistence.sudoers_includes import unread
from commodore.persistence.table import all_places
from commodore.sentence import sentence, short
from scout.formats.startup.includes import READER

COPY = "escadre.registry.copy"
PASSED_OVER = "escadre.startup.passed_over"
"""Field of why the program that reads a file leaves it alone"""
KNOWN, UNKNOWN = "escadre.persistence.known", "escadre.persistence.unknown"

ARTEFACT = Artefact(
    name="persistence",
    title="Persistence inventory",
    about="Everything that starts by itself, as far as the collection and its event logs show it: one record per place of the "
    "persistence table and entry, expected or not. It names the program, whether that file was collected, its hash, signer and package. "
    "`escadre.severity` is there only where the entry is not expected; each such record is a finding too. An entry without it was compared "
    "with its row and has no suspicious trait, which does not prove that it is harmless.",
    datasets=tuple(sorted({row.dataset for row in all_places()} | FACT_DATASETS | FILE_DATASETS | {"evtx", "registry"})),
    chosen={"evtx": Chosen({"event.code": codes()}, reads=dict.fromkeys(READ, ANY)), "registry": Chosen({"escadre.state": GONE})},
    fields=(
        "escadre.matched",
        "escadre.package.state",
        "escadre.persistence.file_verdict",
        KNOWN,
        UNKNOWN,
        "escadre.records_used",
        "escadre.scope",
        "escadre.severity",
        PASSED_OVER,
        "escadre.signature.verdict",
        "file.code_signature.subject_name",
        "file.hash.sha256",
        "file.mtime",
        "file.path",
        "file.size",
        "package.name",
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
    version=2,
    sources=("commodore/persistence/rows: each row names the sources of its place",),
)

GRAVE = frozenset({"high", "critical"})
_KNOWN = sentence("[Known of {path!q}: {known}[; not known: {unknown}]|Not known of {path!q}: {unknown}].")
_LOGGED = sentence("Only event logs show it ({count} {count:event|events}[, the last at {when}]).")
_COPIED = ("@timestamp", "escadre.scope", PASSED_OVER, "process.command_line", "registry.path", "service.name", "user.name")
"""Fields of the source record that the entry repeats."""


@cache
def _judge() -> PersistenceJudge:
    return PersistenceJudge()


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:
    """Yield the entries of all rows, by dataset and in the order of its records."""
    members, facts = Members(view.members()), HostFacts(view.records)
    wanted = frozenset(_started(view, host)) if host.os == "linux" else frozenset()
    first = JudgingContext(facts, StartedFiles(view, members, wanted))
    units, services = _guilty(view, host, first, "systemd_units"), _guilty(view, host, first, "services")
    context = replace(
        first,
        guilty_units=frozenset(str(record.get("service.name")) for record in units),
        guilty_services=frozenset(key for record in services for key in service_part.of_record(record)),
    )
    logs = _Logs(view, host)
    instead = without_commands(view.records("systemd_units")) | overridden(view.members()) if host.os == "linux" else {}
    taken_in = frozenset(str(line.get("path")) for line in view.members() if READER in (line.get("included_by") or ()))
    order = order_of(_of_language(view, "sshd"), _paths(view), taken_in) if host.os == "linux" else SshdOrder()
    for path in order.unread:
        yield Problem(f"sshd includes {short(path)}, whose settings were not judged", f"sshd {path}")
    for path in unread(_of_language(view, "sudoers"), _paths(view), taken_in) if host.os == "linux" else ():
        yield Problem(f"sudo includes {short(path)}, whose lines were not judged", f"sudoers {path}")
    for dataset in sorted({row.dataset for row in all_places()}):
        read = partial(_entries, dataset, host, members, context, view.site, logs)
        yield from fenced(map(partial(_noted, instead, order), view.records(dataset)), partial(_place, dataset), read)
    for one, record in logs.alone():
        read = partial(_entries, str(record["event.dataset"]), host, members, context, view.site, one)
        yield from fenced([record], partial(_place, "event"), read)


class _Logs:
    """What event logs and deleted values show, by the place of the object. What the collection itself shows too gets the events."""

    def __init__(self, view: CaseView, host: Host) -> None:
        self._host = host.name.lower().partition(".")[0]
        objects = logged(view.records("evtx"))
        objects += recovered(view.records("registry"))
        self._objects = [(one, record) for one in objects if (record := one.record()) is not None]
        self._places: dict[tuple[str, str], list[int]] = {}
        for number, (one, record) in enumerate(self._objects):
            if not one.recovered and one.computer.partition(".")[0] in ("", self._host):
                self._places.setdefault(place(record), []).append(number)
        self._shown: set[int] = set()

    def events(self, record: Mapping[str, Any]) -> list[str]:
        """Return the ids of the events that show the same as a record of the collection."""
        found: list[str] = []
        for number in self._places.get(place(record), ()) if self._places else ():
            one, shown = self._objects[number]
            if same(shown, record) and not one.gone:
                self._shown.add(number)
                found += one.events
        return found

    def alone(self) -> Iterator[tuple[LoggedObject, dict[str, Any]]]:
        """Yield the objects that only logs show, with their records."""
        yield from (pair for number, pair in enumerate(self._objects) if number not in self._shown)


def _started(view: CaseView, host: Host) -> Iterator[str]:
    """Yield the paths of the files that entries of a Linux host start, as a first look at them shows. Lists of all files start none."""
    for dataset in sorted({row.dataset for row in all_places() if row.os == "linux"} - FILE_DATASETS):
        for record in view.records(dataset):
            with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # `derive` reports it for this record
                for entry in _judge().entries(record, host):
                    yield from entry.judgement.target.get("payload") or ()


def _guilty(view: CaseView, host: Host, context: JudgingContext, dataset: str) -> Iterator[dict[str, Any]]:
    """Yield the records of units or services with a suspicious command; what starts one is suspicious too."""
    for record in view.records(dataset):
        with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # `derive` reports it for this record
            if any(entry.judgement.severity in GRAVE for entry in _judge().entries(record, host, context)):
                yield record


def _of_language(view: CaseView, language: str) -> Iterator[dict[str, Any]]:
    return (record for record in view.records("startup_files") if record.get("escadre.format") == language)


def _paths(view: CaseView) -> Iterator[str]:
    """Yield the paths of the files of a Linux host that settings may include."""
    for line in view.members():
        path = str(line.get("path") or "")
        if path.startswith("/") and line.get("verdict") in ("taken", "link") and line.get("type") != "pattern":
            yield path


def _noted(instead: Mapping[str, str], order: SshdOrder, record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a file or hive, with what is read in its place."""
    if copy := record.get(COPY):
        return record | {PASSED_OVER: f"it is in {copy}, which Windows does not read"}
    if record.get("escadre.format") == "sshd":
        place = (str(record.get("file.path")), record.get("escadre.line_number") or 0)
        if place in order.scopes:
            record = record | {"escadre.scope": order.scopes[place]}
        if place in order.instead and PASSED_OVER not in record:
            record = record | {PASSED_OVER: order.instead[place]}
        return record
    path = record.get("file.path") if instead else None
    clause = instead.get(path_key(path)) if isinstance(path, str) and path.startswith("/") else None
    return record | {PASSED_OVER: clause} if clause and PASSED_OVER not in record else record


def _entries(
    dataset: str,
    host: Host,
    members: Members,
    context: JudgingContext,
    site: SiteKnowledge | None,
    logs: _Logs | LoggedObject,
    record: dict[str, Any],
) -> Iterator[Record]:
    """Yield the entries of a record of the collection, or of an object that only logs show."""
    alone = isinstance(logs, LoggedObject)
    for entry in _judge().entries(record, host, context):
        events = logs.events if isinstance(logs, LoggedObject) else logs.events(record)
        made = _record("event" if alone else dataset, record, entry, members, context.files)
        if isinstance(logs, LoggedObject) and logs.recovered and not entry.judgement.severity:
            continue  # free space is full of old values
        made.fields["escadre.records_used"] = list(dict.fromkeys(made.fields["escadre.records_used"] + events))
        if isinstance(logs, LoggedObject) and not logs.recovered:
            made.fields["message"] += f" {_LOGGED({'count': len(events), 'when': logs.when or None})}"
        if site is not None and (reason := site.reason(made.fields)):
            made.fields["message"] = f"{made.fields['message']} {reason}"
            for name in ("escadre.severity", "escadre.matched", "threat.technique.id"):
                made.fields.pop(name, None)
        yield made


def _place(dataset: str, record: Mapping[str, Any]) -> str:
    if dataset == "event":
        return f"event {record['escadre.id']}"
    return f"{dataset} {record.get('escadre.member', 0)} {record.get('escadre.locator', '')}"


def _record(dataset: str, record: Mapping[str, Any], entry: JudgedEntry, members: Members, files: StartedFiles) -> Record:
    row, judgement = entry
    out: dict[str, Any] = {name: record[name] for name in _COPIED if record.get(name) is not None}
    out |= {"rule.id": row.id, "rule.name": row.name, "escadre.records_used": [record["escadre.id"]], "message": judgement.reason}
    if COPY not in record:  # nothing that HUNTER could change
        out["target"] = entry.target
    if judgement.severity:
        out |= {"escadre.severity": judgement.severity, "escadre.matched": judgement.matched, "threat.technique.id": list(row.attack)}
    if payload := judgement.target.get("payload"):
        started = files.of(payload[0])
        known, unknown = started.knowledge()
        out |= _file(started, members)
        out |= {name: words for name, words in ((KNOWN, known), (UNKNOWN, unknown)) if words}
        if judgement.severity:
            words = {"path": short(started.path), "known": known or None, "unknown": unknown or None}
            out["message"] = f"{judgement.reason} {_KNOWN(words)}"
    if COPY in record:
        out["message"] += f" {out[PASSED_OVER][0].upper()}{out[PASSED_OVER][1:]}."
    return Record(f"{row.key} {_place(dataset, record)}", out, state=record.get("escadre.state") or "live")


def _file(started: StartedFile, members: Members) -> dict[str, Any]:
    """Return what the collection knows of the first file that an entry starts."""
    facts = members.facts(started.path)
    known = {
        "file.path": started.path,
        "file.hash.sha256": facts.get("sha256"),
        "file.size": facts.get("size"),
        "file.mtime": facts.get("mtime"),
        "escadre.persistence.file_verdict": facts.get("verdict") or "not collected",
        "escadre.package.state": started.state,
        "escadre.signature.verdict": started.verdict,
        "file.code_signature.subject_name": started.signer,
        "package.name": started.package,
    }
    return {name: value for name, value in known.items() if value not in (None, "")}
