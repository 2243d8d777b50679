"""Call a program of the live host: only one that root alone can write, with an argument list, never through a shell."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

from hunter.unsafe import UnsafeError

_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")


def found(name: str) -> Path | None:
    """Return the path of a program, None where there is none that only root can write."""
    for folder in _FOLDERS:
        path = Path(folder, name)
        try:
            status = path.stat()
        except OSError:
            continue
        if status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return path
    return None


def call(name: str, *arguments: str, given: str = "", seconds: int = 120) -> str:
    """Return the output of one call. UnsafeError where there is no such program, where it fails or does not end."""
    program = found(name)
    if program is None:
        raise UnsafeError(f"there is no {name} that only root can write")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
    try:
        done = subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment,
            input=given,
            check=False,
            start_new_session=True,  # Ctrl-C at the terminal is for HUNTER alone, which lets this step end
        )
    except subprocess.TimeoutExpired as e:
        raise UnsafeError(f"{name} {arguments[0]} did not end within {seconds} s") from e
    if done.returncode:
        raise UnsafeError(f"{name} {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
    return done.stdout
