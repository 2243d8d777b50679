"""Allow one index run per case, with an operating-system lock on `index/.lock` that is released when the process ends, however it ends.

The file itself is never deleted; its presence means nothing. It contains the id of the process that has the lock, or had it last. Windows
lets nobody read a locked byte, so there the lock is on a byte far behind that id. Sources: flock(2); Microsoft C runtime, `_locking`.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from commodore.case import private
from scout.console import COULD_NOT, Complaint

NAME = ".lock"
POLL = 0.1
"""Seconds between two tries. Ctrl-C works between them on every system."""
_FAR = 1 << 30
_HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK, 0)
"""Error numbers of a lock that another process holds: EWOULDBLOCK from flock, EACCES from `_locking`, 0 from `_locking` under Wine."""


@contextmanager
def alone(home: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of an index folder, and create the folder if it is missing. While another process has the lock, wait for it, and call
    `waiting` once with the id of that process ('' if unknown). Raises Complaint if the file system has no locks, OSError if the folder
    cannot be written.
    """
    private.folder(home)
    descriptor = os.open(home / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _taken(descriptor, home):
            if waiting:
                waiting(_holder(descriptor))
                waiting = None
            time.sleep(POLL)
        os.write(descriptor, f"{os.getpid():<20}".encode())
        yield
    finally:
        os.close(descriptor)  # this releases the lock


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 20).decode("ascii", "replace").strip()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return text if text.isdigit() else ""


def _taken(descriptor: int, home: Path) -> bool:
    """Try to take the lock; return whether this process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _FAR, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        if e.errno in _HELD:
            return False
        raise Complaint(
            f"{home} cannot be locked: {e.strerror or e}.", "Put the case on a file system with locks: a disk of this machine.", COULD_NOT
        ) from e
    return True
