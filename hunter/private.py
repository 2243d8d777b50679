"""New files that only their owner may read, written and synced before they are relied on."""

from __future__ import annotations

import os
from pathlib import Path

OPEN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""flags of every file that HUNTER writes beside a plan: follow no link, give no child the file, change no line end"""


def current_uid() -> int:
    """Return the uid of who runs HUNTER; 0 on Windows, where files have none."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def write_private(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600 and sync it with its folder. FileExistsError where it exists; on another OSError no file is left."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(fd)
    except OSError:
        path.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
