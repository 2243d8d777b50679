"""Dynamic VHD disks with FAT, with or without a table of partitions. Source: Virtual Hard Disk Image Format Specification, Microsoft."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, cast

from commodore.readers.archives.formats import fat_image
from commodore.readers.archives.model import Budget, Entry

NAME = "vhd"
MAGIC = ((0, b"conectix"),)
_SECTOR = 512
_MOST_BLOCKS = 1 << 20
_ABSENT = 0xFFFFFFFF


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:
    """Yield what the FAT file systems of the disk hold. Raises ValueError for a disk of another kind."""
    disk = cast(BinaryIO, _Disk(stream))
    found = False
    for base in _volumes(disk):
        disk.seek(base)
        head = disk.read(_SECTOR)
        if any(head.startswith(sign, at) for at, sign in fat_image.MAGIC):
            found = True
            yield from fat_image.read(disk, budget, name, base)
    if not found:
        raise ValueError("no file system of the disk is FAT: give it to `scout collect --image`")


def _volumes(disk: BinaryIO) -> Iterator[int]:
    """Yield the places at which a volume may begin: the disk itself, and its partitions."""
    yield 0
    disk.seek(0)
    head = disk.read(_SECTOR)
    if head[510:512] == b"\x55\xaa":
        for at in range(446, 510, 16):
            start, size = struct.unpack_from("<II", head, at + 8)
            if start and size:
                yield start * _SECTOR


class _Disk:
    """The content of a dynamic disk as a stream; a block that is not in the file is zeros."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._at = stream, 0
        stream.seek(_SECTOR)
        header = stream.read(1024)
        if header[:8] != b"cxsparse":
            raise ValueError("a VHD that is neither fixed nor dynamic")
        table, _, blocks, self._block = struct.unpack_from(">QIII", header, 16)
        if not 0 < blocks <= _MOST_BLOCKS or self._block % _SECTOR or not _SECTOR <= self._block <= 64 << 20:
            raise ValueError("the header has no sizes of a VHD")
        stream.seek(table)
        self._places = struct.unpack(f">{blocks}I", stream.read(blocks * 4))
        self._map = -(-self._block // (_SECTOR * 8 * _SECTOR)) * _SECTOR
        self._size = blocks * self._block

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def read(self, size: int) -> bytes:
        parts, left = [], max(0, min(size, self._size - self._at))
        while left:
            number, skip = divmod(self._at, self._block)
            count, place = min(left, self._block - skip), self._places[number]
            if place == _ABSENT:
                piece = bytes(count)
            else:
                self._stream.seek(place * _SECTOR + self._map + skip)
                piece = self._stream.read(count)
            if not piece:
                break
            parts.append(piece)
            self._at += len(piece)
            left -= len(piece)
        return b"".join(parts)
