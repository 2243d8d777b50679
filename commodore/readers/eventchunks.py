"""Chunks and records of a Windows event log as their headers and signatures show them, found without the parser.

Sources: Joachim Metz, Windows XML Event Log (EVTX) format: file header, chunk, event record.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

FILE_HEADER, CHUNK, RECORDS = 4096, 65536, 512
MARK = b"ElfChnk\0"
_CHUNK = struct.Struct("<8sQQQQIII").unpack_from
"""Magic, first and last record number, first and last record id, header size, last record offset, free space offset."""
HEADER_SIZE = 128
_RECORD = struct.Struct("<IIQ").unpack_from
_SIGNATURE = b"\x2a\x2a\x00\x00"
SMALLEST = 28
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


def survey(data: bytes, base: int = 0) -> list[Chunk]:
    """Return all chunks of `data`, which begins with a file header or a chunk. `base` is the offset of `data` in the member.

    Chunks stand one behind the other, but logs are also cut, put together, and overwritten: what is no chunk ends at the next signature.
    """
    found = []
    at = 0 if not base and data.startswith(MARK) else FILE_HEADER
    while at < len(data):
        away = base + at - FILE_HEADER
        place = f"@{base + at}" if away % CHUNK else str(away // CHUNK)
        block = data[at : at + CHUNK]
        chunk = _chunk(block, place, at)
        following = block.find(MARK, 1)
        if following > 0 and (chunk.gaps or not block.startswith(MARK)):  # in a whole chunk, the signature is the data of an event
            block = block[:following]
            chunk = _chunk(block, place, at)
        if block.startswith(b"ElfFile\0") and not chunk.ids:  # the header of another log that stands behind the first
            block = block[:FILE_HEADER]
        elif block.startswith(MARK) or block.count(0) != len(block):
            found.append(chunk)
        at += len(block)
    return found


def _chunk(block: bytes, place: str, at: int) -> Chunk:
    if len(block) <= RECORDS:
        return Chunk(place, at, len(block), [], [], [], f"chunk is cut: {len(block)} of {CHUNK} bytes")
    _, _, _, low, high, size, _, free = _CHUNK(block)
    end = free if RECORDS <= free <= CHUNK else CHUNK
    ids, gaps, p = [], [], RECORDS
    while p + 24 <= min(end, len(block)):
        signature, length, record = _RECORD(block, p)
        if signature == 0x2A2A and length >= SMALLEST and p + length <= len(block):
            ids.append(record)
            p += length
            continue
        behind = _resume(block, p + 1, end)
        gaps.append((p, behind))
        p = behind
    signed = block.startswith(MARK)
    sane = high != _NO_RECORD and 0 <= high - low < CHUNK // SMALLEST and (signed or (ids and size == HEADER_SIZE))
    promised = range(low, high + 1) if sane else range(0)
    there = set(ids)
    missing = [] if there.issuperset(promised) else [i for i in promised if i not in there]
    odd = "" if signed else "chunk has no ElfChnk signature"
    if len(block) < CHUNK:
        odd = "; ".join(filter(None, (odd, f"chunk is cut: {len(block)} of {CHUNK} bytes")))
    return Chunk(place, at, len(block), ids, missing, gaps, odd)


def _resume(block: bytes, start: int, end: int) -> int:
    """Return where the next complete record begins: signature, plausible size, and the copy of the size at its end."""
    at = block.find(_SIGNATURE, start, end)
    while at >= 0:
        size = int.from_bytes(block[at + 4 : at + 8], "little")
        if size >= SMALLEST and at + size <= len(block) and block[at + size - 4 : at + size] == block[at + 4 : at + 8]:
            return at
        at = block.find(_SIGNATURE, at + 1, end)
    return end
