"""Files and folders that only their owner may read: mode 0600 and 0700, whatever the umask is. Windows: the rights of the parent folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

FOLDER, FILE = 0o700, 0o600
_SIDE_BY_SIDE = 8


def folder(path: Path) -> Path:
    """Make a folder, with the folders above it that are missing; each new one is private. Returns it. Raises OSError."""
    if not path.is_dir():
        folder(path.parent)
        path.mkdir(FOLDER, exist_ok=True)
        path.chmod(FOLDER)
    return path


def appended(path: Path) -> BinaryIO:
    """Open a file to append to it, in a private folder; a new file is private. Raises OSError."""
    folder(path.parent)
    return open(path, "ab", opener=_opener)


def created(path: Path) -> BinaryIO:
    """Open a file to write it anew, in a private folder; an old file becomes private. Raises OSError."""
    folder(path.parent)
    return open(path, "wb", opener=_opener)


def write(path: Path, chunks: Iterable[bytes], *, durable: bool = True) -> None:
    """Write a file atomically: after a kill it has the old content or the new. Raises OSError.

    `durable`: so does it after a power cut; where it is False, the caller uses `sync` before anything relies on the file.
    """
    temporary = folder(path.parent) / (path.name + ".new")
    with open(temporary, "wb", opener=_opener) as out:
        out.writelines(chunks)
        out.flush()
        if durable:
            os.fsync(out.fileno())
    temporary.replace(path)


def sync(paths: Iterable[Path]) -> None:
    """Return when these files are on disk for good. They are synced side by side: a file system writes them in one go. Raises OSError."""
    files = list(paths)
    if len(files) > 1:
        with ThreadPoolExecutor(min(len(files), _SIDE_BY_SIDE)) as threads:
            list(threads.map(_sync, files))
    elif files:
        _sync(files[0])


def _sync(path: Path) -> None:
    with open(path, "r+b") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())


def _opener(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, FILE)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, FILE)
    return descriptor
