"""The protocol of a source of files: a mounted directory, a raw NTFS or ext volume of a disk or an image.

Paths are tuples of names below the top of the source. No implementation follows a link or opens anything for writing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

Parts = tuple[str, ...]
MAX_LINKS = 200
"""names and links that one `resolve` works through"""


class Blocked(OSError):  # noqa: N818  (it is a rule, not a defect)
    """Not entered by rule: a pseudo or network file system, a link where a folder should be."""


class SourceEntry(NamedTuple):
    """One name of a folder. `kind`: file, folder, link, other."""

    name: str
    kind: str


class SourceFile(Protocol):
    """A regular file of a source, open for reading. Every method may raise OSError."""

    @property
    def status(self) -> os.stat_result:
        """Return the status at the time of opening."""

    @property
    def method(self) -> str:
        """Return how custody names the way of reading: api, raw volume, image."""

    def read(self, n: int, /) -> bytes:
        """Return at most `n` bytes, b'' at the end."""

    def readinto(self, room: memoryview, /) -> int:
        """Fill the beginning of `room`; return the number of bytes."""

    def seek(self, offset: int, /) -> int:
        """Set the position, counted from the beginning."""

    def status_now(self) -> os.stat_result:
        """Return the present status, to compare with `status`."""

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data of a sparse file; None where there are no holes. Sets the position to 0 where there are."""

    def facts(self) -> dict[str, Any]:
        """Return the custody facts that only an open file has: `btime`, `xattrs`."""

    def close(self) -> None:
        """Close the file."""


class EvidenceSource(Protocol):
    r"""One examined volume.

    path      the source for a person: a directory, an image file
    windows   paths are written `C:\…`, names compare without case, files have no POSIX owners and modes
    fold      names compare without case
    ino       inode of the top folder
    volume    name of the volume in the archive
    answers   no call can hang: the source needs no time-out
    method    how custody names the way of reading: api, raw volume, image
    is_copy   a shadow copy: what it has in common with the volume is not taken again
    streamed  files and folders may have alternate streams, which are opened as `name:stream`
    problems  folders that could not be listed completely, and why; () for the volume itself. Grows while the source is walked
    users     names by uid, `groups` by gid, from the host's own files
    """

    path: str
    ino: int
    users: dict[int, str]
    groups: dict[int, str]

    @property
    def problems(self) -> dict[Parts, str]: ...
    @property
    def method(self) -> str: ...
    @property
    def streamed(self) -> bool: ...
    @property
    def is_copy(self) -> bool: ...
    @property
    def windows(self) -> bool: ...
    @property
    def fold(self) -> bool: ...
    @property
    def volume(self) -> str: ...
    @property
    def answers(self) -> bool: ...

    def close(self) -> None:
        """Release descriptors."""

    def forget(self) -> None:
        """Release what is only cached: the walk goes on to another source."""

    def native(self, parts: Parts) -> str:
        """Return the path as the host itself writes it."""

    def identity(self, parts: Parts) -> tuple[int, int]:
        """Open a folder; return (device, inode). Raises Blocked for a folder that is never entered, OSError."""

    def refusal(self, parts: Parts) -> str:
        """Return why a folder is not even looked at; '' where it may be entered."""

    def listable(self, parts: Parts) -> bool:
        """Return False for a folder that is only crossed by name, never listed."""

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name."""

    def streams(self, parts: Parts) -> list[str]:
        """Return the names of the alternate streams of a file or folder; [] where the source has none. Raises OSError."""

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a link itself. FileNotFoundError also for what cannot be a name."""

    def link(self, parts: Parts) -> str:
        """Return the text of a symbolic link."""

    def open(self, parts: Parts) -> SourceFile:
        """Open a regular file for reading. Raises Blocked for everything else."""

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name (see contracts); None for what is unknown."""


def contents(source: EvidenceSource, parts: Parts, limit: int) -> tuple[bytes, bool]:
    """Return (the first `limit` bytes of a file, whether there is more). Raises OSError."""
    file = source.open(parts)
    try:
        pieces, left = [], limit
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces), left == 0 and bool(file.read(1))
    finally:
        file.close()


def find(source: EvidenceSource, *names: str) -> Parts | None:
    """Return the real spelling of a path, without case on Windows volumes; None where it does not exist or a link is on the way."""
    parts: Parts = ()
    for name in names:
        try:
            found = spellings(source, parts, name)
        except OSError:
            return None
        if not found:
            return None
        parts = (*parts, found[0])
    return parts


def spellings(source: EvidenceSource, parts: Parts, name: str) -> list[str]:
    """Return the names in a folder that equal `name`: the exact one first (`$MFT` exists without being listed), then other cases."""
    key = name.lower()
    listed = [entry.name for entry in source.scan(parts, lambda other: other.lower() == key)] if source.fold else []
    if name in listed or not listed:  # a running Windows finds a name in any case: the listing has the real one
        with suppress(FileNotFoundError):
            source.status((*parts, name))
            return [name, *(other for other in listed if other != name)]
    return listed


def resolve(source: EvidenceSource, parts: Parts) -> Parts | None:
    """Resolve links inside the source, as the host itself would; return None where the path does not exist or is circular."""
    done: Parts = ()
    todo = list(reversed(parts))
    for _ in range(MAX_LINKS):
        if not todo:
            return done
        name = todo.pop()
        if name in ("", "."):
            continue
        if name == "..":
            done = done[:-1]
            continue
        try:
            status = source.status((*done, name))
            if not stat.S_ISLNK(status.st_mode):
                done = (*done, name)
                continue
            text = source.link((*done, name))
        except OSError:
            return None
        todo += reversed(text.split("/"))
        if text.startswith("/"):
            done = ()
    return None
