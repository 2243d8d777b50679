"""Chunks and records of a Windows event log as their headers and signatures show them, found without the parser.

Sources: Joachim Metz, Windows XML Event Log (EVTX) format: file header, chunk, event record,
checksums; Fox-IT, detection of records that eventlogedit (DanderSpritz) hid, 2017.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick

from commodore.artefact import Problem

FILE_HEADER, CHUNK, RECORDS = 4096, 65536, 512
MARK = b"ElfChnk\0"
_CHUNK = struct.Struct("<8sQQQQIII").unpack_from
"""Magic, first and last record number, first and last record id, header size, last record offset, free space offset."""
HEADER_SIZE = 128
_RECORD = struct.Struct("<IIQ").unpack_from
_SIZE = struct.Struct("<I").unpack_from
_SIGNATURE = b"\x2a\x2a\x00\x00"
_SEARCH = BytesAhoCorasick([_SIGNATURE]).find_matches_as_indexes
"""Ten times as fast as `bytes.find`, which looks at each byte of text that has two bytes a character."""
SMALLEST = 28
_ZERO = bytes(CHUNK)
_INSTANCE = b"\x0f\x01\x01\x00\x0c\x01"
"""Beginning of a record whose elements are in a template: fragment header, token, version; then the template's number and offset."""
_DIRTY, _NO_CHECKSUMS = 1, 4
"""Flags of the file header: the log was in use; its checksums were not written."""
_NO_RECORD = 0xFFFF_FFFF_FFFF_FFFF
"""Last record id of a chunk without records."""


class Chunk(NamedTuple):
    """A chunk as its header and the record signatures in it describe it, found without the parser."""

    place: str
    """Its number, or `@` and its offset in the member if that is no multiple of the chunk size from the first one."""
    at: int
    size: int
    """Bytes up to the next chunk or the end."""
    ids: list[int]
    """Ids of the records in it, in order."""
    missing: list[int]
    """Ids that the header promises and no record has."""
    gaps: list[tuple[int, int]]
    """Ranges (from, to) between records that are damaged."""
    odd: str = ""
    differing: tuple[int, ...] = ()
    """Offsets of records whose size at the end is another one than at the beginning"""
    hidden: tuple[tuple[int, int, int], ...] = ()
    """(offset of a record, of a record hidden within it, of the end of both): whoever hid it gave the first the size of both"""
    kind: str = ""
    """kind of the contradiction that `odd` is, where it may mean tampering"""


def survey(data: bytes, base: int = 0) -> list[Chunk]:
    """Return all chunks of `data`, which begins with a file header or a chunk. `base` is the offset of `data` in the member.

    Chunks stand one behind the other, but logs are also cut, put together, and overwritten: what is no chunk ends at the next signature.
    """
    found: list[Chunk] = []
    headed = data.startswith(b"ElfFile\0")
    counted = int.from_bytes(data[42:44], "little") if headed else 0
    dirty = headed and bool(int.from_bytes(data[120:124], "little") & _DIRTY)
    at = 0 if not base and data.startswith(MARK) else FILE_HEADER
    while at < len(data):
        away = base + at - FILE_HEADER
        place = f"@{base + at}" if away % CHUNK else str(away // CHUNK)
        block = data[at : at + CHUNK]
        if _empty(block):
            if len(block) == CHUNK and not away % CHUNK:
                found.append(Chunk(place, at, CHUNK, [], [], [], _ZEROS if away // CHUNK < counted else "", kind=_ZEROED))
            at += len(block)
            continue
        chunk = _chunk(block, place, at)
        if chunk.gaps or not block.startswith(MARK):  # in a whole chunk, the signature is the data of an event
            following = block.find(MARK, 1)
            if following > 0:
                block = block[:following]
                chunk = _chunk(block, place, at)
        if block.startswith(b"ElfFile\0") and not chunk.ids:  # the header of another log that stands behind the first
            block = block[:FILE_HEADER]
        elif not _empty(block):  # zeros before a chunk
            found.append(chunk)
        at += len(block)
    return [chunk._replace(kind=_UNCOUNTED) if dirty and _uncounted(chunk, counted) else chunk for chunk in _without_unused(found)]


def _empty(block: bytes) -> bool:
    """Return whether a block is all zeros. Comparing takes a twentieth of the time of counting the zeros."""
    return block == _ZERO[: len(block)]


def _uncounted(chunk: Chunk, counted: int) -> bool:
    """Return whether a zeroed chunk lies behind those that the header counts."""
    return chunk.kind == _ZEROED and chunk.place.isdigit() and int(chunk.place) >= counted


def _without_unused(chunks: list[Chunk]) -> list[Chunk]:
    """Return the chunks without the zeros at the end of a log, and with the ids that zeroed chunks had, by their neighbours."""
    out: list[Chunk] = []
    for n, chunk in enumerate(chunks):
        if chunk.kind != _ZEROED:
            out.append(chunk)
            continue
        behind = next((other for other in chunks[n + 1 :] if other.kind != _ZEROED), None)
        if not chunk.odd and behind is None:
            continue
        last = out[-1] if out else None
        first = behind.ids[0] if behind is not None and behind.ids else 0
        known = [*last.ids[-1:], *last.missing[-1:]] if last is not None else []
        lost = range(max(known) + 1, first) if known else range(0)
        room = (CHUNK // SMALLEST) * sum(1 for other in chunks[n:] if other.kind == _ZEROED)
        out.append(chunk._replace(odd=_ZEROS, missing=list(lost) if len(lost) <= room else []))
    return out


_ZEROS = "chunk is all zeros, although the log goes on behind it, or its header counts it"
_ZEROED, _UNCOUNTED = "evtx-zeroed-chunk", "evtx-uncounted-chunk"


def contradictions(data: bytes, chunks: list[Chunk]) -> Iterator[Problem]:
    """Yield what a log that Windows wrote does not have: wrong checksums, hidden records, ids that are left out between chunks.

    A log that was in use (flag of the file header) has a current chunk whose checksums may be old; it is left out.
    """
    dirty, current, unsummed, view = False, -1, False, memoryview(data)
    if data.startswith(b"ElfFile\0"):
        flags, current = int.from_bytes(data[120:124], "little"), int.from_bytes(data[16:24], "little")
        dirty, unsummed = bool(flags & _DIRTY), bool(flags & _NO_CHECKSUMS)
    before: Chunk | None = None
    mixed = _mixed(chunks)
    if mixed:
        yield Problem("its chunks are of different times: their ids rise and fall several times", kind="evtx-mixed")
    elif data.startswith(b"ElfFile\0"):
        yield from _of_header(data, chunks, current, dirty)
    headed = not unsummed and data.startswith(b"ElfFile\0") and chunks[:1] and chunks[0].place == "0"
    if headed and zlib.crc32(data[:120]) != int.from_bytes(data[124:128], "little"):
        yield Problem("the checksum of its file header does not fit: it was changed after it was written", kind="evtx-checksum")
    for chunk in chunks:
        where = f"chunk/{chunk.place}"
        for record in chunk.differing:
            reason = "a record has another size at its end than at its beginning"
            yield Problem(reason, f"{where}/offset/{chunk.at + record:#x}", kind="" if mixed else "evtx-record-size")
        for outer, inner, end in chunk.hidden:
            reason = f"a record of {end - inner} bytes is hidden within the record before it, which has the size of both; it was read"
            yield Problem(reason, f"{where}/offset/{chunk.at + outer:#x}", kind="evtx-hidden-record")
        if chunk.ids and not chunk.odd and not (dirty and chunk.place == str(current)):
            wrong = _checksums(view[chunk.at : chunk.at + chunk.size], unsummed)
            if wrong:
                reason = f"{wrong} does not fit: the chunk was changed after it was written"
                yield Problem(reason, where, kind="" if mixed else "evtx-checksum")
        if mixed:
            continue
        if before is not None and before.ids and chunk.ids and chunk.ids[0] > max(before.ids[-1], *before.missing[-1:], 0) + 1:
            yield Problem(f"record ids {before.ids[-1] + 1}-{chunk.ids[0] - 1} are left out before it", where, kind="evtx-record-gap")
        before = chunk


def _of_header(data: bytes, chunks: list[Chunk], current: int, dirty: bool) -> Iterator[Problem]:
    """Yield what the file header says of the last record and of the number of chunks, and the log contradicts.

    The header of a log in use is behind its content, and never ahead of it.
    """
    following, counted = int.from_bytes(data[24:32], "little"), int.from_bytes(data[42:44], "little")
    for chunk in chunks:
        known = [*chunk.ids, *chunk.missing]
        if chunk.place == str(current) and known and max(known) + 1 < following:
            reason = f"its header says that record {following} is next, and record {max(known)} is the last one that is there"
            yield Problem(reason, f"chunk/{chunk.place}", kind="evtx-end-removed")
        if not dirty and chunk.ids and chunk.place.isdigit() and int(chunk.place) >= counted:
            yield Problem(f"its header counts {counted} chunks, this one is not one of them", f"chunk/{chunk.place}", kind="evtx-mixed")


def _mixed(chunks: list[Chunk]) -> bool:
    """Return whether ids fall more than once from chunk to chunk. A log is a ring: they fall where the newest chunk meets the oldest."""
    first = [chunk.ids[0] for chunk in chunks if chunk.ids]
    return sum(later < earlier for earlier, later in pairwise(first)) > 1


def _checksums(block: memoryview, unsummed: bool) -> str:
    """Return which checksum of a chunk is wrong, '' if both fit, or if the log has none (`unsummed`) and neither has the chunk."""
    if unsummed and not any(block[52:56]) and not any(block[124:128]):
        return ""
    said_data, free = int.from_bytes(block[52:56], "little"), int.from_bytes(block[48:52], "little")
    wrong = []
    if zlib.crc32(block[128:RECORDS], zlib.crc32(block[:120])) != int.from_bytes(block[124:128], "little"):
        wrong.append("the checksum of its header")
    if RECORDS <= free <= len(block) and zlib.crc32(block[RECORDS:free]) != said_data:
        wrong.append("the checksum of its records")
    return " and ".join(wrong)


def _hidden(block: bytes, starts: list[int], marks: list[int]) -> tuple[tuple[int, int, int], ...]:
    """Return the records hidden within the one before: their signature, and a size that ends exactly where the outer record ends."""
    found = []
    for start in starts:
        _, size, outer = _RECORD(block, start)
        end = start + size
        for at in marks[bisect_left(marks, start + SMALLEST) : bisect_right(marks, end - SMALLEST - len(_SIGNATURE))]:
            _, length, record = _RECORD(block, at)
            if at + length == end and 0 <= record - outer < CHUNK:
                found.append((start, at, end))
                break
    return tuple(found)


def _chunk(block: bytes, place: str, at: int) -> Chunk:
    size = len(block)
    if size <= RECORDS:
        return Chunk(place, at, size, [], [], [], f"chunk is cut: {size} of {CHUNK} bytes")
    _, _, _, low, high, header, _, free = _CHUNK(block)
    end = free if RECORDS <= free <= CHUNK else CHUNK
    marks = _signatures(block)
    ids, gaps, starts, differing, p, last = [], [], [], [], RECORDS, min(end, size) - 24
    while p <= last:
        signature, length, record = _RECORD(block, p)
        behind = p + length
        if signature == 0x2A2A and length >= SMALLEST and behind <= size:
            ids.append(record)
            starts.append(p)
            if _SIZE(block, behind - 4)[0] != length:
                differing.append(p)
        else:
            behind = _resume(block, p + 1, end, marks)
            gaps.append((p, behind))
        p = behind
    if differing and differing[-1] == starts[-1]:  # Windows had not written all of the last record when the log was copied
        behind = differing[-1] + _RECORD(block, differing[-1])[1]
        if not _SIZE(block, behind - 4)[0]:
            differing.pop()
    among = bisect_right(marks, end - len(_SIGNATURE)) - bisect_left(marks, RECORDS)
    hidden = _hidden(block, starts, marks) if among > len(starts) else ()
    for outer, inner, _ in hidden:
        ids.insert(ids.index(_RECORD(block, outer)[2]) + 1, _RECORD(block, inner)[2])
    signed = block.startswith(MARK)
    sane = high != _NO_RECORD and 0 <= high - low < CHUNK // SMALLEST and (signed or (ids and header == HEADER_SIZE))
    promised = range(low, high + 1) if sane else range(0)
    there = set(ids)
    missing = [] if there.issuperset(promised) else [i for i in promised if i not in there]
    odd = "" if signed else "chunk has no ElfChnk signature"
    if size < CHUNK:
        odd = "; ".join(filter(None, (odd, f"chunk is cut: {size} of {CHUNK} bytes")))
    return Chunk(place, at, size, ids, missing, gaps, odd, tuple(differing), hidden)


def _signatures(block: bytes) -> list[int]:
    """Return the offsets at which the signature of a record is, also those within the data of records."""
    return [start for _, start, _ in _SEARCH(block)]


def records(block: bytes) -> Iterator[tuple[int, int]]:
    """Yield (id, offset) of the records of a complete chunk."""
    p = RECORDS
    while p + SMALLEST <= len(block):
        signature, length, record = _RECORD(block, p)
        if signature != 0x2A2A or length < SMALLEST:
            return
        yield record, p
        p += length


def template_missing(block: bytes, record: int) -> str:
    """Return why nobody can read the record at an offset of a chunk: another record was written over its template. '' if it is there.

    A chunk has each template once, and a chunk that is used again keeps only pieces of the former one: records without their templates.
    """
    at = record + 24
    if block[at : at + len(_INSTANCE)] != _INSTANCE or len(block) < at + 14:
        return ""
    number, template = block[at + 6 : at + 10], int.from_bytes(block[at + 10 : at + 14], "little")
    if block[template + 4 : template + 8] == number:  # behind the offset of the next template
        return ""
    return f"the template at {template:#x} of its chunk, which has its elements, is not there"


def _resume(block: bytes, start: int, end: int, marks: list[int]) -> int:
    """Return where the next complete record begins: signature, plausible size, and the copy of the size at its end."""
    for n in range(bisect_left(marks, start), bisect_right(marks, min(end, len(block) - SMALLEST))):
        at = marks[n]
        size: int = _SIZE(block, at + 4)[0]
        if size >= SMALLEST and at + size <= len(block) and _SIZE(block, at + size - 4)[0] == size:
            return at
    return end
