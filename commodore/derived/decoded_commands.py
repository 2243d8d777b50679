"""Command lines and script blocks in the records, decoded: what stands behind `-enc`, base64 and tricks with quotes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.view import CaseView
from commodore.chosen import ANY, Chosen
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.layers.analysis import FIELDS, analysed

_OF_LINES = (
    "auth_log",
    "autostart_values",
    "cron",
    "ifeo",
    "live_processes",
    "run_keys",
    "run_mru",
    "scheduled_tasks",
    "services",
    "startup_files",
    "systemd_units",
    "task_cache",
    "winlogon",
)
"""datasets whose records have a command line"""
_SCRIPT_BLOCK = "4104"

ARTEFACT = Artefact(
    name="decoded_commands",
    title="Decoded commands",
    about="One record per different command line or script block that has encoded layers or several suspicious traits, wherever the host "
    "has it: processes, tasks, services, run keys, cron, script blocks of PowerShell (event 4104, whose parts are joined). It cites the "
    "records.",
    proves_not="That a command ran: a task or run key only holds it.",
    datasets=("evtx", *_OF_LINES),
    chosen={
        "evtx": Chosen(
            {"process.command_line": ANY, "event.code": (_SCRIPT_BLOCK,)},
            reads=dict.fromkeys(("@timestamp", "escadre.id", "event.code", "file.path", "process.command_line", "user.name"), ANY)
            | {"winlog.computer_name": ANY, "winlog.event_data": ("MessageNumber", "MessageTotal", "ScriptBlockId", "ScriptBlockText")},
        ),
        "auth_log": Chosen({"process.command_line": ANY}),
    },
    fields=(*FIELDS, "escadre.decoded.dataset", "escadre.records_used", "file.path", "process.command_line", "user.name", "count"),
    times={"@timestamp": "earliest time of the records that have the command"},
    decodes=True,
    kind="state",
    category=("process",),
    type=("info",),
    action="command-decoded",
    attack=("T1027", "T1059", "T1140"),
    message="[The command {process.command_line!q}|A script block][ was encoded ({escadre.layers.how})][ and {escadre.traits.words}].",
    sources=(
        "commodore/readers/layers: each decoder names the source of its format",
        "about_Logging_Windows, Microsoft Learn: script block logging, event 4104",
    ),
)

MOST = 100_000
"""different commands that are kept in memory; the ledger counts those beyond"""
BLOCK_PARTS, BLOCK_LONGEST = 2_000, 8 << 20
"""parts of one script block, and characters of all script blocks that wait for further parts at once"""
_CITED = 100
_SHORTEST = 12


@dataclass(slots=True)
class _Command:
    """A different text and the records that have it."""

    text: str
    language: str
    dataset: str
    fields: dict[str, Any]
    used: list[str] = field(default_factory=list)
    count: int = 0


class _Found:
    """All different commands of one host, in the order in which they were read."""

    def __init__(self) -> None:
        self.commands: dict[bytes, _Command] = {}
        self.refused = 0
        self._plain: set[bytes] = set()

    def add(self, text: str, language: str, dataset: str, record: dict[str, Any], used: list[str]) -> None:
        """Add a text of a record. Texts without layers and traits cost their hash only."""
        mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if mark in self._plain or len(text) < _SHORTEST:
            return
        known = self.commands.get(mark)
        if known is None:
            if len(self.commands) + len(self._plain) >= MOST:
                self.refused += 1
                return
            result = analysed(text, language)
            if not result.layers and not result.severity:
                self._plain.add(mark)
                return
            known = self.commands[mark] = _Command(text, language, dataset, result.fields)
        known.count += 1
        known.used += used[: _CITED - len(known.used)]
        for name in ("user.name", "file.path"):
            if name == "user.name" or language == "powershell":
                known.fields.setdefault(name, record[name]) if record.get(name) else None
        if when := record.get("@timestamp"):
            known.fields["@timestamp"] = min(when, known.fields.get("@timestamp", when))


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield a record per command that has layers or traits, in the order of datasets and records."""
    found, blocks = _Found(), _Blocks()
    for dataset in ARTEFACT.datasets:
        for record in view.records(dataset):
            if line := record.get("process.command_line"):
                found.add(str(line), "command", dataset, record, [record["escadre.id"]])
            for text, used, first in blocks.add(record):
                found.add(text, "powershell", dataset, first, used)
        for text, used, first in blocks.rest():
            found.add(text, "powershell", dataset, first, used)
    yield from fenced(found.commands.items(), lambda item: item[0].hex(), _record)
    if found.refused:
        yield Problem(f"more than {MOST:,} different commands: the rest was not decoded", lost=found.refused)
    if blocks.cut:
        yield Problem(f"{blocks.cut:,} script blocks were decoded without some of their parts")


def _record(item: tuple[bytes, _Command]) -> Iterator[Record]:
    mark, command = item
    out = command.fields | {"escadre.decoded.dataset": command.dataset, "escadre.records_used": command.used, "count": command.count}
    if command.language == "command":
        out["process.command_line"] = command.text
    yield Record(mark.hex(), out, state="live" if command.dataset == "live_processes" else "allocated")


_Block = tuple[str, list[str], dict[str, Any]]


class _Blocks:
    """Script blocks whose text is in several events."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[int, tuple[str, dict[str, Any]]]] = {}
        self._waiting = 0
        self.cut = 0

    def add(self, record: dict[str, Any]) -> Iterator[_Block]:
        """Yield the script block that a record completes."""
        data = record.get("winlog.event_data")
        if not isinstance(data, dict) or record.get("event.code") != _SCRIPT_BLOCK:
            return
        text = data.get("ScriptBlockText")
        if not isinstance(text, str):
            return
        number, total = _number(data, "MessageNumber"), _number(data, "MessageTotal")
        if total <= 1:
            yield text, [record["escadre.id"]], record
            return
        key = f"{record.get('winlog.computer_name')} {data.get('ScriptBlockId')}"
        parts = self._parts.setdefault(key, {})
        if number not in parts and len(parts) < BLOCK_PARTS:
            parts[number] = (text, record)
            self._waiting += len(text)
        if len(parts) == total:
            yield self._joined(key)
        elif self._waiting > BLOCK_LONGEST:
            self.cut += 1
            yield self._joined(key)

    def rest(self) -> Iterator[_Block]:
        """Yield the script blocks of which parts are missing."""
        for key in list(self._parts):
            self.cut += 1
            yield self._joined(key)

    def _joined(self, key: str) -> _Block:
        parts = [part for _, part in sorted(self._parts.pop(key).items())]
        self._waiting -= sum(len(text) for text, _ in parts)
        return "".join(text for text, _ in parts), [record["escadre.id"] for _, record in parts], parts[0][1]


def _number(data: dict[str, Any], name: str) -> int:
    try:
        return int(data.get(name) or 1)
    except (TypeError, ValueError):
        return 1
