"""Content of a member, read while the archive is decrypted."""

from __future__ import annotations

from collections.abc import Iterator

from scout.archive.inlet import DecryptedInput

_PIECE = 1 << 20


class MemberStream:
    """Content of a member: `size` bytes, holes as zeros; fewer where the archive is cut."""

    def __init__(self, inlet: DecryptedInput, stored: int, size: int, extents: tuple[tuple[int, int], ...] | None) -> None:
        self._inlet, self._left, self.size, self.extents = inlet, stored, size, extents
        self._at = 0
        self._next = 0
        self.cut = False

    def read(self, n: int = -1) -> bytes:
        """Return the next `n` bytes, or the rest for -1 (check `size` first: a sparse file may claim terabytes); b'' at the end."""
        left = self.size - self._at
        n = left if n < 0 else min(n, left)
        if self.extents is None:
            return self._stored(n)
        pieces = []
        while n > 0 and not self.cut:
            piece = self._sparse(n)
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def chunks(self) -> Iterator[bytes]:
        """Yield the rest in pieces of 1 MiB."""
        while piece := self.read(_PIECE):
            yield piece

    def data(self) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, bytes) of the data in the archive, without holes, in pieces of at most 1 MiB. Use it instead of `read`."""
        for offset, length in ((0, self.size),) if self.extents is None else self.extents:
            done = 0
            while done < length and not self.cut:
                piece = self._stored(min(length - done, _PIECE))
                if piece:
                    yield offset + done, piece
                done += len(piece)

    def skip(self) -> None:
        """Skip the rest and the padding behind it."""
        while self._left > 0 and not self.cut:
            self._stored(min(self._left, _PIECE))

    def _stored(self, n: int) -> bytes:
        n = min(n, self._left)
        piece = self._inlet.read(n)
        self._left -= len(piece)
        self._at += len(piece)
        if len(piece) < n:
            self.cut = True
        return piece

    def _sparse(self, n: int) -> bytes:
        assert self.extents is not None
        while self._next < len(self.extents) and sum(self.extents[self._next]) <= self._at:
            self._next += 1
        start, length = self.extents[self._next] if self._next < len(self.extents) else (self.size, 0)
        if self._at < start:
            hole = min(n, start - self._at, _PIECE)
            self._at += hole
            return bytes(hole)
        return self._stored(min(n, start + length - self._at, _PIECE))
