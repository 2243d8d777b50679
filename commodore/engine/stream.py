"""The bytes of one member as they stream by: hashed, and cut into pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from commodore.artefact import Cut

Read = Callable[[int], bytes]
"""n → at most n bytes, b'' at the end"""
_READ = 1 << 20


class ContentSum(NamedTuple):
    """Sums and size of content that was read. `md5`, `sha1`: '' where they were not made."""

    sha256: str
    size: int
    md5: str = ""
    sha1: str = ""


class Hashing:
    """Hash a member's bytes as they are read. `packaged`: by MD5 and SHA-1 too, which lists of packages have."""

    def __init__(self, read: Read, *, packaged: bool = False) -> None:
        self._read, self._hash, self._size = read, hashlib.sha256(), 0
        self._more = (hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)) if packaged else ()

    def read(self, n: int) -> bytes:
        """Return at most `n` bytes, b'' at the end."""
        chunk = self._read(n)
        self._hash.update(chunk)
        for digest in self._more:
            digest.update(chunk)
        self._size += len(chunk)
        return chunk

    def exactly(self, n: int) -> bytes:
        """Return `n` bytes, fewer only at the end."""
        chunk = self.read(n)
        if len(chunk) == n or not chunk:
            return chunk
        parts, have = [chunk], len(chunk)
        while have < n and (chunk := self.read(n - have)):
            parts.append(chunk)
            have += len(chunk)
        return b"".join(parts)

    def drain(self) -> None:
        """Read to the end."""
        while self.read(_READ):
            pass

    def sum(self) -> ContentSum:
        """Return the sums and the size of what was read."""
        return ContentSum(self._hash.hexdigest(), self._size, *(digest.hexdigest() for digest in self._more))


class Piece(NamedTuple):
    """One unit of a member: `data` with the header in front, and the `offset` of the unit in the member, header not counted."""

    data: bytes
    offset: int
    number: int


class Cutter:
    """Cut a stream into pieces as `cut` says: feed chunks, take the pieces that are complete."""

    def __init__(self, cut: Cut) -> None:
        self._cut, self._held, self._header = cut, bytearray(), b""
        self._offset, self._index = cut.header, 0
        self.header = cut.header
        self._full = cut.piece + len(cut.before)

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Take the next bytes of the stream; yield the pieces that they complete."""
        self._held += chunk
        if self._index == 0 and not self._header:
            if len(self._held) < self._cut.header + self._full:
                return
            self._begin()
        while len(self._held) >= self._full:
            yield self._next()

    def end(self) -> Iterator[Piece]:
        """Yield what is left, after the last chunk."""
        if self._index == 0 and not self._header:
            self._begin()
        while self._held:
            yield self._next()

    def _begin(self) -> None:
        self._header = bytes(self._held[: self._cut.header])
        del self._held[: self._cut.header]

    def _next(self) -> Piece:
        """Return the next piece: up to the last place where a block begins, if the rest is more than one piece."""
        size = min(self._cut.piece, len(self._held))
        if self._cut.before and len(self._held) > self._cut.piece:
            found = self._held.rfind(self._cut.before, 1, self._full)
            size = found if found > 0 else size
        with memoryview(self._held) as held:
            piece = Piece(b"".join((self._header, held[:size])), self._offset, self._index)
        del self._held[:size]
        self._offset, self._index = self._offset + size, self._index + 1
        return piece


def after(head: bytes, read: Read) -> Read:
    """Return a read function that gives `head` first."""
    left = [head]

    def joined(n: int) -> bytes:
        if left[0]:
            chunk, left[0] = left[0][:n], left[0][n:]
            return chunk
        return read(n)

    return joined
