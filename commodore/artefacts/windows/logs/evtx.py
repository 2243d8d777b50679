"""Windows event logs (.evtx, since Vista): every record of every chunk, damaged and dirty files too."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from functools import cache
from itertools import groupby, islice
from typing import Any

from commodore.artefact import Artefact, Cut, Problem, Record
from commodore.evidence import Evidence
from commodore.fence import raised
from commodore.host import Host
from commodore.readers.eventchunks import (
    CHUNK,
    FILE_HEADER,
    HEADER_SIZE,
    MARK,
    RECORDS,
    SMALLEST,
    Chunk,
    contradictions,
    records,
    survey,
    template_missing,
)
from commodore.readers.secondevent import SecondReader
from commodore.readers.winevent import loaded, normalise

ARTEFACT = Artefact(
    name="evtx",
    title="Windows event logs",
    about="Events that Windows and its programs logged: logons, processes, services, scripts, connections. A record shows that something "
    "happened. A cleared or missing log may show that somebody destroyed evidence.",
    match=("Windows/System32/winevt/Logs/*.evtx", "**/*.evtx"),
    magic=((0, b"ElfFile\x00"), (4096, b"ElfChnk\x00"), (0, b"ElfChnk\x00")),
    targets=("WE01", "WE02", "WE10"),
    cut=Cut(header=4096, piece=24 * 65536, before=b"ElfChnk\x00"),
    fields=(
        "destination.address",
        "destination.domain",
        "destination.ip",
        "destination.port",
        "device.id",
        "device.manufacturer",
        "device.model.name",
        "device.serial_number",
        "dns.question.name",
        "escadre.command",
        "escadre.event.qualifiers",
        "escadre.event.record_id",
        "escadre.event.source",
        "escadre.session.id",
        "escadre.share.name",
        "escadre.task.path",
        "escadre.threat.name",
        "event.code",
        "event.created",
        "event.outcome",
        "event.provider",
        "event.reason",
        "file.created",
        "file.hash.md5",
        "file.hash.sha1",
        "file.hash.sha256",
        "file.name",
        "file.path",
        "file.target_path",
        "group.domain",
        "group.id",
        "group.name",
        "log.level",
        "network.direction",
        "network.name",
        "network.transport",
        "observer.ip",
        "observer.name",
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
        "registry.key",
        "registry.path",
        "registry.value",
        "rule.id",
        "rule.name",
        "service.name",
        "service.state",
        "service.type",
        "source.address",
        "source.domain",
        "source.ip",
        "source.port",
        "url.domain",
        "url.full",
        "user.changes.name",
        "user.domain",
        "user.effective.domain",
        "user.effective.name",
        "user.id",
        "user.name",
        "user.target.domain",
        "user.target.id",
        "user.target.name",
        "vulnerability.id",
        "winlog.activity_id",
        "winlog.channel",
        "winlog.computer_name",
        "winlog.event_data",
        "winlog.keywords",
        "winlog.level",
        "winlog.logon.id",
        "winlog.logon.type",
        "winlog.opcode",
        "winlog.process.pid",
        "winlog.process.thread.id",
        "winlog.provider_guid",
        "winlog.provider_name",
        "winlog.record_id",
        "winlog.related_activity_id",
        "winlog.task",
        "winlog.user.identifier",
        "winlog.user_data",
        "winlog.version",
    ),
    times={
        "@timestamp": "when the event happened, from System/TimeCreated; with 100 ns if the record header has the same time",
        "event.created": "when the record was written, where that differs",
        "file.created": "birth of the file that the event is about",
        "process.start": "start of the process that the event is about",
        "process.end": "end of the process that the event is about",
    },
    host_field="winlog.computer_name",
    kind="event",
    action="event-logged",
    message="[{winlog.provider_name!q}|A provider without a name] logged event {event.code}[ in {winlog.channel!q}].",
    confidence="logged",
    version=2,
    sources=(
        "[MS-EVEN6] EventLog Remoting Protocol 6.0, section 2.2: BinXml",
        "Joachim Metz, Windows XML Event Log (EVTX) format, libevtx documentation: file header, chunk, event record",
        "Andreas Schuster, Introducing the Microsoft Vista event log file format, DFRWS 2007",
    ),
)

ROWS = 32
SHOWN = 240
"""characters of what the first reader says that the reason of a second opinion has"""
SECOND = 1000
"""records of a unit that get a second opinion; it takes milliseconds each"""
_BRIDGE = 0xFFFF_FFFF_FFFF_FFF0
"""Dummy record id written over damaged bytes so that the parser skips them."""


Lost = list[tuple[Chunk, int, str]]
"""Records that the parser did not return: chunk, record id, its error message."""


def _surveyed(evidence: Evidence) -> tuple[bytes, list[Chunk]]:
    data = evidence.data
    return data, survey(data, max(0, evidence.offset - FILE_HEADER))


def expected(evidence: Evidence) -> int:
    """Count the records by the chunk headers and the record signatures."""
    return sum(len(c.ids) + len(c.missing) for c in evidence.once(_surveyed)[1])


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001  (all parsers have one form)
    """Yield one record per event record, and a problem for each record id that a chunk header promises and that cannot be read."""
    data, chunks = evidence.once(_surveyed)
    if not data:
        yield Problem("file is empty")
        return
    if cut := _cut(evidence, data):
        yield Problem(cut)
    for chunk in chunks:
        if chunk.odd:
            yield Problem(chunk.odd, f"chunk/{chunk.place}", kind=chunk.kind)
    yield from (odd := list(contradictions(data, chunks)))
    mixed = any(problem.kind == "evtx-mixed" for problem in odd)
    sound = [c for c in chunks if c.ids and not c.gaps and not c.odd and not c.hidden]
    left = [c for c in chunks if c.ids and (c.gaps or c.odd or c.hidden)]
    view = memoryview(data)
    lost: Lost = []
    if sound:
        lost += yield from _read([view[c.at : c.at + c.size] for c in sound], sound)
    for chunk in left:
        lost += yield from _read([_mended(data, chunk)], [chunk])
    yield from _once_more(data, lost)
    for chunk in chunks:
        if chunk.missing:
            reason = f"promised by the chunk header, not there: records {_ranges(chunk.missing)}"
            undamaged = chunk.ids and not (chunk.gaps or chunk.odd or chunk.differing or mixed)
            yield Problem(reason, f"chunk/{chunk.place}", len(chunk.missing), kind="evtx-record-gap" if undamaged else "")


def _cut(evidence: Evidence, data: bytes) -> str:
    """Return a sentence if the member is shorter than its file header says, else ''."""
    if evidence.offset > FILE_HEADER or not data.startswith(b"ElfFile\0"):
        return ""
    if evidence.size < FILE_HEADER:
        return f"file is cut in its header: {evidence.size} of {FILE_HEADER} bytes"
    promised, there = int.from_bytes(data[42:44], "little"), -(-(evidence.size - FILE_HEADER) // CHUNK)
    return f"file is cut: its header counts {promised} chunks, there is room for {there}" if promised > there else ""


def _once_more(data: bytes, lost: Lost) -> Iterator[Record | Problem]:
    """Read the records that the parser skipped again, without the chunk header's tables of names and templates, which may be damaged."""
    asked = 0
    for at, several in groupby(lost, key=lambda one: one[0].at):
        refused = list(several)
        chunk = refused[0][0]._replace(at=at, ids=[record for _, record, _ in refused])
        block = _mended(data, chunk, tables=False)
        offsets, readable = dict(records(block)), []
        for record in chunk.ids:
            if record in offsets and (gone := template_missing(block, offsets[record])):
                yield Problem(f"record {record} could not be read: {gone}", f"chunk/{chunk.place}/record/{record}", 1)
            else:
                readable.append(record)
        if not readable:
            continue
        chunk = chunk._replace(ids=readable)
        still = yield from _read([block], [chunk])
        reasons = {record: reason for _, record, reason in refused}
        second = SecondReader([_mended(data, chunk), block] if still else ())
        for _, record, _ in still:
            locator, reason = f"chunk/{chunk.place}/record/{record}", (reasons[record] or "the reader passed over it")[:SHOWN]
            asked += 1
            if asked > SECOND or record not in offsets:
                yield Problem(f"record {record} could not be read: {reason}", locator, 1)
                continue
            try:
                said, written = second.event(offsets[record])
                yield Record(locator, normalise(said, record, written))
            except Exception as e:  # the second reader, or what it made of a hostile record
                yield Problem(f"record {record} could not be read: {reason}; second reader: {type(e).__name__}: {e}"[:400], locator, 1)
            else:
                yield Problem(f"record {record} is as the second reader, python-evtx, reads it; the first one: {reason}"[:400], locator)


def _mended(data: bytes, chunk: Chunk, *, tables: bool = True) -> bytes:
    """Return a damaged chunk in a form that the parser accepts: padded to its size, with dummy records over the damaged bytes."""
    block = bytearray(data[chunk.at : chunk.at + chunk.size].ljust(CHUNK, b"\0"))
    for start, end in chunk.gaps:
        if end - start >= SMALLEST:
            struct.pack_into("<IIQQ", block, start, 0x2A2A, end - start, _BRIDGE, 0)
            struct.pack_into("<I", block, end - 4, end - start)
            block[start + 24 : start + SMALLEST] = b"\x0f\x01\x01\x00"
    for outer, inner, end in chunk.hidden:
        for start, behind in ((outer, inner), (inner, end)):
            struct.pack_into("<I", block, start + 4, behind - start)
            struct.pack_into("<I", block, behind - 4, behind - start)
    free = int.from_bytes(block[48:52], "little")
    if not RECORDS <= free <= CHUNK:
        struct.pack_into("<I", block, 48, CHUNK)
    block[:8] = MARK
    struct.pack_into("<I", block, 40, HEADER_SIZE)
    if not tables:
        block[128:RECORDS] = bytes(RECORDS - 128)
    struct.pack_into("<I", block, 124, zlib.crc32(block[:120] + block[128:RECORDS]))
    return bytes(block)


@cache
def _header() -> bytes:
    """Return a file header that the parser accepts; the one of the file may be damaged."""
    head = bytearray(FILE_HEADER)
    struct.pack_into("<8sQQQIHHHH", head, 0, b"ElfFile\0", 0, 0, 1, 128, 1, 3, FILE_HEADER, 1)
    struct.pack_into("<I", head, 124, zlib.crc32(head[:120]))
    return bytes(head)


def _read(blocks: Sequence[bytes | memoryview], chunks: list[Chunk]) -> Generator[Record | Problem, None, Lost]:
    """Yield the records of these chunks in this order; return those that the parser refuses."""
    said: list[str] = []
    wanted = [(c, record) for c in chunks for record in c.ids]
    places: dict[int, list[int]] = {}
    at, end, lost = 0, len(wanted), []
    unfit: Lost = []
    for batch in _batches(blocks, said):
        for row in batch:
            record_id = row["event_record_id"]
            if at < end and wanted[at][1] == record_id:
                behind = at
            else:  # the reader passed over some, or this one is a bridge, or lies behind the end of the chunk
                places = places or _places(wanted)
                later = places.get(record_id, [])
                n = bisect_left(later, at)
                if n == len(later):
                    continue
                behind = later[n]
                lost += wanted[at:behind]
            at = behind + 1
            chunk = wanted[behind][0]
            locator = f"chunk/{chunk.place}/record/{record_id}"
            if chunk.hidden and wanted.index((chunk, record_id)) < behind:  # Windows gave the id of a hidden record to the next one
                locator += "/2"
            try:
                event = loaded(row["data"])
            except ValueError as e:  # the reader writes the names of elements as they are: with quotes and backslashes they are no JSON
                unfit.append((chunk, record_id, f"what the reader gives is no JSON: {e}"))
                continue
            try:
                yield Record(locator, normalise(event, record_id, row["timestamp"]))
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as e:  # one odd event costs itself
                yield raised(e, locator)
    reason = "; ".join(said[:3])
    return [(chunk, record, reason) for chunk, record in lost + wanted[at:]] + unfit


def _places(wanted: list[tuple[Chunk, int]]) -> dict[int, list[int]]:
    """Return record id → its positions in rising order; an id may occur several times."""
    places: dict[int, list[int]] = {}
    for place, (_, record) in enumerate(wanted):
        places.setdefault(record, []).append(place)
    return places


def _batches(blocks: Sequence[bytes | memoryview], said: list[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of the parser in batches that fit the processor's cache; its warnings and errors go into `said`."""
    from evtx import PyEvtxParser

    rows: Any = ()
    while True:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            part: list[dict[str, Any]] = []
            try:
                if rows == ():
                    stream = io.BytesIO(b"".join((_header(), *blocks)))
                    parser = PyEvtxParser(stream, number_of_threads=1, skip_errors=True)
                    rows = iter(parser.records_json())
                part.extend(islice(rows, ROWS))  # what came before an error stays
            except (RuntimeError, ValueError, OSError) as e:
                said.insert(0, str(e))
                rows = iter(())
        said += [str(w.message).removeprefix("Skipping EVTX data: RuntimeError: ") for w in told]
        if part:
            yield part
        if len(part) < ROWS:  # there are no more, or an error ended them
            return


def _ranges(numbers: list[int]) -> str:
    """Return numbers as ranges: `7-20, 23`."""
    out: list[list[int]] = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)
