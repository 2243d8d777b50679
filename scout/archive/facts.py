"""Facts of a file as custody states them: RFC 3339 UTC times with nanoseconds, octal mode, numbers as they are."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_TYPES = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISBLK, "block device"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


def rfc3339(nanoseconds: int) -> str | None:
    """`2026-11-22T02:15:03.123456789Z` of nanoseconds since 1970 UTC; None outside the years 1 to 9999. The fraction is left out where it
    is zero.
    """
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = _text(seconds)
    return text and text + (f".{fraction:09d}Z" if fraction else "Z")


@lru_cache(maxsize=4096)
def _text(seconds: int) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError:
        return None


def nanoseconds(text: object) -> int | None:
    """Nanoseconds since 1970 UTC of what `rfc3339` writes; None for anything else."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    seconds = _seconds(match[1])
    return None if seconds is None else seconds * 1_000_000_000 + int((match[2] or "").ljust(9, "0") or 0)


def epoch(text: object) -> str:
    """Seconds since 1970 UTC of what `rfc3339` writes, as PAX has them: `1795230245.123456789`, `-1.5`; '' for anything else."""
    moment = nanoseconds(text)
    if moment is None:
        return ""
    seconds, fraction = divmod(abs(moment), 1_000_000_000)
    return f"{'-' if moment < 0 else ''}{seconds}" + (f".{fraction:09d}".rstrip("0") if fraction else "")


@lru_cache(maxsize=4096)
def _seconds(text: str) -> int | None:
    try:
        whole = datetime.fromisoformat(text + "+00:00") - _EPOCH
    except ValueError:
        return None
    return whole.days * 86_400 + whole.seconds


def of_stat(status: os.stat_result, *, posix: bool = True) -> dict[str, Any]:
    """`mtime`, `ctime`, `atime`, `btime`, `mode`, `uid`, `gid`, `nlink`, `ino`, `dev` of a stat result, as far as it has them; a time that
    no calendar has is None.

    `posix=False` for a file of a Windows volume: owner and mode there are made up by the file system driver and are left out.
    """
    facts: dict[str, Any] = {
        "mtime": rfc3339(status.st_mtime_ns),
        "ctime": rfc3339(status.st_ctime_ns),
        "atime": rfc3339(status.st_atime_ns),
    }
    birth = getattr(status, "st_birthtime", None)
    if birth is not None:
        facts["btime"] = rfc3339(int(birth * 1_000_000) * 1000)
    facts.update(nlink=status.st_nlink, ino=status.st_ino, dev=status.st_dev)
    if posix:
        facts.update(mode=f"{stat.S_IMODE(status.st_mode):04o}", uid=status.st_uid, gid=status.st_gid)
    return facts


def type_of(mode: int) -> str:
    """`file`, `directory`, `link`, `pipe` … of a stat mode."""
    return next((name for test, name in _TYPES if test(mode)), "unknown")
