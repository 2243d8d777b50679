"""Facts of a Linux host from the files in /etc: name, version and time zone. SCOUT and COMMODORE both use them, so that they agree.

Sources: hostname(5), os-release(5), localtime(5), RFC 9636 (TZif), POSIX.1-2024 section 8.3 (TZ).
"""

from __future__ import annotations

import posixpath
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

HOSTNAMES = {"etc/hostname": "", "etc/HOSTNAME": "", "etc/sysconfig/network": "HOSTNAME", "etc/conf.d/hostname": "hostname"}
"""files that have the name, and the variable in which it is: systemd and Debian; SUSE to 12, Slackware; Red Hat to 6; OpenRC"""
RELEASES = ("etc/os-release", "usr/lib/os-release")
OLD_RELEASES = {
    "etc/redhat-release": "",
    "etc/SuSE-release": "",
    "etc/alpine-release": "Alpine Linux",
    "etc/gentoo-release": "",
    "etc/slackware-version": "",
    "etc/debian_version": "Debian",
}
"""files that say the version on systems without os-release, and the words that they leave out"""
NAMED = ("etc/timezone", "etc/sysconfig/clock", "etc/TZ")
"""files that name the zone: Debian and OpenRC; Red Hat before 7 and SUSE; OpenWrt, whose C library reads a TZ string there"""
LINKED = ("etc/writable/localtime", "writable/localtime", "etc/private/localtime")
"""links to which /etc/localtime leads where /etc cannot be written (Ubuntu Core and its like)"""
FILES = (*HOSTNAMES, *RELEASES, *OLD_RELEASES, *NAMED, "etc/localtime", *LINKED)
"""all files that are read here"""
_AROUND = " \t\r\n\v\f\0\ufeff"
"""what editors and copies leave around a name"""
LONGEST = 1 << 20
"""bytes of each of these files that are needed at most"""


class Zone(NamedTuple):
    """The time zone of a host: `name` (an IANA name or a fixed offset, '' where it is unknown), and `conflict`, one sentence or ''."""

    name: str
    conflict: str = ""


def text(data: bytes) -> str:
    r"""Return bytes as text; those that are no UTF-8 as `\xff`."""
    return data.decode("utf-8", "backslashreplace")


def timezone(link: str, localtime: bytes, named: Mapping[str, bytes]) -> Zone:
    """Return the time zone from the link text and the content of /etc/localtime, and the content of the files of `NAMED`.

    /etc/localtime decides: it is what the C library, and with it sshd, rsyslog and cron, reads. The others count where it says nothing;
    where the first of them differs, or /etc/localtime cannot be understood, that is a conflict.
    """
    used = _linked(link) or _by_content(localtime)
    place, other = next(((p, zone) for p in NAMED if (zone := _named(p, named.get(p, b"")))), ("", ""))
    if used and other and used != other and not _same_zone(used, other):
        return Zone(used, f"/etc/localtime is {used}, /{place} says {other}: /etc/localtime is used, as the C library does.")
    if other and not used and (link or localtime):
        return Zone(
            other, f"/etc/localtime names no time zone that is known: {other} of /{place} is used, which the C library never reads."
        )
    return Zone(used or other)


def _named(place: str, data: bytes) -> str:
    if place == "etc/TZ":
        rule = text(data[:256]).strip(_AROUND).removeprefix(":")
        return rule if "/" in rule and _is_zone(rule) else _fixed(rule) or _by_rule(rule)
    if place == "etc/sysconfig/clock":
        found = re.search(r"^\s*(?:ZONE|TIMEZONE)\s*=\s*[\"']?([^\s\"']+)", text(data[:4096]), re.MULTILINE)
        return found[1] if found and _is_zone(found[1]) else ""
    return named_zone(data)


def _by_rule(rule: str) -> str:
    """Return a zone of this machine's data that follows a POSIX TZ string today (`CET-1CEST,M3.5.0,M10.5.0/3`); '' where none does."""
    return next((name for name, known in _zones() if _footer(known) == rule), "") if "," in rule else ""


def zone_of(link: Callable[[str], str], read: Callable[[str], bytes]) -> Zone:
    """Return the time zone of a host. `link` and `read` return text and content of a path below its root, empty where there is none."""
    place = "etc/localtime"
    said = link(place)
    behind = posixpath.normpath(posixpath.join("/etc", said)).lstrip("/") if said else ""
    if behind in LINKED:
        place, said = behind, link(behind) or said
    return timezone(said, read(place), {path: read(path) for path in NAMED})


def _linked(link: str) -> str:
    found = re.search(r"zoneinfo/(?:posix/|right/)?(.+)$", link)
    return found[1] if found and _is_zone(found[1]) else ""


def _by_content(data: bytes) -> str:
    """Return the zone of a TZif file, or of a file that has the name as text."""
    if not data.startswith(b"TZif"):
        return named_zone(data) if data and len(data) < 256 else ""
    return _same_rules(data) or _fixed(_footer(data))


def _same_zone(one: str, other: str) -> bool:
    """Return whether two names have the same rules (Etc/UTC and UTC), as far as this machine knows both."""
    known = dict(_zones())
    return one in known and known[one] == known.get(other)


def name_of(read: Callable[[str], bytes]) -> str:
    """Return the name of a host, '' where it has none. `read` returns the content of a path below its root, empty where there is none."""
    for path, key in HOSTNAMES.items():
        if name := hostname(_value(read(path), key) if key else read(path)):
            return name
    return ""


def version_of(read: Callable[[str], bytes]) -> str:
    """Return the version of a host's system, '' where it is not known: of os-release, else of the files that systems before it had."""
    for path in RELEASES:
        if version := os_version(read(path)):
            return version
    for path, words in OLD_RELEASES.items():
        if line := next((line.strip() for line in text(read(path)[:4096]).splitlines() if line.strip()), ""):
            return f"{words} {line}".strip()
    return ""


def family_of(read: Callable[[str], bytes]) -> tuple[str, ...]:
    """Return the names of a host's system and of those that it is made from (`ubuntu`, `debian`): os-release(5), ID and ID_LIKE."""
    for path in RELEASES:
        if data := read(path):
            words = _value(data, "ID").decode("utf-8", "replace") + " " + _value(data, "ID_LIKE").decode("utf-8", "replace")
            return tuple(dict.fromkeys(words.lower().split()))
    return next((("debian",) for path in ("etc/debian_version",) if read(path)), ())


def _value(data: bytes, key: str) -> bytes:
    """Return the value of the last assignment `key=value`, without quotes."""
    found = re.findall(rb"^[ \t]*" + key.encode() + rb"[ \t]*=[ \t]*[\"']?([^\r\n\"']*)", data, re.MULTILINE)
    return bytes(found[-1]) if found else b""


def hostname(data: bytes) -> str:
    """Return the name in /etc/hostname: the first line that is no comment, '' where it is no host name."""
    for line in text(data).splitlines():
        name = line.strip(_AROUND)
        if name and not name.startswith("#"):
            return name if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", name) else ""
    return ""


def os_version(data: bytes) -> str:
    """Return PRETTY_NAME of os-release, else NAME and VERSION."""
    values = {}
    for line in text(data).splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key] = re.sub(r"\\(.)", r"\1", value.strip().strip("\"'"))
    return values.get("PRETTY_NAME") or " ".join(v for k in ("NAME", "VERSION") if (v := values.get(k)))


def named_zone(data: bytes) -> str:
    """Return the IANA name on the first line of /etc/timezone (Debian)."""
    for line in text(data[:4096]).splitlines():
        name = line.partition("#")[0].strip(_AROUND)
        if name:
            return name if _is_zone(name) else ""
    return ""


def _is_zone(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,3}", name) is not None


def _footer(data: bytes) -> str:
    """Return the POSIX TZ string behind the second block of a TZif file, version 2 and later."""
    found = re.search(rb"\n([^\n\0]{1,200})\n\Z", data)
    return text(found[1]) if found and data[4:5] >= b"2" else ""


def _same_rules(data: bytes) -> str:
    """Return the IANA zone of this machine's data whose rules are the same: equal content first, then equal transitions since 2000.

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
    """Return (name, TZif content) of the zones that this machine knows, sorted, cities before shorthands."""
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
    """Return the transition times after 2000 of the second (64-bit) block."""
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
    """Return a TZ string without summer time (`UTC0`, `<+0530>-5:30`) as a fixed offset. The sign of TZ is west of UTC."""
    found = re.fullmatch(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+\-]+>)([+-]?)(\d{1,2})(?::(\d\d))?", footer)
    if not found:
        return ""
    hours, minutes = int(found[2]), int(found[3] or 0)
    sign = "+" if found[1] == "-" or (hours, minutes) == (0, 0) else "-"
    return f"{sign}{hours:02d}:{minutes:02d}" if hours < 24 else ""
