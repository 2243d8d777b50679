"""ISO 9660 images, with Joliet names where they are there. Sources: ECMA-119; Joliet Specification, Microsoft."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import BinaryIO, Self

from commodore.readers.archives.model import Budget, Entry, unpacked

NAME = "iso"
MAGIC = ((32_769, b"CD001"),)
_SECTOR = 2048
_FOLDERS = 10_000
_LARGEST_FOLDER = 4 << 20
_DESCRIPTORS = 64


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield files and folders, each folder once however often the image names it."""
    start, size, wide = _root(stream)
    queue, seen = deque([("", start, size)]), {start}
    while queue:
        folder, sector, length = queue.popleft()
        stream.seek(sector * _SECTOR)
        for label, at, count, flags, when in _records(stream.read(min(length, _LARGEST_FOLDER)), wide=wide):
            entry = Entry(folder + label, count, count, when)
            if flags & 2:
                entry.kind = "dir"
                if at not in seen and len(seen) < _FOLDERS and len(budget.name(entry.name)) == len(entry.name):
                    seen.add(at)
                    queue.append((f"{folder}{label}/", at, count))
            else:
                unpacked(entry, budget, partial(_part, stream, at * _SECTOR, count))
            yield entry


class _Part:
    """A part of the image as a stream that can be read once."""

    def __init__(self, stream: BinaryIO, count: int) -> None:
        self._stream, self._left = stream, count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def _part(stream: BinaryIO, at: int, count: int) -> BinaryIO:
    stream.seek(at)
    return _Part(stream, count)  # type: ignore[return-value]  # `unpacked` reads it once


def _root(stream: BinaryIO) -> tuple[int, int, bool]:
    """Return sector and size of the root folder, and whether names have 16 bits."""
    found: tuple[int, int, bool] | None = None
    for number in range(16, 16 + _DESCRIPTORS):
        stream.seek(number * _SECTOR)
        block = stream.read(_SECTOR)
        if len(block) < _SECTOR or block[1:6] != b"CD001" or block[0] == 255:
            break
        sector, size = struct.unpack_from("<I", block, 158)[0], struct.unpack_from("<I", block, 166)[0]
        if block[0] == 2 and block[88:91] in (b"%/@", b"%/C", b"%/E"):
            return sector, size, True
        if block[0] == 1 and found is None:
            found = sector, size, False
    if found is None:
        raise ValueError("no volume descriptor")
    return found


def _records(data: bytes, *, wide: bool) -> Iterator[tuple[str, int, int, int, str]]:
    at = 0
    while at + 34 <= len(data):
        length = data[at]
        if not length:
            at = (at // _SECTOR + 1) * _SECTOR
            continue
        record = data[at : at + length]
        at += length
        if len(record) < 34:
            return
        raw = record[33 : 33 + record[32]]
        if raw in (b"\0", b"\1"):
            continue
        label = raw.decode("utf-16-be", "replace") if wide else raw.decode("latin-1")
        where, count = struct.unpack_from("<I", record, 2)[0], struct.unpack_from("<I", record, 10)[0]
        yield label.split(";")[0].replace("/", "_"), where, count, record[25], _time(record[18:25])


def _time(raw: bytes) -> str:
    year, month, day, hour, minute, second, zone = struct.unpack("6Bb", raw)
    try:
        moment = datetime(1900 + year, month, day, hour, minute, second, tzinfo=UTC) - timedelta(minutes=15 * zone)
    except (ValueError, OverflowError):
        return ""
    return moment.isoformat().replace("+00:00", "Z")
