"""tar, plain. Source: POSIX.1-2008 pax; read by `tarfile` of Python, whose members are read, never extracted."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, cast

from commodore.readers.archives.model import Budget, Entry, unpacked

NAME = "tar"
MAGIC = ((257, b"ustar"),)


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield the members in their order."""
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            entry = Entry(member.name, member.size, -1, _time(member.mtime))
            if member.isdir():
                entry.kind = "dir"
            elif member.issym() or member.islnk():
                entry.kind, entry.link = "symlink", member.linkname
            elif member.isreg():
                unpacked(entry, budget, partial(_content, archive, member))
            else:
                entry.state = "a device or pipe: it has no content"
            yield entry
            archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every member; a long archive would fill the memory


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    return cast(BinaryIO, archive.extractfile(member))


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if seconds else ""
    except (OverflowError, OSError, ValueError):
        return ""
