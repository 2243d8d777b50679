"""A directory on a file system that may not answer (FUSE, a stale server): each of its calls has a bounded time, whoever makes it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from scout.sources.directory import DirectorySource
from scout.sources.source import Parts, SourceEntry, SourceFile
from scout.sources.timed_calls import TimedCalls

T = TypeVar("T")
SHARE = 0.9
"""part of a caller's own time that one call of the source takes at most: the source gives up first, and stays usable"""


class TimedDirectory(DirectorySource):
    """`seconds`: time of a caller, see `SHARE`. Raises CallTimedOut, an OSError, where the file system does not answer."""

    def __init__(self, path: str | Path, seconds: float, *, windows: bool = False) -> None:
        super().__init__(path, windows=windows)
        self._calls = TimedCalls(seconds * SHARE)
        self._inside = threading.local()

    def in_time(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function within the time; directly where that is already in such a call."""
        if getattr(self._inside, "on", False):
            return function(*arguments)
        found: T = self._calls.call(self._marked, function, arguments)
        return found

    def _marked(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        self._inside.on = True
        try:
            return function(*arguments)
        finally:
            self._inside.on = False

    @property
    def given_up(self) -> int:
        """Return the number of calls that never returned."""
        return self._calls.given_up

    def close(self) -> None:
        """Release descriptors and the thread."""
        super().close()
        self._calls.close()

    def identity(self, parts: Parts) -> tuple[int, int]:
        """Open a folder; return (device, inode)."""
        return self.in_time(super().identity, parts)

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name."""
        return self.in_time(super().scan, parts, keep)

    def pieces(self, parts: Parts, keep: Callable[[str], bool]) -> Iterator[tuple[list[SourceEntry], bool]]:
        """Yield what `scan` returns, in pieces."""
        found = super().pieces(parts, keep)
        while (piece := self.in_time(next, found, None)) is not None:
            yield piece

    def descriptor(self, parts: Parts) -> int:
        """Return an open descriptor of a folder."""
        return self.in_time(super().descriptor, parts)

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a link itself."""
        return self.in_time(super().status, parts)

    def link(self, parts: Parts) -> str:
        """Return the text of a symbolic link."""
        return self.in_time(super().link, parts)

    def open(self, parts: Parts) -> SourceFile:
        """Open a regular file for reading."""
        return _TimedFile(self.in_time(super().open, parts), self)

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name."""
        return self.in_time(super().facts, parts, status)


class _TimedFile:
    """A file of such a directory."""

    def __init__(self, file: SourceFile, source: TimedDirectory) -> None:
        self._file, self._source = file, source
        self.status, self.method = file.status, file.method

    def read(self, n: int, /) -> bytes:
        return self._source.in_time(self._file.read, n)

    def readinto(self, room: memoryview, /) -> int:
        piece = self.read(len(room))  # not into the room itself: a call that comes back late would still write there
        room[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, /) -> int:
        return self._source.in_time(self._file.seek, offset)

    def status_now(self) -> os.stat_result:
        return self._source.in_time(self._file.status_now)

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        return self._source.in_time(self._file.extents)

    def facts(self) -> dict[str, Any]:
        return self._source.in_time(self._file.facts)

    def close(self) -> None:
        self._file.close()
