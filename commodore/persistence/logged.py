r"""What event logs show of things that start by themselves, as records that the rows of the persistence table judge.

    for one in logged(records):        # LoggedObject: one service, task, value or consumer with all its events
        one.record()                   # a record of the dataset `services`, `scheduled_tasks` …, or None

`events.yaml` says which events. An object may be gone when the host is collected: a log keeps what an intruder removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from commodore.persistence.data import documents_of
from commodore.persistence.logged_values import value_record
from scout.formats import task_xml

MOST, MOST_EVENTS, LONGEST = 100_000, 50, 64 << 10
"""objects of one host, events that one object names, and characters of one text that are read"""
_START = {"0": "boot", "1": "system", "2": "auto", "3": "demand", "4": "disabled"}
_STARTS = {"auto start": "auto", "demand start": "demand", "boot start": "boot", "system start": "system"}
_SERVICE = re.compile(
    r"(?i)(?:HKLM|\\REGISTRY\\MACHINE)\\SYSTEM\\(?:CurrentControlSet|ControlSet\d{3})\\Services\\([^\\]+)\\(?:Parameters\\)?"
    r"(ImagePath|Start|ServiceDll)\Z"
)
_PARTS = {"imagepath": "command", "start": "start", "servicedll": "library"}
_CONSUMERS = {"command line": "CommandLineEventConsumer", "script": "ActiveScriptEventConsumer"}
_CLASS = re.compile(r'\b([A-Za-z]\w*EventConsumer)(?:\.Name)?\s*=\s*\\*"+\s*([^"\\]+)')
_COMPARED = ("process.command_line", "escadre.service.dll", "escadre.task.commands", "registry.data.strings")
"""fields that a log and the collection may show of one object"""
READ = (*("@timestamp", "escadre.id", "event.code", "event.provider"), *("winlog.computer_name", "winlog.event_data", "winlog.user_data"))
"""fields of an event's record that are read"""
_INSTANCE = re.compile(r"instance of (\w*EventConsumer)\b")
_TEXT = re.compile(r'\b(CommandLineTemplate|ExecutablePath|ScriptText|ScriptFileName|Query)\s*=\s*"((?:[^"\\]|\\.)*)"')


class EventRow(NamedTuple):
    """One row of `events.yaml`."""

    provider: str
    codes: tuple[str, ...]
    shows: str
    name: tuple[str, ...]
    takes: Mapping[str, tuple[str, ...]]
    gone: Mapping[str, tuple[str, ...]] | None

    def deletes(self, data: Mapping[str, Any]) -> bool:
        """Return whether the event means that the object was deleted."""
        return self.gone is not None and all(str(data.get(name)) in texts for name, texts in self.gone.items())


@dataclass(slots=True)
class LoggedObject:
    """One object. `parts`: what the latest events say of it; `events`: ids of records; `when`: time of the latest event.

    recovered  deleted, and recovered from the free space of a hive: no event shows it
    """

    shows: str
    name: str
    computer: str
    parts: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    first: str = ""
    when: str = ""
    gone: bool = False
    recovered: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies it on its computer."""
        return self.shows, _plain(self.name)

    def record(self) -> dict[str, Any] | None:
        """Return the object as a record of the dataset whose rows judge it; None where it is of no place of the table."""
        made = _MADE[self.shows](self)
        if made is None:
            return None
        state = {"escadre.state": "deleted"} if self.gone else {}
        return made | state | {"@timestamp": self.when or None, "escadre.id": self.events[0]}


@cache
def event_rows() -> Mapping[tuple[str, str], EventRow]:
    """Return (provider in lower case, code) → row. Raises ValueError for a row of another form."""
    found: dict[tuple[str, str], EventRow] = {}
    for row in documents_of("events.yaml"):
        if not {"provider", "codes", "shows", "name", "takes"} <= set(row) <= {*EventRow._fields} or row["shows"] not in _MADE:
            raise ValueError(f"events.yaml: {row}")
        takes = {part: tuple(names) for part, names in row["takes"].items()}
        gone = {name: tuple(texts) for name, texts in row["gone"].items()} if "gone" in row else None
        made = EventRow(row["provider"], tuple(row["codes"]), row["shows"], tuple(row["name"]), takes, gone)
        found |= {(made.provider.lower(), code): made for code in made.codes}
    return found


@cache
def codes() -> frozenset[str]:
    """Return the codes of all events that are read."""
    return frozenset(code for _, code in event_rows())


def logged(records: Iterable[Mapping[str, Any]]) -> list[LoggedObject]:
    """Return the objects that events show, in the order of their first events; at most `MOST`."""
    found: dict[tuple[str, str, str], LoggedObject] = {}
    for record in records:
        row = event_rows().get((str(record.get("event.provider")).lower(), str(record.get("event.code"))))
        data = record.get("winlog.event_data") or record.get("winlog.user_data")
        if row is None or not isinstance(data, dict):
            continue
        data = _flat(data)
        one = _object(row, data, str(record.get("winlog.computer_name") or "").lower())
        key = (*one.key, one.computer)
        if key not in found and len(found) >= MOST:
            continue
        _add(found.setdefault(key, one), one, record, deletes=row.deletes(data))
    return list(found.values())


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of an event, without the names of the elements that hold them."""
    return {name.rpartition(".")[2]: value for name, value in data.items()}


def _object(row: EventRow, data: Mapping[str, Any], computer: str) -> LoggedObject:
    name = "\\".join(str(data[n]).strip()[:LONGEST] for n in row.name if data.get(n) is not None)
    parts = {part: next((str(data[n])[:LONGEST] for n in names if data.get(n)), "") for part, names in row.takes.items()}
    shows = row.shows
    if shows == "value":
        return _of_value(name, parts.get("data", "").replace("%%", "%"), computer)
    if shows == "consumer":
        name = _consumer_name(name, parts)
    return LoggedObject(shows, name, computer, {part: text for part, text in parts.items() if text})


def _of_value(path: str, data: str, computer: str) -> LoggedObject:
    """Return the object that a value of the registry is, or is a part of."""
    service = _SERVICE.fullmatch(path)
    own_row = service is not None and service[2].lower() == "start" and value_record(path, data) is not None
    if service is None or own_row:  # rows of settings judge the start of some services
        return LoggedObject("value", path, computer, {"data": data} if data else {})
    return LoggedObject("service", service[1], computer, {_PARTS[service[2].lower()]: data} if data else {})


def recovered(records: Iterable[Mapping[str, Any]]) -> list[LoggedObject]:
    """Return the objects that deleted values of hives show, from records of the dataset `registry`; at most `MOST`."""
    found: dict[tuple[str, str], LoggedObject] = {}
    for record in records:
        texts = record.get("registry.data.strings") or [""]
        one = _of_value(str(record.get("registry.path") or ""), str(texts[0])[:LONGEST], "")
        if one.key not in found and len(found) >= MOST:
            continue
        into = found.setdefault(one.key, one)
        into.parts, into.gone, into.recovered = one.parts | into.parts, True, True
        if len(into.events) < MOST_EVENTS:
            into.events.append(str(record["escadre.id"]))
    return list(found.values())


def _add(into: LoggedObject, one: LoggedObject, record: Mapping[str, Any], *, deletes: bool) -> None:
    when = str(record.get("@timestamp") or "")
    later = when >= into.when
    into.parts = into.parts | one.parts if later else one.parts | into.parts
    into.gone = deletes if later else into.gone
    into.first, into.when = min(filter(None, (into.first, when)), default=""), max(into.when, when)
    if len(into.events) < MOST_EVENTS:
        into.events.append(str(record["escadre.id"]))


def _plain(name: str) -> str:
    return name.lower().strip("\\ ")


def _consumer_name(name: str, parts: dict[str, str]) -> str:
    """Return the name of a consumer, and note its class."""
    found = _CLASS.search(name)
    if found:
        parts["kind"] = found[1]
    return (found[2] if found else name).strip('" ')


def _service(one: LoggedObject) -> dict[str, Any] | None:
    command, library = one.parts.get("command", ""), one.parts.get("library", "")
    if not command and not library:
        return None
    start = one.parts.get("start", "").lower()
    number = re.fullmatch(r"(?:dword \(0x0*)?(\d)\)?", start)
    return {
        "event.dataset": "services",
        "service.name": one.name,
        "registry.path": f"HKLM\\SYSTEM\\CurrentControlSet\\Services\\{one.name}",
        **({"process.command_line": command} if command else {}),
        **({"escadre.service.dll": library} if library else {}),
        **({"escadre.service.start": word} if (word := _STARTS.get(start) or (_START.get(number[1], "") if number else "")) else {}),
    }


def _task(one: LoggedObject) -> dict[str, Any] | None:
    commands = [one.parts["command"]] if "command" in one.parts else []
    settings: list[str] = []
    if text := one.parts.get("definition", ""):
        try:
            task = task_xml.read(text.encode("utf-8", "surrogatepass"))
        except task_xml.BadTask:
            settings = [f"Definition={text}"]
        else:
            commands = [action.command_line for action in task.actions if action.command_line]
            settings = [f"{name}={value}" for name, value in (("UserId", task.user), ("GroupId", task.group)) if value]
    return {
        "event.dataset": "scheduled_tasks",
        "escadre.task.path": one.name,
        "escadre.task.commands": commands,
        "escadre.settings": settings,
    }


def _consumer(one: LoggedObject) -> dict[str, Any] | None:
    """Return a consumer; None for a filter alone, which starts nothing."""
    parts = one.parts
    given = {name: _unescaped(text) for name, text in _TEXT.findall(parts.get("definition", ""))}
    named = _INSTANCE.search(parts.get("definition", ""))
    kind = named[1] if named else _CONSUMERS.get(parts.get("kind", "").lower(), parts.get("kind", ""))
    text = _unescaped(parts.get("text", "").strip().strip('"'))
    script = kind.lower().startswith("activescript")
    if text:
        given["ScriptText" if script else "CommandLineTemplate"] = text
    command = given.get("CommandLineTemplate") or given.get("ExecutablePath") or given.get("ScriptFileName")
    if not kind and not command:
        return None
    query = parts.get("query", "").strip().strip('"') or given.pop("Query", "")
    return {
        "event.dataset": "wmi_repository",
        "escadre.wmi.object": "consumer",
        "escadre.wmi.class": kind,
        "escadre.wmi.path": f'{kind}.Name="{one.name}"',
        "escadre.settings": [f"Name={one.name}", *(f"{name}={value}" for name, value in given.items())],
        **({"process.command_line": command} if command else {}),
        **({"escadre.trigger": [query or parts["filter"]]} if query or parts.get("filter") else {}),
    }


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _value(one: LoggedObject) -> dict[str, Any] | None:
    return value_record(one.name, one.parts.get("data", ""))


_MADE = {"service": _service, "task": _task, "value": _value, "consumer": _consumer}


def place(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return what identifies the object of a record, of a log or of the collection itself: its dataset and its name there."""
    dataset = str(record.get("event.dataset"))
    name = record.get("service.name") if dataset == "services" else record.get("escadre.task.path") or record.get("registry.path")
    return dataset, _plain(str(name))


def same(shown: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Return whether a record of the collection has all that a log shows of the object of the same place."""
    return all(_words(shown[name]) == _words(record.get(name)) for name in _COMPARED if shown.get(name))


def _words(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return " ".join(text.lower().replace('"', "").replace("%systemroot%", "c:\\windows").replace("\\systemroot", "c:\\windows").split())
