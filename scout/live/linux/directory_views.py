"""Names that a folder has by one way of listing and not by another (`directory_views/1`): what a preloaded library hides.

The first object: folders (number that were compared), unreadable, direct (false: nothing was compared, this machine has another call).
Then one object for each name that differs: path; libc (readdir lists it), direct (getdents64 lists it), named (it can be looked up).

Each difference is looked at twice, so that a file which comes or goes meanwhile is none. Source: getdents(2), readdir(3).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.live.linux import _direct, procfs

SCHEMA = 1
MAX_FOLDERS = 3_000
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  (listed, never written)
_TOP = ("/", "/etc", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/local", "/opt", "/dev", "/proc", "/root", *_SHARED)
_BELOW = ("/etc", "/home", "/var/spool", "/usr/lib/systemd", "/usr/local", "/lib/modules", "/run/systemd", "/opt", *_SHARED)


def collect() -> Iterator[dict[str, Any]]:
    """Yield the summary, and the names that differ."""
    if not _direct.available():
        yield {"direct": False, "folders": 0, "unreadable": 0}
        return
    found: list[dict[str, Any]] = []
    compared = unreadable = 0
    for folder in folders():
        try:
            found += different(folder)
            compared += 1
        except OSError:
            unreadable += 1
    yield {"direct": True, "folders": compared, "unreadable": unreadable}
    yield from found


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    return f"{row['path']} is listed by {'readdir' if row['libc'] else 'getdents64'} only" if "path" in row else ""


def different(folder: str) -> list[dict[str, Any]]:
    """Return the names of a folder that only one way lists, both times. Raises OSError."""
    first = _both(folder)
    doubtful = (first[0] ^ first[1]) - _processes(folder, first[0] ^ first[1])
    if not doubtful:
        return []
    libc, direct = _both(folder)
    return [
        {
            "path": f"{folder.rstrip('/')}/{procfs.text(name)}",
            "libc": name in libc,
            "direct": name in direct,
            "named": os.path.lexists(os.fsencode(folder) + b"/" + name),
        }
        for name in sorted(doubtful & (libc ^ direct))
    ]


def _processes(folder: str, names: set[bytes]) -> set[bytes]:
    """Return the names that are compared elsewhere: processes come and go (`process_views`)."""
    return {name for name in names if name.isdigit()} if folder == "/proc" else set()


def _both(folder: str) -> tuple[set[bytes], set[bytes]]:
    return {os.fsencode(name) for name in os.listdir(folder)}, _direct.names(folder)


def folders() -> Iterator[str]:
    """Yield the folders where programs hide, each once."""
    seen = dict.fromkeys(one for one in _TOP if not Path(one).is_symlink())
    for folder in _BELOW:
        try:
            names = sorted(os.fsdecode(name) for name in _direct.names(folder))
        except OSError:
            continue
        for name in names:
            path = f"{folder}/{name}"
            if len(seen) < MAX_FOLDERS and Path(path).is_dir() and not Path(path).is_symlink():
                seen[path] = None
    yield from seen
