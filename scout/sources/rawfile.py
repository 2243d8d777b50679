"""What raw file systems share: an open file over content read by offset, and a status made of numbers."""

from __future__ import annotations

import os
from typing import Any, Protocol

READ_AHEAD = 1 << 20
"""bytes of one read from a volume"""


class RawContent(Protocol):
    """Content by offset. `size` in bytes."""

    @property
    def size(self) -> int: ...
    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises OSError."""

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data; None where there are no holes."""


class RawFile:
    """A file of a raw volume, open for reading. Nothing changes it but a running system, which the status does not show."""

    __slots__ = ("_at", "_content", "_facts", "method", "status")

    def __init__(self, content: RawContent, status: os.stat_result, facts: dict[str, Any], method: str) -> None:
        self._content, self.status, self._facts, self.method = content, status, facts, method
        self._at = 0

    def read(self, n: int, /) -> bytes:
        """Return at most `n` bytes, b'' at the end."""
        data = self._content.read_at(self._at, min(n, READ_AHEAD))
        self._at += len(data)
        return data

    def readinto(self, room: memoryview, /) -> int:
        """Fill the beginning of `room`; return the number of bytes."""
        data = self.read(len(room))
        room[: len(data)] = data
        return len(data)

    def seek(self, offset: int, /) -> int:
        """Set the position, counted from the beginning."""
        self._at = offset
        return offset

    def status_now(self) -> os.stat_result:
        """Return the status at the time of opening."""
        return self.status

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data of a sparse file; None where there are no holes. Sets the position to 0 where there are."""
        return self._content.extents()

    def facts(self) -> dict[str, Any]:
        """Return `btime` and `xattrs`, None where they are unknown."""
        return self._facts

    def close(self) -> None:
        """Do nothing: the volume stays open."""


def raw_status(
    *,
    mode: int,
    ino: int,
    dev: int,
    links: int = 1,
    size: int = 0,
    allocated: int = 0,
    uid: int = 0,
    gid: int = 0,
    times: tuple[int, int, int],
) -> os.stat_result:
    """Return a status. `times` are access, modification and change in nanoseconds since 1970 UTC; `allocated` is in bytes."""
    named: dict[str, Any] = {"st_blocks": -(-allocated // 512), "st_blksize": 4096}
    for name, moment in zip(("atime", "mtime", "ctime"), times, strict=True):
        named |= {f"st_{name}": moment / 1e9, f"st_{name}_ns": moment}
    seconds = [moment // 1_000_000_000 for moment in times]
    known = {key: value for key, value in named.items() if hasattr(os.stat_result, key)}
    return os.stat_result((mode, ino, dev, links, uid, gid, size, *seconds), known)
