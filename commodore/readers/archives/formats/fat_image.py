"""FAT12, FAT16 and FAT32 file systems, as disk images and floppies have them. Source: Microsoft FAT Specification (2005)."""

from __future__ import annotations

import io
import struct
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import BinaryIO, NamedTuple

from commodore.readers.archives.model import Budget, Entry, unpacked

NAME = "fat"
MAGIC = ((54, b"FAT12   "), (54, b"FAT16   "), (82, b"FAT32   "))
_FOLDERS = 10_000
_LARGEST_FOLDER = 2 << 20
_LONG_NAME, _LABEL, _FOLDER = 0x0F, 0x08, 0x10
_LAST = {12: 0xFF8, 16: 0xFFF8, 32: 0xFFFFFF8}


class _Fat(NamedTuple):
    """A file system: places in bytes from `base`, where its boot sector is."""

    stream: BinaryIO
    base: int
    bits: int
    table: bytes
    root: tuple[int, int]
    """place and bytes of the root folder; (0, 0) of FAT32, where it is a chain"""
    first: int
    """first cluster of the root folder of FAT32"""
    data: int
    cluster: int

    def chain(self, first: int, most: int) -> Iterator[int]:
        """Yield the clusters of a file, each once, as many as `most` bytes need."""
        seen: set[int] = set()
        while 2 <= first < _LAST[self.bits] and first not in seen and len(seen) * self.cluster < most:
            seen.add(first)
            yield first
            at = first * self.bits // 8
            raw = self.table[at : at + 4].ljust(4, b"\xff")
            value = int.from_bytes(raw, "little")
            if self.bits == 12:
                first = value >> 4 & 0xFFF if first & 1 else value & 0xFFF
            else:
                first = value & (0xFFFF if self.bits == 16 else 0xFFFFFFF)

    def bytes_of(self, first: int, size: int) -> bytes:
        """Return the content of a chain, at most `size` bytes."""
        made = bytearray()
        for number in self.chain(first, size):
            self.stream.seek(self.base + self.data + (number - 2) * self.cluster)
            piece = self.stream.read(self.cluster)
            made += piece
            if len(piece) < self.cluster:
                break
        return bytes(made[:size])


def read(stream: BinaryIO, budget: Budget, name: str, base: int = 0) -> Iterator[Entry]:  # noqa: ARG001
    """Yield files and folders. `base`: place of the boot sector."""
    fat = _opened(stream, base)
    if fat.root[1]:
        stream.seek(base + fat.root[0])
        listed = stream.read(min(fat.root[1], _LARGEST_FOLDER))
    else:
        listed = fat.bytes_of(fat.first, _LARGEST_FOLDER)
    queue, seen = deque([("", listed)]), {fat.first}
    while queue:
        folder, raw = queue.popleft()
        for label, kind, first, size, when in _records(raw):
            entry = Entry(folder + label, size, size, when, local=True)
            if kind & _FOLDER:
                entry.kind = "dir"
                if first not in seen and len(seen) < _FOLDERS and len(budget.name(entry.name)) == len(entry.name):
                    seen.add(first)
                    queue.append((f"{folder}{label}/", fat.bytes_of(first, _LARGEST_FOLDER)))
            else:
                unpacked(entry, budget, partial(_content, fat, first, size))
            yield entry


def _content(fat: _Fat, first: int, size: int) -> BinaryIO:
    return io.BytesIO(fat.bytes_of(first, size))


def _opened(stream: BinaryIO, base: int) -> _Fat:
    stream.seek(base)
    head = stream.read(512).ljust(512, b"\0")
    sector, per_cluster, reserved, tables, entries, small, _, short = struct.unpack_from("<HBHBHHBH", head, 11)
    (large,) = struct.unpack_from("<I", head, 32)
    size = short or struct.unpack_from("<I", head, 36)[0]
    if sector not in (512, 1024, 2048, 4096) or per_cluster not in (1, 2, 4, 8, 16, 32, 64, 128) or not 1 <= tables <= 4:
        raise ValueError("the boot sector has no sizes of FAT")
    root_size = entries * 32
    data = (reserved + tables * size) * sector + -(-root_size // sector) * sector
    clusters = ((small or large) * sector - data) // (sector * per_cluster)
    bits = 12 if clusters < 4085 else 16 if clusters < 65_525 else 32
    bits = bits if short else 32
    stream.seek(base + reserved * sector)
    table = stream.read(min(size * sector, 32 << 20))
    first = struct.unpack_from("<I", head, 44)[0] if bits == 32 else 0
    return _Fat(stream, base, bits, table, ((reserved + tables * size) * sector, root_size), first, data, sector * per_cluster)


def _records(raw: bytes) -> Iterator[tuple[str, int, int, int, str]]:
    """Yield (name, attributes, first cluster, size, time of the last change) of a folder; deleted ones are left out."""
    long: dict[int, str] = {}
    for at in range(0, len(raw) - 31, 32):
        row = raw[at : at + 32]
        if row[0] == 0:
            return
        if row[0] == 0xE5:
            long.clear()
        elif row[11] & 0x3F == _LONG_NAME:
            long[row[0] & 0x3F] = (row[1:11] + row[14:26] + row[28:32]).decode("utf-16-le", "replace").partition("\0")[0]
        else:
            name = "".join(text for _, text in sorted(long.items())).rstrip("\uffff") or _short(row)
            long.clear()
            if row[11] & _LABEL or name in (".", ".."):
                continue
            high, time, date, low, size = struct.unpack_from("<HHHHI", row, 20)
            yield name.replace("/", "_"), row[11], high << 16 | low, size, _time(date, time)


def _short(row: bytes) -> str:
    stem, ending = row[:8].decode("cp437").rstrip(), row[8:11].decode("cp437").rstrip()
    stem, ending = stem.lower() if row[12] & 0x08 else stem, ending.lower() if row[12] & 0x10 else ending
    return f"{stem}.{ending}" if ending else stem


def _time(date: int, time: int) -> str:
    try:
        when = datetime(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)  # noqa: DTZ001  (local)
    except ValueError:
        return ""
    return f"{when.isoformat()}Z"
