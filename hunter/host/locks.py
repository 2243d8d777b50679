"""The locks that the system's own tools hold while they change a file: passwd and shadow by `.pwd.lock`, sudoers by itself.

A lock file that is not there is not made: then no tool has used it on this root. Sources: lckpwdf(3); visudo(8), which locks the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hunter.unsafe import UnsafeError

_LOCKS = dict.fromkeys(("passwd", "shadow", "group", "gshadow"), ".pwd.lock") | {"sudoers": "sudoers"}


@contextmanager
def tool_lock(folder: int, path: str) -> Iterator[None]:
    """Hold the lock of a file, of which `folder` is open. UnsafeError where another program holds it."""
    name = _LOCKS.get(path.removeprefix("/etc/"), "") if path.startswith("/etc/") else ""
    if not name:
        yield
        return
    import fcntl

    fd = -1
    with suppress(FileNotFoundError):
        fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    try:
        if fd >= 0 and stat.S_ISREG(os.fstat(fd).st_mode):
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as e:
                raise UnsafeError(f"another program is changing it: it holds the lock on /etc/{name}") from e
        yield
    finally:
        if fd >= 0:
            os.close(fd)
