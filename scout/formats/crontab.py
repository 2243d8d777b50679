"""Tables of cron and anacron: what their path says of them, and their entries.

Sources: crontab(5), cron(8), anacrontab(5), run-parts(8); cron 3.0pl1 (Paul Vixie, Debian), entry.c and env.c; cronie, the same files and
database.c; crontabs of Fedora, run-parts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from scout.formats import crontime

PERIODIC = "periodic"
"""Kind of a script in `cron.daily` and its like."""
_PERIOD = re.compile(r"/cron\.(hourly|daily|weekly|monthly|yearly)/[^/]*$")
_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+")
_IGNORED = re.compile(r"\..*|#.*|.*~|.*\.rpm(?:save|orig|new)", re.DOTALL)
"""Names in a folder of tables or scripts that every cron and run-parts passes over. Debian's take letters, digits, `_` and `-` alone."""
_ANACRON = re.compile(rb"\s*(@?[^\s]+[ \t]+[^\s]+)[ \t]+([^\s]+)[ \t]+(.*)", re.DOTALL)
_USER = re.compile(rb"([^\s]+)[ \t]+(.*)", re.DOTALL)


class CronTable(NamedTuple):
    """Facts that follow from the path: kind of table, its user, and whether cron ignores the file."""

    kind: str
    user: str
    passed_over: bool


def table_of(source: str, *, debian: bool = False) -> CronTable:
    """Return the facts that follow from the path of a table. `debian`: the host is one, whose cron and run-parts take fewer names."""
    name = source.rsplit("/", 1)[-1]
    ignored = not _RUN_PARTS.fullmatch(name) if debian else _IGNORED.fullmatch(name) is not None
    if _PERIOD.search(source):
        return CronTable(PERIODIC, "root", ignored)
    if name == "anacrontab":
        return CronTable("anacron", "root", False)
    if "/spool/cron/" in source:
        return CronTable("user", name, False)
    return CronTable("system", "", "/cron.d/" in source and ignored)


class TableRights(NamedTuple):
    """Rights of a table; what is not known is None. `account`: uid of its user."""

    mode: int | None
    uid: int | None
    links: int | None
    account: int | None


def refused_rights(table: CronTable, rights: TableRights, *, debian: bool) -> str:
    """Return why cron refuses a table for its rights, '' where it does not: process_crontab() of cron 3.0pl1 (Debian) and of cronie.

    anacron looks at no rights, and those of a periodic script are no affair of cron.
    """
    if table.kind not in ("system", "user"):
        return ""
    if rights.uid not in (None, 0) and (table.kind == "system" or rights.account not in (None, rights.uid)):
        return f"cron refuses a table of the owner with uid {rights.uid}"
    if rights.links is not None and rights.links > 1 and (debian or table.kind == "user"):
        return f"cron refuses a table with {rights.links} hard links"
    mode = rights.mode
    if mode is None:
        return ""
    taken = mode & 0o7533 == 0o400
    if debian:
        taken = mode == 0o600 if table.kind == "user" else not mode & 0o022
    return "" if taken else f"cron refuses a table with mode {mode:04o}"


def assignment_of(bare: bytes) -> bytes | None:
    """Return `NAME = value` as `NAME=value`, or None: load_env() of cron 3.0pl1 and of cronie.

    The name ends at a blank, at `=`, or at its closing quote. A value is not empty, and a quote at its beginning is closed at its end.
    """
    quote = bare[:1]
    if quote in (b'"', b"'"):
        end = bare.find(quote, 1)
        name, rest = (bare[1:end], bare[end + 1 :]) if end > 0 else (b"", b"")
        if b"=" in name or b"\n" in name:
            return None
    else:
        name = re.split(rb"[\s=]", bare, maxsplit=1)[0]
        rest = bare[len(name) :]
    rest = rest.lstrip(b" \t")
    if not rest.startswith(b"="):
        return None
    value = rest[1:].strip()
    if value[:1] in (b'"', b"'"):
        return name + b"=" + value[1:-1] if value.find(value[:1], 1) == len(value) - 1 > 0 else None
    return name + b"=" + value if value else None


class CronEntry(NamedTuple):
    """One entry. `job`: its name in an anacrontab."""

    schedule: bytes
    user: bytes
    command: bytes
    job: bytes = b""


def entry_of(raw: bytes, table: CronTable) -> CronEntry | None:
    if table.kind == "anacron":
        found = _ANACRON.fullmatch(raw)
        return CronEntry(found[1], b"root", found[3], found[2]) if found and found[3].strip() else None
    timed = crontime.times(raw)
    if timed is None:
        return None
    schedule, rest = timed
    if table.kind == "user":
        return CronEntry(schedule, table.user.encode("utf-8", "backslashreplace"), rest) if rest.strip() else None
    who = _USER.fullmatch(rest)
    return CronEntry(schedule, who[1], who[2]) if who and who[2].strip() else None


def without_input(command: str) -> tuple[str, str]:
    r"""Split at the first `%` without a backslash, as cron does: the command, and its standard input, in which `%` is a line feed."""
    parts = re.split(r"(?<!\\)%", command, maxsplit=1)
    stdin = re.sub(r"(?<!\\)%", "\n", parts[1]) if len(parts) > 1 else ""
    return parts[0].replace("\\%", "%").rstrip(), stdin.replace("\\%", "%")
