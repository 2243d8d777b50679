"""One index run per case: a lock of the operating system on `index/.lock`, which ends with the process, however that ends.

The file stays there and locks nothing by being there. It holds the id of the process that has the lock, or had it last; what is locked on
Windows is a byte far behind that, since a locked byte cannot be read there. Sources: flock(2); Microsoft C runtime library, `_locking`.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scout.console import COULD_NOT, Complaint

NAME = ".lock"
POLL = 0.1
"""Seconds between two tries; Ctrl-C is heard in between on every system."""
_FAR = 1 << 30
_HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK, 0)
"""What a lock that is not free answers: EWOULDBLOCK by flock, EACCES by `_locking`, none at all (0) by that of Wine."""


@contextmanager
def alone(home: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of an index folder, which is made where it is not there. Where another process has it, its end is awaited, and
    `waiting` told once which process that is ('' if it cannot be known). Raises Complaint where the file system has no locks, OSError
    where the folder cannot be written.
    """
    home.mkdir(exist_ok=True)
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
        os.close(descriptor)  # and with it the lock


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 20).decode("ascii", "replace").strip()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return text if text.isdigit() else ""


def _taken(descriptor: int, home: Path) -> bool:
    """Return whether the lock is ours now."""
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
