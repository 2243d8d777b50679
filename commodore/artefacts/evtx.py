"""Windows event logs (.evtx, since Vista): every record of every chunk, damaged and dirty files too."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import orjson

from commodore.artefact import Artefact, Cut, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.schema.winlog import meanings

ARTEFACT = Artefact(
    name="evtx",
    title="Windows event logs",
    about="What Windows and its programs wrote down: logons, processes, services, scripts, connections. A record says that "
    "something happened; "
    "a cleared or missing log says that somebody did not want it read.",
    match=("Windows/System32/winevt/Logs/*.evtx", "**/*.evtx"),
    magic=((0, b"ElfFile\x00"), (4096, b"ElfChnk\x00")),
    targets=("windows.event-logs",),
    cut=Cut(header=4096, piece=24 * 65536),
    fields=(
        "destination.domain",
        "destination.ip",
        "destination.port",
        "dns.question.name",
        "event.code",
        "event.created",
        "event.outcome",
        "event.provider",
        "file.created",
        "file.hash.md5",
        "file.hash.sha1",
        "file.hash.sha256",
        "file.name",
        "file.path",
        "group.id",
        "group.name",
        "log.level",
        "network.transport",
        "process.command_line",
        "process.end",
        "process.entity_id",
        "process.executable",
        "process.hash.md5",
        "process.hash.sha1",
        "process.hash.sha256",
        "process.name",
        "process.parent.command_line",
        "process.parent.entity_id",
        "process.parent.executable",
        "process.parent.name",
        "process.parent.pid",
        "process.pid",
        "process.start",
        "process.working_directory",
        "registry.data.strings",
        "registry.path",
        "registry.value",
        "service.name",
        "service.state",
        "service.type",
        "source.domain",
        "source.ip",
        "source.port",
        "user.domain",
        "user.effective.name",
        "user.id",
        "user.name",
        "user.target.name",
        "winlog.activity_id",
        "winlog.channel",
        "winlog.computer_name",
        "winlog.event_data",
        "winlog.keywords",
        "winlog.level",
        "winlog.opcode",
        "winlog.process.pid",
        "winlog.process.thread.id",
        "winlog.provider_guid",
        "winlog.provider_name",
        "winlog.record_id",
        "winlog.task",
        "winlog.user.identifier",
        "winlog.user_data",
        "winlog.version",
    ),
    times={
        "@timestamp": "when the event happened, as its provider says (System/TimeCreated); 100 ns where the record header agrees",
        "event.created": "when the record was written, where that differs",
        "file.created": "birth of the file that the event is about",
        "process.start": "start of the process that the event is about",
        "process.end": "end of the process that the event is about",
    },
    kind="event",
    action="event-logged",
    message="Event {event.code} of {winlog.provider_name} in {winlog.channel}",
    logsource={"product": "windows"},
    confidence="logged",
    sources=(
        "[MS-EVEN6] EventLog Remoting Protocol 6.0, section 2.2: BinXml",
        "Joachim Metz, Windows XML Event Log (EVTX) format, libevtx documentation: file header, chunk, event record",
        "Andreas Schuster, Introducing the Microsoft Vista event log file format, DFRWS 2007",
    ),
)

FILE_HEADER, CHUNK, RECORDS = 4096, 65536, 512
_CHUNK = struct.Struct("<8sQQQQIII").unpack_from
"""magic, first and last record number, first and last record id, header size, last record offset, free space offset"""
_RECORD = struct.Struct("<IIQ").unpack_from
_SIGNATURE = b"\x2a\x2a\x00\x00"
_SMALLEST = 28
_BRIDGE = 0xFFFF_FFFF_FFFF_FFF0
"""record id that stands for a stretch of damage which the reader is led over"""
LEVELS = {"0": "information", "1": "critical", "2": "error", "3": "warning", "4": "information", "5": "verbose"}


class Chunk(NamedTuple):
    """What a chunk's own header and the record signatures in it promise, found without the parser."""

    number: int
    at: int
    ids: list[int]
    """ids of the records that are there, in order"""
    missing: list[int]
    """ids that the header promises and that are not there"""
    gaps: list[tuple[int, int]]
    """stretches (from, to) between records that are not records"""
    odd: str = ""


def survey(data: bytes, first: int) -> list[Chunk]:
    """All chunks of `data`, which begins with a file header; the first one has the number `first`."""
    found = []
    for at in range(FILE_HEADER, len(data), CHUNK):
        block = data[at : at + CHUNK]
        number = first + (at - FILE_HEADER) // CHUNK
        if block.startswith(b"ElfChnk\0") and len(block) > RECORDS:
            found.append(_chunk(block, number, at))
        elif block.count(0) != len(block):
            found.append(Chunk(number, at, [], [], [], "chunk has no ElfChnk signature"))
    return found


def _chunk(block: bytes, number: int, at: int) -> Chunk:
    _, _, _, low, high, _, _, free = _CHUNK(block)
    end = free if RECORDS <= free <= CHUNK else CHUNK
    ids, gaps, p = [], [], RECORDS
    while p + 24 <= min(end, len(block)):
        signature, size, record = _RECORD(block, p)
        if signature == 0x2A2A and size >= _SMALLEST and p + size <= len(block):
            ids.append(record)
            p += size
            continue
        behind = _resume(block, p + 1, end)
        gaps.append((p, behind))
        p = behind
    promised = range(low, high + 1) if 0 <= high - low < CHUNK // _SMALLEST else range(0)
    there = set(ids)
    missing = [] if there.issuperset(promised) else [i for i in promised if i not in there]
    odd = f"chunk is cut: {len(block)} of {CHUNK} bytes" if len(block) < CHUNK else ""
    return Chunk(number, at, ids, missing, gaps, odd)


def _resume(block: bytes, start: int, end: int) -> int:
    """Where the next whole record begins: signature, plausible size, and the copy of the size at its end."""
    at = block.find(_SIGNATURE, start, end)
    while at >= 0:
        size = int.from_bytes(block[at + 4 : at + 8], "little")
        if size >= _SMALLEST and at + size <= len(block) and block[at + size - 4 : at + size] == block[at + 4 : at + 8]:
            return at
        at = block.find(_SIGNATURE, at + 1, end)
    return end


def _surveyed(evidence: Evidence) -> tuple[bytes, list[Chunk]]:
    data = evidence.data
    return data, survey(data, max(0, evidence.offset - FILE_HEADER) // CHUNK)


def expected(evidence: Evidence) -> int:
    """Records that the chunk headers promise and the record signatures show."""
    return sum(len(c.ids) + len(c.missing) for c in evidence.once(_surveyed)[1])


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001  (all parsers have one form)
    """One record per event record. What chunk headers promise and nobody could read is named, id by id."""
    data, chunks = evidence.once(_surveyed)
    if not data:
        yield Problem("file is empty")
        return
    for chunk in chunks:
        if chunk.odd:
            yield Problem(chunk.odd, f"chunk/{chunk.number}")
    sound = [c for c in chunks if c.ids and not c.gaps and not c.odd]
    left: list[Chunk] = [c for c in chunks if c.ids and (c.gaps or c.odd)]
    if sound:
        whole = len(sound) == (len(data) - FILE_HEADER) // CHUNK
        yield from _read(data if whole else data[:FILE_HEADER] + b"".join(_blocks(data, sound)), sound)
    for chunk in left:
        yield from _read(data[:FILE_HEADER] + _mended(data, chunk), [chunk])
    for chunk in chunks:
        if chunk.missing:
            yield Problem(
                f"promised by the chunk header, not there: records {_ranges(chunk.missing)}", f"chunk/{chunk.number}", len(chunk.missing)
            )


def _blocks(data: bytes, chunks: list[Chunk]) -> Iterable[bytes]:
    return (data[c.at : c.at + CHUNK] for c in chunks)


def _mended(data: bytes, chunk: Chunk) -> bytes:
    """A damaged chunk made readable: filled up to its size, and damage bridged by records that say nothing."""
    block = bytearray(data[chunk.at : chunk.at + CHUNK].ljust(CHUNK, b"\0"))
    for start, end in chunk.gaps:
        if end - start >= _SMALLEST:
            struct.pack_into("<IIQQ", block, start, 0x2A2A, end - start, _BRIDGE, 0)
            struct.pack_into("<I", block, end - 4, end - start)
            block[start + 24 : start + _SMALLEST] = b"\x0f\x01\x01\x00"
    free = int.from_bytes(block[48:52], "little")
    if not RECORDS <= free <= CHUNK:
        struct.pack_into("<I", block, 48, CHUNK)
    struct.pack_into("<I", block, 124, zlib.crc32(block[:120] + block[128:RECORDS]))
    return bytes(block)


@cache
def _header() -> bytes:
    """A file header that the reader takes, whatever the real one looks like."""
    head = bytearray(FILE_HEADER)
    struct.pack_into("<8sQQQIHHHH", head, 0, b"ElfFile\0", 0, 0, 1, 128, 1, 3, FILE_HEADER, 1)
    struct.pack_into("<I", head, 124, zlib.crc32(head[:120]))
    return bytes(head)


def _read(data: bytes, chunks: list[Chunk]) -> Iterator[Record | Problem]:
    """Records of these chunks, which follow the header in `data` in this order; those that the reader refuses are problems."""
    found, reason = _rows(data)
    wanted = [(c.number, record) for c in chunks for record in c.ids]
    there = {record for _, record in wanted}
    at, lost = 0, []
    for row in found:
        record_id = row["event_record_id"]
        if record_id not in there:
            continue  # a bridge, or what lies behind the end of the chunk
        behind = at
        while behind < len(wanted) and wanted[behind][1] != record_id:
            behind += 1
        if behind == len(wanted):
            continue
        lost += wanted[at:behind]
        at = behind + 1
        yield Record(f"chunk/{wanted[behind][0]}/record/{record_id}", normalise(orjson.loads(row["data"]), record_id, row["timestamp"]))
    for number, record in lost + wanted[at:]:
        yield Problem(f"record {record} could not be read: {reason or 'the reader passed over it'}", f"chunk/{number}/record/{record}", 1)


def _rows(data: bytes) -> tuple[list[dict[str, Any]], str]:
    """What the reader gives, and the first things that it complained about."""
    from evtx import PyEvtxParser

    found: list[Any] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            stream = io.BytesIO(_header() + data[FILE_HEADER:])
            rows: Any = PyEvtxParser(stream, number_of_threads=1, separate_json_attributes=True, skip_errors=True).records_json()
            found.extend(rows)  # what came before an error stays
        except (RuntimeError, ValueError, OSError) as e:
            return found, str(e)
    return found, "; ".join(str(w.message).removeprefix("Skipping EVTX data: RuntimeError: ") for w in said[:3])


def _ranges(numbers: list[int]) -> str:
    """`7-20, 23`."""
    out: list[list[int]] = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


# --- from the reader's JSON to fields


def normalise(event: dict[str, Any], record_id: int, written: str) -> dict[str, Any]:
    """The fields of one record. `event` is the reader's JSON with attributes apart, `written` the time in the record's header."""
    body = event.get("Event") or {}
    system = body.get("System") or {}
    provider = system.get("Provider_attributes") or {}
    name = provider.get("Name") or provider.get("EventSourceName") or ""
    code = str(_plain(system.get("EventID")))
    channel = system.get("Channel")
    fields: dict[str, Any] = {"event.code": code, "winlog.record_id": str(record_id)}
    _times(fields, system, written)
    if name:
        fields["winlog.provider_name"] = fields["event.provider"] = name
    if channel:
        fields["winlog.channel"] = channel
    for key, target in _SYSTEM:
        value = system.get(key)
        if value is not None:
            fields[target] = value
    for key, target in _NUMBERS:
        value = system.get(key)
        if value is not None and (made := value if value.__class__ is int else _number(value)) is not None:
            fields[target] = made
    if "winlog.level" in fields:
        fields["log.level"] = LEVELS.get(str(fields["winlog.level"]), "information")
    if "Guid" in provider:
        fields["winlog.provider_guid"] = _text(provider["Guid"])
    _attributes(fields, system)
    data = _event_data(body)
    user = _user_data(body)
    if data:
        fields["winlog.event_data"] = data
    if user:
        fields["winlog.user_data"] = user
    _mean(fields, name, code, channel, data or user)
    return fields


_SYSTEM = (("Computer", "winlog.computer_name"), ("Keywords", "winlog.keywords"))
_NUMBERS = (("Version", "winlog.version"), ("Level", "winlog.level"), ("Task", "winlog.task"), ("Opcode", "winlog.opcode"))
_FAILURE, _SUCCESS = "0x8010", "0x8020"
"""audit bits at the top of the keywords mask"""


def _times(fields: dict[str, Any], system: dict[str, Any], written: str) -> None:
    said = (system.get("TimeCreated_attributes") or {}).get("SystemTime")
    header = _padded(written)
    if not said or said.startswith("1601-01-01T00:00:00"):
        fields["@timestamp"] = None if header.startswith("1601-01-01T00:00:00") else header
        return
    said = _padded(said)
    if said[:26] == header[:26]:
        fields["@timestamp"] = header
    else:
        fields["@timestamp"] = said
        if not header.startswith("1601-01-01T00:00:00"):
            fields["event.created"] = header


def _padded(time: str) -> str:
    """`2015-06-23T06:00:47.75Z UTC` with seven digits, 100 ns."""
    base = time[: time.index("Z")] if "Z" in time else time
    return f"{base}.0000000Z" if len(base) == 19 else f"{base[:27]:0<27}Z"


def _attributes(fields: dict[str, Any], system: dict[str, Any]) -> None:
    execution = system.get("Execution_attributes")
    if execution:
        if (pid := _number(execution.get("ProcessID"))) is not None:
            fields["winlog.process.pid"] = pid
        if (thread := _number(execution.get("ThreadID"))) is not None:
            fields["winlog.process.thread.id"] = thread
    correlation = system.get("Correlation_attributes")
    if correlation and correlation.get("ActivityID"):
        fields["winlog.activity_id"] = _text(correlation["ActivityID"])
    security = system.get("Security_attributes")
    if security and security.get("UserID"):
        fields["winlog.user.identifier"] = security["UserID"]


def _event_data(body: dict[str, Any]) -> dict[str, str]:
    raw = body.get("EventData")
    if not raw:
        return {}
    if not isinstance(raw, dict):
        return {"param1": _text(raw)}
    out: dict[str, str] = {}
    for key, value in raw.items():
        if value.__class__ is str and (len(value) != 36 or value[8] != "-"):
            out[key] = value
        elif value.__class__ is dict or value.__class__ is list or key == "Data":
            _unnamed(out, key, value)
        else:
            out[key] = _text(value)
    return out


def _unnamed(out: dict[str, str], key: str, value: Any) -> None:
    """Data without names become param1, param2, …; nested elements get dotted names."""
    if isinstance(value, dict) and "#text" in value:
        value = value["#text"]
    if key == "Data" or key.startswith("Data_"):
        for item in value if isinstance(value, list) else [value]:
            out[f"param{sum(k.startswith('param') for k in out) + 1}"] = _text(item)
    else:
        _flatten(out, key, value)


def _user_data(body: dict[str, Any]) -> dict[str, str]:
    """UserData below its one element, flat; elements other than the known ones (rendering, bookmarks) keep their name."""
    out: dict[str, str] = {}
    for key, value in (body.get("UserData") or {}).items():
        _flatten(out, "", value) if isinstance(value, dict) and not key.endswith("_attributes") else _flatten(out, key, value)
    if len(body) > 2 or ("EventData" not in body and "UserData" not in body):
        for key, value in body.items():
            if key not in ("System", "EventData", "UserData", "EventData_attributes", "UserData_attributes", "RenderingInfo"):
                _flatten(out, key, value)
    return out


def _flatten(out: dict[str, str], path: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, dict) and depth < 16:
        for key, inner in value.items():
            if key in ("xmlns", "#attributes") or key.startswith("xmlns:"):
                continue
            name = key.removesuffix("_attributes") if isinstance(inner, dict) else key
            _flatten(out, path if name == "#text" else f"{path}.{name}" if path else name, inner, depth + 1)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _flatten(out, f"{path}.{i}" if i else path, inner, depth + 1)
    else:
        out[path or "text"] = _text(value)


def _text(value: Any) -> str:
    """A value as Windows shows it: GUIDs in braces, booleans in lower case."""
    if value.__class__ is str:
        bare = len(value) == 36 and value[8] == value[13] == value[18] == value[23] == "-"
        return f"{{{value}}}" if bare else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(value: Any) -> Any:
    return value.get("#text") if isinstance(value, dict) else value


def _number(value: Any) -> int | None:
    if isinstance(value, int):
        return value
    try:
        return int(str(_plain(value)), 0)
    except ValueError:
        return None


def _mean(fields: dict[str, Any], provider: str, code: str, channel: str | None, values: dict[str, str]) -> None:
    """Typed copies and the sentence, by provider and event id; audit result from the keywords mask."""
    keywords = fields.get("winlog.keywords")
    if keywords:
        if keywords.startswith(_SUCCESS):
            fields["event.outcome"] = "success"
        elif keywords.startswith(_FAILURE):
            fields["event.outcome"] = "failure"
    meaning = meanings().get((provider.lower(), code))
    if meaning is not None:
        meaning.apply(fields, values)
        return
    told = [f"{k}={v[:80]}" for k, v in zip(values, values.values(), strict=True) if v][:4] if values else []
    fields["message"] = f"Event {code} of {provider or '?'} in {channel or '?'}" + (": " + ", ".join(told) if told else "")
