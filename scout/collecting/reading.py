"""Read one file of the examined host: bounded time, changes while it was read, head and tail of a file over a limit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from scout.sources.source import SourceFile
from scout.sources.timed_calls import CallTimedOut, TimedCalls

ENDS = 4 << 10
"""bytes of head and of tail that custody stores of a file over a limit"""
HASHED = 4_000_000_000
"""bytes of data up to which a file that is left behind is hashed"""
_PIECE = 1 << 20
PATIENCE = 10
"""a file may take so many times the time of one call; after that it must bring `SLOWEST` bytes a second"""
SLOWEST = 64_000


class Reading:
    """An open file as the archive's writer reads it. `timed` bounds the time of each call."""

    def __init__(self, file: SourceFile, timed: TimedCalls) -> None:
        self._file, self._timed = file, timed
        self._spent, self._brought = 0.0, 0
        self._ahead = memoryview(b"")
        self._ended = False

    def read(self, n: int, /) -> bytes:
        """Return at most `n` bytes, b'' at the end. Raises OSError; `CallTimedOut` where the file system does not answer."""
        if self._ahead:
            piece, self._ahead = bytes(self._ahead[:n]), self._ahead[n:]
            return piece
        return b"" if self._ended else self._asked(n)

    def _asked(self, n: int) -> bytes:
        """Read from the file. A file system that answers each call, but drop by drop, is given up like one that does not answer."""
        if not self._timed.seconds:
            return self._file.read(n)
        if self._spent > PATIENCE * self._timed.seconds and self._brought < SLOWEST * self._spent:
            raise CallTimedOut(f"too slow: {self._brought:,} bytes in {self._spent:.0f} s")
        began = monotonic()
        data = self._timed.call(self._file.read, n)
        self._spent, self._brought = self._spent + monotonic() - began, self._brought + len(data)
        return data

    def readinto(self, room: memoryview) -> int:
        """Fill the beginning of `room`; return the number of bytes."""
        if not self._ahead and not self._ended and not self._timed.seconds:
            return self._file.readinto(room)
        if self._ahead:
            piece, self._ahead = self._ahead[: len(room)], self._ahead[len(room) :]
        else:
            piece = memoryview(self.read(len(room)))
        room[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int) -> int:
        """Set the position, counted from the beginning."""
        self._ahead, self._ended = memoryview(b""), False
        return self._file.seek(offset)

    def head(self, n: int) -> bytes:
        """Return the first `n` bytes. Call it once, before any other read; the bytes are kept, so that one call reads a small file."""
        data = self._asked(n)
        self._ahead = memoryview(data)
        self._ended = len(data) < n and not self._timed.seconds
        return data

    def longer_head(self, n: int) -> bytes:
        """Return the first `n` bytes after `head` read fewer; they are kept for `read` as well."""
        pieces = [bytes(self._ahead)]
        left = n - len(self._ahead)
        while left > 0 and not self._ended and (piece := self._asked(min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
        data = b"".join(pieces)
        self._ahead = memoryview(data)
        return data

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return the extents of a sparse file and go to its beginning; None, and no move, for any other."""
        found = self._timed.call(self._file.extents)
        if found is not None:
            self.seek(0)
        return found


def changed(before: os.stat_result, after: os.stat_result) -> dict[str, Any]:
    """Return more for the custody line where the file changed while it was read, else {}."""
    if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
        return {}
    what = f"size went from {before.st_size} to {after.st_size}" if before.st_size != after.st_size else "its modification time moved"
    return {"verdict": "changed while read", "error": what}


def left_behind(reading: Reading, size: int, pieces: Sequence[tuple[int, int]] | None, stopped: Callable[[], object]) -> dict[str, Any]:
    """Return `sha256`, `head` and `tail` of a file that a limit leaves on the host. Raises OSError.

    Of a sparse file only the data is hashed (`pieces`, as `sha256_data`).
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
