"""Facts of a file in the form of custody: RFC 3339 UTC times with nanoseconds, octal mode, other numbers unchanged."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, TypeGuard

MAX_INCLUDED = 1 << 16
"""characters of an `ESCADRE.included` value"""
_EPOCH = date(1970, 1, 1)
_MINUTE = re.compile(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):", re.ASCII)
_SECOND = re.compile(r"([0-5]\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_PAX_TIMES = (("mtime", "mtime"), ("atime", "atime"), ("ctime", "ctime"), ("btime", "LIBARCHIVE.creationtime"))
_TYPES = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISBLK, "block device"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


@lru_cache(maxsize=256)
def rfc3339(nanoseconds: int) -> str | None:
    """Return nanoseconds since 1970 UTC as `2026-11-22T02:15:03.123456789Z`; None outside the years 1 to 9999. A fraction of zero is left
    out. Cached: two of a file's times are often one.
    """
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    minute, second = divmod(seconds, 60)
    begin = _minute(minute)
    if begin is None:
        return None
    return f"{begin}{second:02d}.{fraction:09d}Z" if fraction else f"{begin}{second:02d}Z"


@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str | None:
    """Return minutes since 1970 UTC as `2026-11-22T02:15:`. Cached: many files share a minute."""
    days, minute = divmod(minutes, 1440)
    try:
        return f"{_EPOCH + timedelta(days=days)}T{minute // 60:02d}:{minute % 60:02d}:"
    except OverflowError:
        return None


def nanoseconds(text: object) -> int | None:
    """Return the nanoseconds since 1970 UTC of a text that `rfc3339` writes; None for anything else."""
    if not isinstance(text, str):
        return None
    match, begin = _SECOND.fullmatch(text, 17), _began(text[:17])
    return None if match is None or begin is None else (begin + int(match[1])) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))


@lru_cache(maxsize=4096)
def _began(minute: str) -> int | None:
    """Return the seconds since 1970 UTC of a text that `_minute` returns; None for anything else."""
    match = _MINUTE.fullmatch(minute)
    if match is None:
        return None
    try:
        days = (date.fromisoformat(match[1]) - _EPOCH).days
    except ValueError:
        return None
    return days * 86_400 + int(match[2]) * 3600 + int(match[3]) * 60


@lru_cache(maxsize=256)
def epoch(text: object) -> str:
    """Return a text that `rfc3339` writes as seconds since 1970 UTC in PAX form: `1795230245.123456789`, `-1.5`; '' for anything else."""
    if isinstance(text, str) and len(text) == 30 and text.isascii() and (text[17:19] + text[20:29]).isdigit() and text[19::10] == ".Z":
        begin, second = _began(text[:17]), int(text[17:19])  # the usual form, by a third of the time
        if begin is not None and begin >= 0 and second < 60:
            return f"{begin + second}.{text[20:29]}".rstrip("0").rstrip(".")
    moment = nanoseconds(text)
    if moment is None:
        return ""
    seconds, fraction = divmod(abs(moment), 1_000_000_000)
    return f"{'-' if moment < 0 else ''}{seconds}" + (f".{fraction:09d}".rstrip("0") if fraction else "")


def of_stat(status: os.stat_result, *, posix: bool = True) -> dict[str, Any]:
    """Return `mtime`, `ctime`, `atime`, `btime`, `mode`, `uid`, `gid`, `nlink`, `ino`, `dev` of a stat result, as far as it has them. A
    time
    outside the calendar is None.

    `posix=False` for a file of a Windows volume: the file system driver invents its owner and mode, so they are left out.
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
    """Return `file`, `directory`, `link`, `pipe` … of a stat mode."""
    return next((name for test, name in _TYPES if test(mode)), "unknown")


def pax_times(known: Mapping[str, Any]) -> dict[str, str]:
    """Return the PAX times that are known: mtime, atime, ctime, and the birth time with libarchive's key."""
    return {key: text for fact, key in _PAX_TIMES if (text := epoch(known.get(fact)))}


@lru_cache(maxsize=1024)
def ownership(
    mode: str | None, uid: int | None, gid: int | None, owner: str | None, group: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields of a header, and PAX records for names that do not fit. Cached: a host has few owners and modes."""
    octal = mode or ""
    fields = {
        "mode": int(octal, 8) if octal and set(octal) <= set("01234567") and len(octal) <= 6 else 0o600,
        "uid": uid if uid is not None and 0 <= uid < 1 << 32 else 0,
        "gid": gid if gid is not None and 0 <= gid < 1 << 32 else 0,
        "owner": (owner or "").encode("ascii", "replace"),
        "group": (group or "").encode("ascii", "replace"),
    }
    names = (("uname", owner or ""), ("gname", group or ""))
    return fields, {key: name for key, name in names if len(name) > 31 or not name.isascii()}


def included(text: str) -> dict[str, list[str]] | None:
    """Return the value of `ESCADRE.included`; None where it is malformed, or longer than SCOUT writes."""
    try:
        found = json.loads(text) if 0 < len(text) <= MAX_INCLUDED else None
    except (ValueError, RecursionError):
        return None
    return found if is_included(found) else None


def is_included(value: object) -> TypeGuard[dict[str, list[str]]]:
    """Return whether a value has the form of `included_by`: artefact → paths."""
    return isinstance(value, dict) and all(map(is_texts, value.values()))


def is_texts(value: object) -> TypeGuard[list[str]]:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
