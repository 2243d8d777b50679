"""Values by key, for millions of them: compressed in blocks, with twelve bytes for each in memory."""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from functools import lru_cache
from hashlib import blake2b

import zstandard

_BLOCK = 1 << 17
"""bytes of values that are compressed together"""
_PARTS = 4096
_LENGTH = struct.Struct("<I")


class PackedLookup:
    """Bytes by key, several to a key. Keys are compared by 64 bits of a keyed hash, which nobody can aim at."""

    def __init__(self) -> None:
        self._secret = os.urandom(16)
        self._hashes = [array("Q") for _ in range(_PARTS)]
        self._numbers = [array("I") for _ in range(_PARTS)]
        self._open: list[bytes] = []
        self._weight = self._count = 0
        self._blocks: list[bytes] = []
        self._first = array("I")
        """number of the first value of each block"""
        self._unpacked = lru_cache(maxsize=16)(self._unpack)

    def add(self, key: str, value: bytes) -> None:
        """Take one value."""
        digest = self._hash(key)
        self._hashes[digest % _PARTS].append(digest)
        self._numbers[digest % _PARTS].append(self._count)
        self._open.append(value)
        self._count += 1
        self._weight += len(value) + _LENGTH.size
        if self._weight >= _BLOCK:
            self._first.append(self._count - len(self._open))
            text = b"".join(part for one in self._open for part in (_LENGTH.pack(len(one)), one))
            self._blocks.append(zstandard.ZstdCompressor(level=1).compress(text))
            self._open, self._weight = [], 0

    def get(self, key: str) -> list[bytes]:
        """Return the values of a key, in the order in which they came."""
        digest = self._hash(key)
        hashes, numbers = self._hashes[digest % _PARTS], self._numbers[digest % _PARTS]
        found: list[bytes] = []
        at = -1
        while True:
            try:
                at = hashes.index(digest, at + 1)
            except ValueError:
                return found
            found.append(self._value(numbers[at]))

    def _hash(self, key: str) -> int:
        return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=8).digest(), "little")

    def _value(self, number: int) -> bytes:
        closed = self._count - len(self._open)
        if number >= closed:
            return self._open[number - closed]
        block = bisect_right(self._first, number) - 1
        return self._unpacked(block)[number - self._first[block]]

    def _unpack(self, block: int) -> list[bytes]:
        text = zstandard.ZstdDecompressor().decompress(self._blocks[block])
        values, at = [], 0
        while at < len(text):
            (length,) = _LENGTH.unpack_from(text, at)
            values.append(text[at + _LENGTH.size : at + _LENGTH.size + length])
            at += _LENGTH.size + length
        return values
