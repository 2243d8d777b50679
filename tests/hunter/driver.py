"""Runs `hunter` many times in one process, or in forked children that are killed at the n-th system call that matters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from hunter.cli import build_app
from scout.console import run

_EVENTS = {
    "os.rename",
    "os.remove",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.utime",
    "os.setxattr",
    "os.removexattr",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
}


def hunt(*arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of one run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run("hunter", build_app, [str(a) for a in arguments])
    return code, out.getvalue(), err.getvalue()


def killed_at(n: int, *arguments: object, lose: tuple[Path, ...] = ()) -> bool:
    """Fork, run hunter, and SIGKILL the child right before its n-th changing call or sync. False where it ended before that.

    `lose`: folders in which, as a power cut does, everything is lost that was written to a file and not synced.
    """
    child = os.fork()
    if child == 0:
        try:
            _count(n, _Unsynced(lose))
            hunt(*arguments)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def asked_to_stop(n: int, number: int, *arguments: object) -> tuple[int, str]:
    """Fork, run hunter, and send it a signal right before its n-th changing call or sync. Returns (exit code, stderr)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            _count(n, _Unsynced(()), lambda: os.kill(os.getpid(), number))
            code, _, err = hunt(*arguments)
            os.write(writing, err.encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def hung_up(n: int, *arguments: object) -> int:
    """Run hunter on a terminal, which is gone right before its n-th changing call or sync. Returns its exit code."""
    import pty  # Windows, where this module runs too, has none

    ours, its = socket.socketpair()
    child, terminal = pty.fork()
    if child == 0:
        code = 99
        try:
            ours.close()
            _count(n, _Unsynced(()), lambda: (its.send(b"here"), its.recv(1)))
            code = run("hunter", build_app, [str(a) for a in arguments])
        finally:
            os._exit(code)
    its.close()
    ours.recv(4)
    os.close(terminal)
    ours.close()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def steps_of(*arguments: object) -> int:
    """Fork, run hunter, and return how many changing calls and syncs it makes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write = os.write
            left = _count(1 << 40, _Unsynced(()))
            hunt(*arguments)
            write(writing, str((1 << 40) - left[0]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    os.waitpid(child, 0)
    return int(told)


class _Unsynced:
    """What a power cut would take: of each file that changed, what was not synced since."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders, self._synced = folders, {at[1]: (at[2], at[3]) for at in self._files(folders)}

    @staticmethod
    def _files(folders: tuple[Path, ...]) -> Iterator[tuple[str, tuple[int, int], int, int]]:
        for folder in folders:
            for name, _, files in os.walk(folder):
                for path in (os.path.join(name, file) for file in files):
                    status = os.lstat(path)
                    if stat.S_ISREG(status.st_mode):
                        yield path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns

    def note(self, fd: int) -> None:
        """A file was synced."""
        status = os.fstat(fd)
        self._synced[status.st_dev, status.st_ino] = (status.st_size, status.st_mtime_ns)

    def lose(self) -> None:
        """Cut each file that is longer than what was synced of it; a new one that never was, to nothing."""
        for path, inode, size, _ in list(self._files(self._folders)):
            safe = self._synced.get(inode, (0, 0))[0]
            if size > safe:
                os.truncate(path, safe)


def _count(n: int, unsynced: _Unsynced, at_last: Callable[[], object] = lambda: os.kill(os.getpid(), signal.SIGKILL)) -> list[int]:
    left = [n]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            left[0] = -1
            unsynced.lose()
            at_last()

    def wrapped(call: Callable) -> Callable:
        def counted(*args: object, **kwargs: object) -> object:
            step()
            made = call(*args, **kwargs)
            if call.__name__ == "fsync":
                unsynced.note(args[0])
            return made

        return counted

    sys.addaudithook(lambda event, args: step() if event in _EVENTS else None)
    for name in ("fsync", "write", "fchmod", "fchown"):  # calls that Python does not report to its audit hooks
        setattr(os, name, wrapped(getattr(os, name)))
    import hunter.host.replace as replace

    replace._place = wrapped(replace._place)  # renameat2, which goes past Python
    return left


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(hunt(*json.loads(line))) + "\n")
        sys.stdout.flush()
