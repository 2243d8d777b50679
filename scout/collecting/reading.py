"""Reading one file of the examined root: bounded time, what changed meanwhile, the ends of what is left behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any

from scout.sources.timed_calls import TimedCalls

ENDS = 4 << 10
"""bytes of head and of tail that custody keeps of a file over a limit"""
HASHED = 4_000_000_000
"""bytes of data up to which a file that is left behind is hashed"""
_PIECE = 1 << 20


class Reading:
    """An open file as the archive's writer reads it. `patience` bounds each call."""

    def __init__(self, fd: int, patience: TimedCalls) -> None:
        self.fd, self._patience = fd, patience
        self._ahead = memoryview(b"")
        self._ended = False

    def read(self, n: int, /) -> bytes:
        """At most `n` bytes, b'' at the end. Raises OSError, `Late` where there is no answer."""
        if self._ahead:
            piece, self._ahead = bytes(self._ahead[:n]), self._ahead[n:]
            return piece
        return b"" if self._ended else self._patience.call(os.read, self.fd, n)

    def readinto(self, room: memoryview) -> int:
        """Fill the beginning of `room`; gives the number of bytes."""
        if not self._ahead and not self._ended and not self._patience.seconds and hasattr(os, "readv"):
            return os.readv(self.fd, [room])
        if self._ahead:
            piece, self._ahead = self._ahead[: len(room)], self._ahead[len(room) :]
        else:
            piece = memoryview(self.read(len(room)))
        room[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int) -> int:
        """Go to an offset from the beginning."""
        self._ahead, self._ended = memoryview(b""), False
        return os.lseek(self.fd, offset, os.SEEK_SET)

    def head(self, n: int) -> bytes:
        """The first bytes, once and before any other read; they are kept, so that a small file is read by one call."""
        data = self._patience.call(os.read, self.fd, n)
        self._ahead = memoryview(data)
        self._ended = len(data) < n and not self._patience.seconds
        return data


def changed(before: os.stat_result, after: os.stat_result) -> dict[str, Any]:
    """More for custody where the file changed while it was read; nothing else."""
    if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
        return {}
    what = f"size went from {before.st_size} to {after.st_size}" if before.st_size != after.st_size else "its modification time moved"
    return {"verdict": "changed while read", "error": what}


def left_behind(reading: Reading, size: int, pieces: Sequence[tuple[int, int]] | None, stopped: Callable[[], object]) -> dict[str, Any]:
    """`sha256`, `head` and `tail` of a file that a limit leaves on the host. Raises OSError.

    A sparse file, of which `pieces` are data, is hashed by these alone (`sha256_data`).
    """
    data = size if pieces is None else sum(length for _, length in pieces)
    reading.seek(0)
    head = reading.read(ENDS)
    more: dict[str, Any] = {"head": head}
    if size > ENDS:
        reading.seek(max(size - ENDS, ENDS))
        more["tail"] = reading.read(ENDS)
    if data > HASHED:
        return {**more, "error": f"not hashed: more than {HASHED} bytes of data"}
    digest = hashlib.sha256()
    for offset, length in [(0, size)] if pieces is None else pieces:
        reading.seek(offset)
        while length > 0 and not stopped():
            piece = reading.read(min(length, _PIECE))
            if not piece:
                break
            digest.update(piece)
            length -= len(piece)
    if stopped():
        return {**more, "error": "not hashed: the collection was stopped"}
    return {**more, "sha256" if pieces is None else "sha256_data": digest.hexdigest()}
