"""Sort more lines than fit into memory (a list of members has millions): runs are sorted and compressed, and merged when they are read."""

from __future__ import annotations

import heapq
import io
import struct
from collections.abc import Iterator

import zstandard

RUN = 16 << 20
"""bytes of lines and keys that are sorted at a time"""
_BLOCK = 64 << 10
_LENGTHS = struct.Struct("<II")


class SortedLines:
    """Lines in the order of their keys; those with the same key in the order in which they came."""

    def __init__(self) -> None:
        self._rows: list[tuple[bytes, bytes]] = []
        self._weight = 0
        self._runs: list[bytes] = []

    def add(self, key: bytes, line: bytes) -> None:
        """Take one line."""
        self._rows.append((key, line))
        self._weight += len(key) + len(line)
        if self._weight >= RUN:
            self._close()

    def _close(self) -> None:
        self._rows.sort(key=lambda row: row[0])
        text = b"".join(part for key, line in self._rows for part in (_LENGTHS.pack(len(key), len(line)), key, line))
        self._runs.append(zstandard.ZstdCompressor(level=1).compress(text))
        self._rows, self._weight = [], 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines."""
        self._rows.sort(key=lambda row: row[0])
        runs = [*map(_unpacked, self._runs), iter(self._rows)]
        return (line for _, line in heapq.merge(*runs, key=lambda row: row[0]))


def _unpacked(run: bytes) -> Iterator[tuple[bytes, bytes]]:
    with io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(run)), _BLOCK) as stream:
        while head := stream.read(_LENGTHS.size):
            key, line = _LENGTHS.unpack(head)
            yield stream.read(key), stream.read(line)
