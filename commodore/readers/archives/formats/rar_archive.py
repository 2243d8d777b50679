"""RAR 4 and 5: entries are listed; stored ones are read. No free library unpacks the rest. Source: RAR technote, rarlab.com."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from commodore.readers.archives.formats._dos import dos_time
from commodore.readers.archives.model import Budget, Entry

NAME = "rar"
MAGIC = ((0, b"Rar!\x1a\x07\x00"), (0, b"Rar!\x1a\x07\x01\x00"))
_NOT = "not unpacked: RAR compression"
_LOCKED = "encrypted: not opened"
_BLOCKS = 100_000


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield the entries in their order."""
    head = stream.read(8)
    if head[6:8] == b"\x01\x00":
        yield from _five(stream, budget)
    else:
        stream.seek(7)
        yield from _four(stream, budget)


def _content(stream: BinaryIO, entry: Entry, budget: Budget, size: int) -> None:
    """Read a stored entry, whose bytes follow its header."""
    most = budget.left()
    if size > most:
        entry.state = budget.cut(entry.name, most)
        return
    entry.content = stream.read(size)
    budget.take(entry.content)
    if len(entry.content) < size:
        entry.state = "damaged: the archive is cut"


def _four(stream: BinaryIO, budget: Budget) -> Iterator[Entry]:
    for _ in range(_BLOCKS):
        at = stream.tell()
        head = stream.read(7)
        if len(head) < 7:
            return
        _, kind, flags, size = struct.unpack("<HBHH", head)
        if size < 7:
            raise ValueError("a block has an impossible size")
        body = stream.read(size - 7)
        more = struct.unpack_from("<I", body)[0] if flags & 0x8000 or kind == 0x74 else 0
        if kind == 0x73 and flags & 0x80:
            raise ValueError("the headers are encrypted: no name can be read")
        if kind == 0x74:
            packed, plain, _, _, stamp, _, method, length, _ = struct.unpack_from("<IIBIIBBHI", body)
            start = 25
            if flags & 0x100:
                high_packed, high_plain = struct.unpack_from("<II", body, start)
                packed, plain, start = packed | high_packed << 32, plain | high_plain << 32, start + 8
                more = packed
            raw = body[start : start + length].split(b"\0", 1)[0]
            entry = Entry(
                raw.decode("utf-8", "replace").replace("\\", "/"), plain, packed, dos_time(stamp >> 16, stamp & 0xFFFF), local=True
            )
            if flags & 0xE0 == 0xE0:
                entry.kind = "dir"
            elif flags & 4:
                entry.state = _LOCKED
            elif method == 0x30 and packed == plain:
                _content(stream, entry, budget, plain)
            else:
                entry.state = _NOT
            yield entry
        if kind == 0x7B:
            return
        stream.seek(at + size + more)


def _number(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise EOFError("the archive is cut")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("an impossible number")


def _five(stream: BinaryIO, budget: Budget) -> Iterator[Entry]:
    for _ in range(_BLOCKS):
        if len(stream.read(4)) < 4:
            return
        size = _number(stream)
        start = stream.tell()
        kind, flags = _number(stream), _number(stream)
        extra = _number(stream) if flags & 1 else 0
        more = _number(stream) if flags & 2 else 0
        if kind == 4:
            raise ValueError("the headers are encrypted: no name can be read")
        if kind == 2:
            yield _file_of_five(stream, budget, start + size, extra, more)
        if kind == 5:
            return
        stream.seek(start + size + more)


def _file_of_five(stream: BinaryIO, budget: Budget, end: int, extra: int, packed: int) -> Entry:
    flags, plain, _ = _number(stream), _number(stream), _number(stream)
    stamp = struct.unpack("<I", stream.read(4))[0] if flags & 2 else 0
    if flags & 4:
        stream.read(4)
    method, _, length = _number(stream), _number(stream), _number(stream)
    name = stream.read(min(length, 65_535)).decode("utf-8", "replace")
    modified = datetime.fromtimestamp(stamp, UTC).isoformat().replace("+00:00", "Z") if stamp else ""
    entry = Entry(name, plain, packed, modified)
    locked = False
    if extra:
        stream.seek(end - extra)
        _number(stream)
        locked = _number(stream) == 1
    stream.seek(end)
    if flags & 1:
        entry.kind = "dir"
    elif locked:
        entry.state = _LOCKED
    elif method >> 7 & 7 == 0 and packed == plain:
        _content(stream, entry, budget, plain)
    else:
        entry.state = _NOT
    return entry
