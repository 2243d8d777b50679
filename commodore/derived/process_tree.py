"""Process tree: every process in the evidence, with its ancestors. Processes with the same pid are told apart by time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.artefacts.live.live_processes import entity
from commodore.case.view import CaseView
from commodore.chosen import ANY, Chosen
from commodore.host import Host
from commodore.readers import starts
from commodore.readers.computers import Computers
from commodore.readers.instants import seconds
from commodore.sentence import sentence

_AUDITING, _SYSMON = "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Sysmon"
_STARTS = frozenset({(_AUDITING, "4688"), (_SYSMON, "1")})
_ENDS = frozenset({(_AUDITING, "4689"), (_SYSMON, "5")})
_OF_END = ("@timestamp", "process.end", "process.pid", "process.name", "process.entity_id", "winlog.computer_name")
_COPIED = (
    "process.name",
    "process.executable",
    "process.command_line",
    "process.start",
    "process.hash.sha256",
    "process.parent.pid",
    "process.parent.name",
    "process.parent.executable",
    "process.parent.command_line",
    "user.name",
    "user.id",
    "host.name",
    "winlog.computer_name",
    "escadre.process.deleted",
    "escadre.process.memfd",
)
_OF_EVENT = ("escadre.id", "event.code", "process.parent.entity_id", "winlog.provider_name")

ARTEFACT = Artefact(
    name="process_tree",
    title="Process tree",
    about="One record per process, joined from the live listing, Sysmon event 1 and Security event 4688: parent, chain of ancestors up to "
    "the oldest "
    "known one, number of children. A parent is the process that had the parent pid when the child started, never one that started later.",
    datasets=("live_processes", "evtx"),
    chosen={
        "evtx": Chosen(
            {"event.code": frozenset(code for _, code in _STARTS | _ENDS | starts.EVENTS)},
            reads=dict.fromkeys((*_OF_END, *_COPIED, *_OF_EVENT), ANY),
        )
    },
    fields=(
        "process.pid",
        "process.entity_id",
        "process.name",
        "process.executable",
        "process.command_line",
        "process.start",
        "process.end",
        "process.hash.sha256",
        "process.parent.pid",
        "process.parent.name",
        "process.parent.executable",
        "process.parent.command_line",
        "process.parent.entity_id",
        "process.parent.start",
        "user.name",
        "user.id",
        "winlog.computer_name",
        "escadre.process.ancestry",
        "escadre.process.ancestors",
        "escadre.process.children",
        "escadre.process.parent_unknown",
        "escadre.process.evidence",
        "escadre.process.deleted",
        "escadre.process.memfd",
        "escadre.records_used",
    ),
    times={
        "@timestamp": "process.start: when the process started",
        "process.start": "start of the process",
        "process.end": "end, where a log tells it",
        "process.parent.start": "start of the parent",
    },
    kind="state",
    category=("process",),
    type=("info",),
    action="process-ancestry-derived",
    attack=("T1059",),
    message="[{process.name!q}|A process] (pid {process.pid}) [was started by {escadre.process.ancestry}|has no known ancestor].",
    version=2,
    sources=(
        "scout.live.linux.processes; proc(5)",
        "Microsoft, 4688(S): A new process has been created; 4689(S): A process has exited; Sysmon documentation, events 1 and 5 "
        "(ProcessGuid)",
    ),
)

_CHAIN = sentence("[{process.name!q}|A process] (pid {process.pid}) ran in the chain {chain!q}.")
MOST = 200_000
"""processes in memory at once; the ledger counts those beyond"""
DEEPEST = 64
_SAME = 2.0
"""seconds within which two sources may differ about the start of one process"""


@dataclass(slots=True)
class _Process:
    """One process, as far as it is known."""

    computer: str
    pid: int
    began: float | None
    fields: dict[str, Any]
    entities: set[str] = field(default_factory=set)
    parent_entity: str = ""
    ended: float | None = None
    evidence: set[str] = field(default_factory=set)
    used: list[str] = field(default_factory=list)
    parent: _Process | None = None
    children: int = 0
    id: str = ""


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:
    """One record per process, in the order of computer, start and pid."""
    table = _Table()
    for dataset in ("live_processes", "evtx"):
        for record in view.records(dataset):
            if dataset == "live_processes" or _starts(record):
                table.add(record, dataset)
            elif _ends(record):
                table.note_end(record)
            elif starts.is_start(record):
                table.note_start(record)
    table.finish()
    if table.refused:
        yield Problem(f"more than {MOST:,} processes: the rest is not in the tree", lost=table.refused)
    yield from _records(table, host)


def _starts(record: dict[str, Any]) -> bool:
    return (record.get("winlog.provider_name"), record.get("event.code")) in _STARTS


def _ends(record: dict[str, Any]) -> bool:
    return (record.get("winlog.provider_name"), record.get("event.code")) in _ENDS


class _Table:
    """All processes, found by entity id, or by computer, pid and time."""

    def __init__(self) -> None:
        self.by_pid: dict[tuple[str, int], list[_Process]] = {}
        self.by_entity: dict[tuple[str, str], _Process] = {}
        self._computers = Computers()
        self._ends: list[dict[str, Any]] = []
        self._host_starts: dict[str, list[float]] = {}
        self.count = self.refused = 0

    def add(self, record: dict[str, Any], dataset: str) -> None:
        """Add a record of a process that started, or runs."""
        pid = record.get("process.pid")
        if not isinstance(pid, int):
            return
        computer, began = self._computer(record), seconds(record.get("process.start") or record.get("@timestamp"))
        own = record.get("process.entity_id", "")
        known = self.by_entity.get((computer, own)) if own else None
        process = known or self._same(computer, pid, began, record)
        if process is None:
            if self.count >= MOST:
                self.refused += 1
                return
            process = _Process(computer, pid, began, {})
            self.by_pid.setdefault((computer, pid), []).append(process)
            self.count += 1
        for name in _COPIED:
            if name in record:
                process.fields.setdefault(name, record[name])
        if stamp := record.get("@timestamp"):
            process.fields.setdefault("process.start", stamp)
        if own:
            process.entities.add(own)
            self.by_entity.setdefault((computer, own), process)
            process.id = process.id or own
        process.parent_entity = process.parent_entity or record.get("process.parent.entity_id", "")
        process.evidence.add(dataset)
        if len(process.used) < 100 and "escadre.id" in record:
            process.used.append(record["escadre.id"])

    def _computer(self, record: dict[str, Any]) -> str:
        """Return the computer of a record: event logs may have forwarded events, and pids and entity ids are per computer."""
        return self._computers.key(record.get("winlog.computer_name"))

    def note_end(self, record: dict[str, Any]) -> None:
        """Keep a record of a process that ended until all that started are known: logs come in the order of their names."""
        if len(self._ends) < MOST:
            self._ends.append({name: record[name] for name in _OF_END if name in record})

    def note_start(self, record: dict[str, Any]) -> None:
        """Add a start of the host: no process of the time before lives on."""
        moment = seconds(record.get("@timestamp"))
        if moment is not None:
            self._host_starts.setdefault(self._computer(record), []).append(moment)

    def finish(self) -> None:
        """Give each record of an end to its process. To be called once, when all records are there."""
        for moments in self._host_starts.values():
            moments.sort()
        timed = [(seconds(r.get("process.end") or r.get("@timestamp")), r) for r in self._ends]
        for moment, record in sorted(((m, r) for m, r in timed if m is not None), key=itemgetter(0)):
            self._end(moment, record)

    def _end(self, moment: float, record: dict[str, Any]) -> None:
        pid = record.get("process.pid")
        if not isinstance(pid, int):
            return
        name = str(record.get("process.name", ""))
        computer = self._computer(record)
        process = self.by_entity.get((computer, record.get("process.entity_id", ""))) or self.at(computer, pid, moment, name)
        if process is not None and process.ended is None:
            process.ended = moment
            process.fields["process.end"] = record.get("process.end") or record["@timestamp"]

    def _same(self, computer: str, pid: int, began: float | None, record: dict[str, Any]) -> _Process | None:
        """Return the process if another source has it already."""
        name = str(record.get("process.name", "")).lower()
        for other in self.by_pid.get((computer, pid), ()):
            close = began is not None and other.began is not None and abs(began - other.began) <= _SAME
            two_ids = bool(other.entities) and bool(record.get("process.entity_id"))
            if close and not two_ids and str(other.fields.get("process.name", "")).lower() == name:
                return other
        return None

    def at(self, computer: str, pid: int, moment: float | None, name: str = "") -> _Process | None:
        """Return the process that had the pid at a moment: the last one that had started, unless it had ended or has another name."""
        held = self.by_pid.get((computer, pid), ())
        if moment is None:
            return held[0] if len(held) == 1 and _may_be(held[0], name) else None
        fits = [p for p in held if p.began is None or p.began <= moment + 0.001]
        found = max(fits, key=lambda p: p.began if p.began is not None else float("-inf"), default=None)
        if found is None or not _may_be(found, name) or self._restarted(found, moment):
            return None
        return None if found.ended is not None and found.ended + _SAME < moment else found

    def _restarted(self, process: _Process, moment: float) -> bool:
        """Return whether the host started between the start of a process and a moment."""
        if process.began is None:
            return False
        marks = self._host_starts.get(process.computer, ())
        later = bisect_right(marks, process.began + starts.SLACK)
        return later < len(marks) and marks[later] <= moment


def _may_be(process: _Process, name: str) -> bool:
    """Return whether a process can be the one that another record calls by a name; true where one of them has none."""
    own = str(process.fields.get("process.name", ""))
    return not own or not name or own.lower() == name.lower()


def _records(table: _Table, host: Host) -> Iterator[Record]:
    everyone = sorted(
        (p for held in table.by_pid.values() for p in held),
        key=lambda p: (p.computer, p.began if p.began is not None else float("-inf"), p.pid, p.fields.get("process.name", "")),
    )
    for process in everyone:
        process.id = process.id or entity(f"{host.collection}\0{process.computer}", process.pid, process.fields.get("process.start"))
        process.parent = _parent(table, process)
        if process.parent is not None:
            process.parent.children += 1
    for process in everyone:
        yield Record(f"process {process.id}", _fields(process))


def _parent(table: _Table, process: _Process) -> _Process | None:
    """Return the parent by entity id where the source gives one, else by pid and time; never the process itself or a later one."""
    pid = process.fields.get("process.parent.pid")
    found = table.by_entity.get((process.computer, process.parent_entity)) if process.parent_entity else None
    if found is None and isinstance(pid, int):
        found = table.at(process.computer, pid, process.began, str(process.fields.get("process.parent.name", "")))
    if found is process or found is None:
        return None
    later = found.began is not None and process.began is not None and found.began > process.began + _SAME
    return None if later else found


def ancestors(process: _Process) -> list[_Process]:
    """Return the ancestors, nearest first. The list ends at a process that is in it already, and after DEEPEST."""
    chain: list[_Process] = []
    met = {id(process)}
    above = process.parent
    while above is not None and id(above) not in met and len(chain) < DEEPEST:
        met.add(id(above))
        chain.append(above)
        above = above.parent
    return chain


def _fields(process: _Process) -> dict[str, Any]:
    chain = ancestors(process)
    names = [str(p.fields.get("process.name", "?")) for p in chain]
    out: dict[str, Any] = dict(process.fields) | {"process.pid": process.pid, "process.entity_id": process.id}
    if process.parent is not None:
        out["process.parent.entity_id"] = process.parent.id
        for name in ("name", "executable", "command_line", "start"):
            if f"process.{name}" in process.parent.fields:
                out[f"process.parent.{name}"] = process.parent.fields[f"process.{name}"]
    elif process.parent_entity:
        out["process.parent.entity_id"] = process.parent_entity
    top = (chain[-1] if chain else process).fields
    told = top.get("process.parent.name")  # the oldest known process may know its parent's name, though no record tells of that one
    if isinstance(told, str) and told and len(chain) < DEEPEST and (not chain or chain[-1].parent is None):
        names.append(told)
    if process.parent is None and out.get("process.parent.pid"):
        out["escadre.process.parent_unknown"] = True
    own = str(out.get("process.name", "?"))
    out |= {
        "escadre.process.ancestry": names,
        "escadre.process.ancestors": [*(p.id for p in chain), *[""] * (len(names) - len(chain))],
        "escadre.process.children": process.children,
        "escadre.process.evidence": sorted(process.evidence),
    }
    out["message"] = _CHAIN(out | {"chain": " > ".join([*reversed(names), own])})
    if process.used:
        out["escadre.records_used"] = process.used
    if "process.start" in out:
        out["@timestamp"] = out["process.start"]
    return out
