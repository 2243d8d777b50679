"""Allow one process at a time, with an operating-system lock on a file. It is released when the process ends, however it ends.

The file itself is never deleted; its presence means nothing. It contains the id of the process that has the lock, or had it last. Windows
lets nobody read a locked byte, so there the lock is on a byte far behind that id. A lock of flock(2) belongs to all processes that
inherited the open file: a forked one closes it at once, or a worker would keep the lock of a parent that was killed. Sources: flock(2);
Microsoft C runtime, `_locking`.
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

POLL = 0.1
"""Seconds between two tries. Ctrl-C works between them on every system."""
_FAR = 1 << 30
_HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK, 0)
"""Error numbers of a lock that another process holds: EWOULDBLOCK from flock, EACCES from `_locking`, 0 from `_locking` under Wine."""


_held: set[int] = set()
"""open files of this process that are locked"""


@contextmanager
def alone(file: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of a file, which is created if it is missing, with its folder. While another process has it, wait for it, and call
    `waiting` once with the id of that process ('' if unknown); it may raise. Raises Complaint if the file system has no locks, OSError if
    the file cannot be written.
    """
    private.folder(file.parent)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, private.FILE)
    try:
        while not _taken(descriptor, file):
            if waiting:
                waiting(_holder(descriptor))
                waiting = None
            time.sleep(POLL)
        os.write(descriptor, f"{os.getpid():<20}".encode())
        _held.add(descriptor)
        yield
    finally:
        _held.discard(descriptor)
        os.close(descriptor)  # this releases the lock


def _forked() -> None:
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 20).decode("ascii", "replace").strip()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return text if text.isdigit() else ""


def _taken(descriptor: int, file: Path) -> bool:
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
            f"{file} cannot be locked: {e.strerror or e}.", "Put the case on a file system with locks: a disk of this machine.", COULD_NOT
        ) from e
    return True
