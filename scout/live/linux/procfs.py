r"""Read /proc. What vanishes while it is read counts as absent. Text that is not UTF-8 gets `\xNN` escapes.

Source: proc(5), proc_pid_stat(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from scout.formats import accounts as formats
from scout.lines import lines as lines_of
from scout.live.linux import _direct

PROC = "/proc"
LIMIT = 1 << 20


def read(path: str, limit: int = LIMIT) -> bytes:
    """Return at most `limit` bytes of a file below /proc or /sys; b'' where it is absent or not allowed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    pieces, left = [], limit
    try:
        while left > 0 and (piece := os.read(fd, min(left, 1 << 16))):
            pieces.append(piece)
            left -= len(piece)
    except OSError:
        return b"".join(pieces)
    finally:
        os.close(fd)
    return b"".join(pieces)


def text(raw: bytes) -> str:
    """Decode UTF-8; other bytes become escapes."""
    return raw.decode("utf-8", "backslashreplace")


def link(path: str) -> str:
    """Return the text of a link below /proc; '' where it is absent or not allowed."""
    try:
        return text(os.fsencode(Path(path).readlink()))
    except OSError:
        return ""


def denied(path: str) -> bool:
    """Return whether this account is not allowed to read a link or folder below /proc."""
    try:
        Path(path).readlink()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def pids() -> list[int]:
    """Return the process ids that the kernel lists now, in order; by its own call, so that no preloaded library hides one."""
    names = map(os.fsdecode, _direct.names(PROC)) if _direct.available() else os.listdir(PROC)
    return sorted(int(name) for name in names if name.isdigit())


def whole(path: str, limit: int = 64 << 20) -> str:
    """Return a text file; of a larger one the beginning."""
    return text(read(path, limit))


def lines(path: str, limit: int = 64 << 20) -> Iterator[str]:
    """Yield the lines of a text file."""
    yield from lines_of(whole(path, limit))


def boot_time() -> float:
    """Return when the kernel started, in seconds since 1970 UTC: `btime` of /proc/stat."""
    for line in lines(f"{PROC}/stat", 1 << 20):
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def moment(seconds: float) -> str:
    """Return RFC 3339 UTC with hundredths, the kernel's tick."""
    return f"{datetime.fromtimestamp(round(seconds, 2), UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-4] + "Z"


def accounts(path: str = "/etc/passwd") -> dict[int, str]:
    """Return names by uid, from the host's own file; name services are not asked."""
    found: dict[int, str] = {}
    for user in formats.accounts(whole(path)):
        found.setdefault(user.uid, user.name)
    return found


def status(pid: int) -> dict[str, str]:
    """Return /proc/<pid>/status as a mapping."""
    return dict(line.split(":\t", 1) for line in lines(f"{PROC}/{pid}/status") if ":\t" in line)


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from `state` (the third) on, which is safe for names with blanks and brackets; [] if it
    vanished.
    """
    raw = text(read(f"{PROC}/{pid}/stat"))
    return raw[raw.rfind(")") + 1 :].split() if ")" in raw else []
