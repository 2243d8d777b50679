"""The answer of an HTTP server, bounded in bytes and time whatever the server sends.

`http.client` reads a line or a body for as long as one byte arrives before each time-out, reads answers of `100 Continue` without end, and
takes a chunk of negative size as all that the server will ever send. `BoundedAnswer` is its response class with a reader below it that
counts. Every connection to a server that is not ours uses it.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any

HEADS = 256 << 10
"""bytes of the head, besides those of the body"""
LINES, SHORTEST = 10_000, 64
"""lines of an answer, and the bytes that each further one must have on average: heads, and the sizes of chunks"""
GRACE, RATE = 60.0, 16 << 10
"""seconds that any answer may take, and bytes a second beyond them"""


class AnswerError(http.client.HTTPException):
    """The answer is larger, slower, or packed in another way than it may be."""


class _Counted(io.RawIOBase):
    """Reader over the buffered reader of a socket: at most `most` bytes, and no slower than `RATE` after `GRACE`."""

    def __init__(self, inner: io.BufferedReader, most: int) -> None:
        super().__init__()
        self._inner, self.most, self._read, self._lines = inner, most, 0, 0
        self._began = time.monotonic()

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        """Return what one read of the socket gives, b'' at the end."""
        self._check()
        piece = self._inner.read1(min(size, 1 << 16) if size >= 0 else 1 << 16)
        self._read += len(piece)
        return piece

    def read(self, size: int | None = -1) -> bytes:
        """Return `size` bytes, or fewer at the end; all where it is negative."""
        wanted = self.most + 1 if size is None or size < 0 else size
        parts: list[bytes] = []
        while wanted > 0 and (piece := self.read1(wanted)):
            parts.append(piece)
            wanted -= len(piece)
        self._check()
        return b"".join(parts)

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def readline(self, size: int | None = -1) -> bytes:
        """Return a line of at most `size` bytes with its end."""
        most = self.most if size is None or size < 0 else size
        parts, left = [], most
        self._lines += 1
        while left > 0:
            self._check()
            ahead = self._inner.peek(1)[:left]
            piece = self._inner.read(ahead.find(b"\n") + 1 or len(ahead))
            self._read += len(piece)
            parts.append(piece)
            left -= len(piece)
            if not piece or piece.endswith(b"\n"):
                break
        return b"".join(parts)

    def peek(self, size: int = 0) -> bytes:
        return self._inner.peek(size)

    def close(self) -> None:
        self._inner.close()
        super().close()

    def _check(self) -> None:
        if (self._lines - LINES) * SHORTEST > self._read:
            raise AnswerError(f"the answer has more than {LINES:,} short lines")
        if self._read > self.most:
            raise AnswerError(f"the answer is longer than {self.most:,} bytes")
        if time.monotonic() - self._began > GRACE + self._read / RATE:
            raise AnswerError("the answer comes too slowly")


class BoundedAnswer(http.client.HTTPResponse):
    """An answer of at most `most` bytes. One that is packed is refused: nobody here asks for that, and it may unpack without end."""

    most = 64 << 10

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fp: Any = _Counted(self.fp, HEADS)

    def begin(self) -> None:
        """Read the head."""
        counted = self.fp
        super().begin()
        counted.most = HEADS + self.most
        packed = (self.headers.get("Content-Encoding") or "identity").strip().lower()
        if packed not in ("identity", ""):
            self.close()
            raise AnswerError(f"the answer is packed ({packed[:40]}), which nobody asked for")
