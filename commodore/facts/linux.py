"""Facts of a Linux host, from /etc: name, version, time zone, accounts and their homes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from commodore.evidence import Evidence
from commodore.readers.lines import text
from scout.lines import number

WANTED = ("etc/hostname", "etc/os-release", "usr/lib/os-release", "etc/timezone", "etc/localtime", "etc/passwd")
"""Sources: hostname(5), os-release(5), localtime(5), passwd(5), RFC 9636 (TZif), POSIX.1-2024 section 8.3 (TZ)"""

_MOST = 1 << 20


def facts(fetch: Callable[[str], Evidence | None]) -> dict[str, Any]:
    """Keyword arguments of `Host`, only what is known. Bad evidence gives no facts, never an error."""
    out: dict[str, Any] = {}
    if name := _hostname(_head(fetch("etc/hostname"))):
        out["name"] = name
    for path in ("etc/os-release", "usr/lib/os-release"):
        if version := _os_version(_head(fetch(path))):
            out["os_version"] = version
            break
    zone = _named_zone(_head(fetch("etc/timezone"))) or _localtime(fetch("etc/localtime"))
    if zone:
        out["timezone"] = zone
    users, homes = _accounts(_head(fetch("etc/passwd")))
    if users:
        out["users"], out["profiles"] = users, homes
    return out


def _head(evidence: Evidence | None) -> bytes:
    if evidence is None:
        return b""
    with evidence.open() as stream:
        return stream.read(_MOST)


def _hostname(data: bytes) -> str:
    """First line that is no comment."""
    for line in text(data).splitlines():
        name = line.strip().strip("\0")
        if name and not name.startswith("#"):
            return name if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", name) else ""
    return ""


def _os_version(data: bytes) -> str:
    """PRETTY_NAME, else NAME and VERSION."""
    values = {}
    for line in text(data).splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key] = re.sub(r"\\(.)", r"\1", value.strip().strip("\"'"))
    return values.get("PRETTY_NAME") or " ".join(v for k in ("NAME", "VERSION") if (v := values.get(k)))


def _named_zone(data: bytes) -> str:
    """/etc/timezone of Debian: the IANA name on the first line."""
    for line in text(data[:4096]).splitlines():
        name = line.partition("#")[0].strip()
        if name:
            return name if _is_zone(name) else ""
    return ""


def _is_zone(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,3}", name) is not None


def _localtime(evidence: Evidence | None) -> str:
    """The zone of /etc/localtime: by the name that a link has (its text among the facts), else by the content of the TZif file."""
    if evidence is None:
        return ""
    link = evidence.facts.get("link")
    if isinstance(link, str) and (found := re.search(r"zoneinfo/(?:posix/|right/)?(.+)$", link)) and _is_zone(found[1]):
        return found[1]
    data = _head(evidence)
    if not data.startswith(b"TZif"):
        return _named_zone(data) if data and len(data) < 256 else ""
    return _same_rules(data) or _fixed(_footer(data))


def _footer(data: bytes) -> str:
    """The POSIX TZ string behind the second block of a TZif file, version 2 and later."""
    found = re.search(rb"\n([^\n\0]{1,200})\n\Z", data)
    return text(found[1]) if found and data[4:5] >= b"2" else ""


def _same_rules(data: bytes) -> str:
    """The IANA zone of this machine's data whose rules are the same: equal content first, then equal transitions since 2000.

    Several names may share their rules (Europe/Paris and Europe/Brussels in some years): then the times are the same as well.
    """
    footer, wanted = _footer(data), None
    for name, known in _zones():
        if known == data:
            return name
        if wanted is None and footer and _footer(known) == footer and _recent(known) == _recent(data):
            wanted = name
    return wanted or ""


@cache
def _zones() -> tuple[tuple[str, bytes], ...]:
    """(name, TZif content) of the zones that this machine knows, sorted, cities before shorthands."""
    return tuple(_read_zones())


def _read_zones() -> Iterator[tuple[str, bytes]]:
    from importlib.resources import files  # the tzdata package, or the system's own data
    from pathlib import Path
    from zoneinfo import TZPATH, available_timezones

    roots: list[Any] = [Path(p) for p in TZPATH]
    with suppress(ModuleNotFoundError):
        roots.append(files("tzdata") / "zoneinfo")
    for name in sorted(available_timezones(), key=lambda n: ("/" not in n or n.startswith("Etc/"), n)):
        for root in roots:
            try:
                yield name, root.joinpath(*name.split("/")).read_bytes()
                break
            except OSError:
                continue


def _recent(data: bytes) -> tuple[int, ...]:
    """Transition times after 2000 of the second (64-bit) block."""
    try:
        first = struct.unpack_from(">6I", data, 20)
        isutc, isstd, leap, times, types, chars = first
        start = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isutc
        count = struct.unpack_from(">6I", data, start + 20)[3]
        if count > 10_000:
            return ()
        return tuple(t for t in struct.unpack_from(f">{count}q", data, start + 44) if t > 946_684_800)
    except struct.error:
        return ()


def _fixed(footer: str) -> str:
    """A TZ string without summer time as a fixed offset: `UTC0`, `<+0530>-5:30`. Its sign is the other way round."""
    found = re.fullmatch(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+\-]+>)([+-]?)(\d{1,2})(?::(\d\d))?", footer)
    if not found:
        return ""
    hours, minutes = int(found[2]), int(found[3] or 0)
    sign = "+" if found[1] == "-" or (hours, minutes) == (0, 0) else "-"
    return f"{sign}{hours:02d}:{minutes:02d}" if hours < 24 else ""


def _accounts(data: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """(uid → name, name → home). Of several names with one uid the first counts, as for getpwuid."""
    users: dict[str, str] = {}
    homes: dict[str, str] = {}
    for line in data.split(b"\n"):
        parts = text(line).split(":")
        if len(parts) < 6 or not parts[0] or parts[0].startswith(("#", "+", "-")) or number(parts[2]) is None:
            continue
        users.setdefault(parts[2], parts[0])
        if parts[5].startswith("/"):
            homes.setdefault(parts[0], parts[5])
    return users, homes
