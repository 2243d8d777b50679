"""Runs `hunter` many times in one process, or in forked children that are killed at the n-th system call that matters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable

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


def killed_at(n: int, *arguments: object) -> bool:
    """Fork, run hunter, and SIGKILL the child right before its n-th changing call or sync. False where it ended before that."""
    child = os.fork()
    if child == 0:
        try:
            _count(n)
            hunt(*arguments)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _count(n: int) -> None:
    left = [n]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(call: Callable) -> Callable:
        def counted(*args: object, **kwargs: object) -> object:
            step()
            return call(*args, **kwargs)

        return counted

    sys.addaudithook(lambda event, args: step() if event in _EVENTS else None)
    for name in ("fsync", "write", "fchmod", "fchown"):  # calls that Python does not report to its audit hooks
        setattr(os, name, wrapped(getattr(os, name)))
    import hunter.host.replace as replace

    replace._place = wrapped(replace._place)  # renameat2, which goes past Python


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(hunt(*json.loads(line))) + "\n")
        sys.stdout.flush()
