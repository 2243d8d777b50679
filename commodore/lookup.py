"""Rows for millions of members: compressed in blocks, with few bytes for each in memory. Nothing that others wrote is unpacked."""

from __future__ import annotations

import marshal
import os
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import zstandard

_BLOCK = 512
"""rows that are compressed together, and bytes after which fewer are"""
_WEIGHT = 1 << 17
_PARTS = 4096
_HASHES, _NUMBERS = partial(array, "Q"), partial(array, "I")


class PackedRows:
    """Tuples of plain values (text, bytes, numbers, None, lists, dicts) in the order in which they came."""

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._weight = self._count = 0
        self._blocks: list[bytes] = []
        self._first = array("I")
        """number of the first row of each block"""
        self._unpacked = lru_cache(maxsize=16)(
            partial(_unpack, self._blocks)
        )  # of a method it would keep this object until a full collection

    def append(self, row: tuple[Any, ...]) -> None:
        """Take one row."""
        packed = marshal.dumps(row)
        self._open.append(packed)
        self._count += 1
        self._weight += len(packed)
        if len(self._open) >= _BLOCK or self._weight >= _WEIGHT:
            self._first.append(self._count - len(self._open))
            self._blocks.append(zstandard.ZstdCompressor(level=1).compress(marshal.dumps(self._open)))
            self._open, self._weight = [], 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        closed = self._count - len(self._open)
        if number >= closed:
            return marshal.loads(self._open[number - closed])  # type: ignore[no-any-return]  # noqa: S302  (made by `append`)
        block = bisect_right(self._first, number) - 1
        return marshal.loads(self._unpacked(block)[number - self._first[block]])  # type: ignore[no-any-return]  # noqa: S302

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return map(self.__getitem__, range(self._count))


def _unpack(blocks: list[bytes], number: int) -> list[bytes]:
    """Return the rows of a block. It is no method: a cache of one in its object would keep both until the garbage is collected."""
    return marshal.loads(zstandard.ZstdDecompressor().decompress(blocks[number]))  # type: ignore[no-any-return]  # noqa: S302


class PackedLookup:
    """Rows by key, several to a key. Keys are compared by 64 bits of a keyed hash, which nobody can aim at."""

    def __init__(self) -> None:
        self.rows = PackedRows()
        self._secret = os.urandom(16)
        self._hashes: dict[int, array[int]] = defaultdict(_HASHES)
        self._numbers: dict[int, array[int]] = defaultdict(_NUMBERS)

    def add(self, key: str, row: tuple[Any, ...]) -> None:
        """Take one row."""
        digest = self._hash(key)
        self._hashes[digest % _PARTS].append(digest)
        self._numbers[digest % _PARTS].append(len(self.rows))
        self.rows.append(row)

    def get(self, key: str) -> list[tuple[Any, ...]]:
        """Return the rows of a key, in the order in which they came."""
        digest = self._hash(key)
        found: list[tuple[Any, ...]] = []
        if (hashes := self._hashes.get(digest % _PARTS)) is None:
            return found
        numbers = self._numbers[digest % _PARTS]
        at = -1
        while True:
            try:
                at = hashes.index(digest, at + 1)
            except ValueError:
                return found
            found.append(self.rows[numbers[at]])

    def _hash(self, key: str) -> int:
        return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=8).digest(), "little")
