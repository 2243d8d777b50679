"""The memory of a stopped process as a stream of bytes: a header of a known form, then runs of pages.

A page that does not read is zeros in the stream, and is counted. What is beyond the bounds is left out, and is counted too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

PAGE = 4096
LARGEST_MEMORY = 16 << 30
"""bytes of one process that are kept"""
MOST_RUNS = 60_000
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class MemoryRun:
    """Pages that follow each other and have equal rights. `rights`: 4 read, 2 write, 1 execute."""

    address: int
    size: int
    rights: int = 6


@dataclass(slots=True)
class MemoryRuns:
    """The runs of a process within the bounds. `left_out`: bytes beyond them, or that no one may read."""

    runs: list[MemoryRun] = field(default_factory=list)
    left_out: int = 0
    size: int = 0

    def add(self, address: int, size: int, rights: int) -> None:
        """Add pages behind all those that are there; what follows the last run and has its rights becomes one with it."""
        last = self.runs[-1] if self.runs else None
        follows = last is not None and last.rights == rights and last.address + last.size == address
        if self.size + size > LARGEST_MEMORY or (len(self.runs) >= MOST_RUNS and not follows):
            self.left_out += size
            return
        if last is not None and follows:
            self.runs[-1] = MemoryRun(last.address, last.size + size, rights)
        else:
            self.runs.append(MemoryRun(address, size, rights))
        self.size += size


class MemoryStream:
    """Read header and runs one after the other.

    `read_at(address, size)` gives at most `size` bytes, b'' where the first page does not read.
    """

    def __init__(self, header: bytes, found: MemoryRuns, read_at: Callable[[int, int], bytes]) -> None:
        self.left_out, self.size = found.left_out, len(header) + found.size
        self.unread = 0
        """bytes that did not read and are zeros"""
        self._read_at, self._pieces, self._rest = read_at, self._through(header, found.runs), b""

    def read(self, n: int = -1) -> bytes:
        """Return the next bytes, at most `n`."""
        if not self._rest:
            self._rest = next(iter(self._pieces), b"")
        n = len(self._rest) if n < 0 else n
        piece, self._rest = self._rest[:n], self._rest[n:]
        return piece

    def _through(self, header: bytes, runs: Iterable[MemoryRun]) -> Iterable[bytes]:
        yield header
        for run in runs:
            at, end = run.address, run.address + run.size
            while at < end:
                piece = self._read_at(at, min(_CHUNK, end - at))
                if not piece:
                    piece = bytes(min(PAGE - at % PAGE, end - at))
                    self.unread += len(piece)
                yield piece
                at += len(piece)
