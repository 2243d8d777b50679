"""Cabinets of Microsoft, stored or MSZIP; those with LZX or Quantum are listed. Source: [MS-CAB] Cabinet File Format."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, NamedTuple

from commodore.readers.archives.formats._dos import dos_time
from commodore.readers.archives.model import Budget, Entry, unpacked

NAME = "cab"
MAGIC = ((0, b"MSCF\0\0\0\0"),)
_PREVIOUS, _NEXT, _RESERVE = 1, 2, 4
_BLOCK = 32_768
_KINDS = {0: "stored", 1: "MSZIP", 2: "Quantum", 3: "LZX"}


class _Folder(NamedTuple):
    start: int
    blocks: int
    kind: int


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield the files in their order."""
    head = stream.read(36)
    files_at, folders, files, flags = *struct.unpack_from("<I", head, 16), *struct.unpack_from("<HHH", head, 26)
    header = folder = data = 0
    if flags & _RESERVE:
        header, folder, data = struct.unpack("<HBB", stream.read(4))
        stream.read(header)
    for _ in range(2 * bool(flags & _PREVIOUS) + 2 * bool(flags & _NEXT)):
        _text(stream)
    found = []
    for _ in range(folders):
        found.append(_Folder(*struct.unpack("<IHH", stream.read(8))))
        stream.read(folder)
    stream.seek(files_at)
    listed = [_file(stream) for _ in range(min(files, 65_535))]
    made: dict[int, bytes | str] = {}
    """the folder that was read last: all of them together may be larger than the memory"""
    for label, size, offset, number, modified in listed:
        entry = Entry(label.replace("\\", "/"), size, -1, modified, local=True)
        if number not in made:
            made.clear()
            made[number] = _unpacked(stream, found[number], data, budget) if number < len(found) else "in another cabinet of the set"
        content = made[number]
        if isinstance(content, str):
            entry.state = content
        elif offset + size > len(content):
            entry.state = "damaged: the folder ends before the file"
        else:
            unpacked(entry, budget, partial(io.BytesIO, content[offset : offset + size]))
        yield entry


def _text(stream: BinaryIO) -> str:
    made = bytearray()
    while len(made) < 1024 and (byte := stream.read(1)) not in (b"", b"\0"):
        made += byte
    return made.decode("utf-8", "replace")


def _file(stream: BinaryIO) -> tuple[str, int, int, int, str]:
    size, offset, folder, day, time, _ = struct.unpack("<IIHHHH", stream.read(16))
    return _text(stream), size, offset, folder, dos_time(day, time)


def _unpacked(stream: BinaryIO, folder: _Folder, reserve: int, budget: Budget) -> bytes | str:
    kind = folder.kind & 0xF
    if kind > 1:
        return f"not unpacked: compressed with {_KINDS.get(kind, kind)}"
    stream.seek(folder.start)
    made, most = bytearray(), budget.left()
    for _ in range(folder.blocks):
        head = stream.read(8)
        if len(head) < 8:
            return "damaged: the cabinet is cut"
        _, packed, plain = struct.unpack("<IHH", head)
        stream.read(reserve)
        block = stream.read(packed)
        if kind == 1:
            try:
                engine = zlib.decompressobj(-15, zdict=bytes(made[-_BLOCK:])) if made else zlib.decompressobj(-15)
                block = engine.decompress(block[2:], _BLOCK)
            except zlib.error as e:
                return f"damaged: {e}"
        made += block[:plain] if plain else block
        if len(made) > most:
            budget.take(made)
            return budget.cut("a folder of the cabinet", most)
    budget.take(made)
    return bytes(made)
