"""Cron: system tables, drop-ins, user tables, anacron, and the scripts of the periodic directories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.lines import Line, beginnings, decode, each, fields, lines, locator, shortened, shown
from commodore.readers.unread_files import mode_of
from scout.formats import commandline, crontime
from scout.formats.crontab import (
    PERIODIC,
    CronEntry,
    CronTable,
    TableRights,
    assignment_of,
    entry_of,
    refused_rights,
    table_of,
    without_input,
)

ARTEFACT = Artefact(
    name="cron",
    title="Cron tables",
    about="Commands that cron or anacron runs at given times: one record per entry, with the raw line, and one per script in a periodic "
    "directory. An entry shows what would run, not that it ran. The modification time of the file shows when the table was last changed.",
    match=(
        "etc/crontab",
        "etc/cron.d/*",
        "etc/anacrontab",
        "var/spool/cron/*",
        "var/spool/cron/crontabs/*",
        "var/spool/cron/tabs/*",
        "etc/cron.hourly/*",
        "etc/cron.daily/*",
        "etc/cron.weekly/*",
        "etc/cron.monthly/*",
        "etc/cron.yearly/*",
    ),
    targets=("LF04", "LF09"),
    fields=(
        "escadre.line",
        "escadre.line_bytes",
        "escadre.line_length",
        "escadre.line_number",
        "escadre.line_hidden",
        "escadre.cron.schedule",
        "escadre.cron.input",
        "escadre.scope",
        "process.env_vars",
        "escadre.cron.job",
        "escadre.cron.passed_over",
        "escadre.startup.passed_over",
        "file.path",
        "process.command_line",
        "process.executable",
        "process.args",
        "user.name",
    ),
    kind="state",
    category=("configuration",),
    type=("info",),
    action="cron-entry-observed",
    attack=("T1053.003",),
    message="[The anacron job {escadre.cron.job!q}|Cron] runs `{process.command_line}`[ as {user.name!q}] "
    "(schedule: {escadre.cron.schedule})"
    "[, but {escadre.startup.passed_over}|{?escadre.cron.passed_over}, but cron ignores it].",
    version=3,
    sources=(
        "crontab(5), cron(8), anacrontab(5), run-parts(8)",
        "cron 3.0pl1 (Paul Vixie, Debian), entry.c and env.c; cronie, the same files: order of fields, assignments, % and @words",
    ),
)

_DEBIAN = re.compile(r"debian|ubuntu|devuan|raspbian|kali|mint", re.IGNORECASE)
"""Systems whose cron ignores a table of which it refuses one line, and names with a dot; cronie ignores that line, and reads such names."""
_COUNTED = re.compile(rb"[ \t]*+(?!#)(?!(?:\"[^\"=]*\"|'[^'=]*'|[^\s=\"'][^\s=]*)?[ \t]*=)(?!\r?(?:\n|\Z))[^ \t]", re.DOTALL)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    debian = _DEBIAN.search(" ".join((host.os_version, *host.os_family))) is not None
    table = table_of(evidence.source, debian=debian)
    base: dict[str, Any] = {"escadre.scope": table.kind, "file.path": evidence.source}
    if table.passed_over:
        base["escadre.cron.passed_over"] = True
    if reason := _refused(evidence, table, host, debian=debian):
        base |= {"escadre.cron.passed_over": True, "escadre.startup.passed_over": reason}
    if table.kind == "periodic":
        yield _script(evidence, base)
        return
    if table.kind != "anacron" and debian and (number := _first_refused(evidence)):
        base["escadre.cron.passed_over"] = True
        yield Problem(f"cron of {host.os_version} ignores this table: it refuses line {number}", f"line {number}")
    told: list[int] = []
    yield from each(evidence, partial(_line, table=table, base=base, environment={}, host=host, told=told))


def _refused(evidence: Evidence, table: CronTable, host: Host, *, debian: bool) -> str:
    """Return why cron or run-parts leaves the file alone because of its rights; '' where it does not, or they are not known."""
    mode = mode_of(evidence.facts)
    if not host.rights_kept:
        return ""
    if table.kind == PERIODIC:
        nobody = mode is not None and not mode & 0o111
        return f"run-parts runs no file that nobody may execute (mode {mode:04o})" if nobody else ""
    account = next((int(uid) for uid, name in host.users.items() if name == table.user and uid.isdecimal()), None)
    uid, links = (value if isinstance(value, int) else None for value in map(evidence.facts.get, ("uid", "nlink")))
    return refused_rights(table, TableRights(mode, uid, links, account), debian=debian)


def _first_refused(evidence: Evidence) -> int:
    """Return the number of the first line that cron refuses; 0 where there is none."""
    for line in lines(evidence):
        if isinstance(line, Problem) or not (bare := line.raw.lstrip(b" \t")) or bare.startswith(b"#"):
            continue
        if assignment_of(bare) is None and (not line.ended or crontime.times(line.raw) is None):
            return line.number
    return 0


def _line(
    line: Line, table: CronTable, base: dict[str, Any], environment: dict[bytes, str], host: Host, told: list[int]
) -> Iterator[Record | Problem]:
    """Yield the record of an entry. An assignment is added to `environment`, which the entries behind it have.

    `told`: number of the first entry that ends with a carriage return, once it was reported.
    """
    bare = line.raw.lstrip(b" \t")
    if not bare or bare.startswith(b"#"):
        return
    if bare == b"\r":
        if table.kind != "anacron":
            yield Problem("line with a carriage return alone: cron refuses it", locator(line))
        return
    if (assignment := assignment_of(bare)) is not None:
        environment[assignment.partition(b"=")[0]] = decode(assignment)  # a later one of the same name replaces it
    elif (entry := entry_of(line.raw, table)) is None:
        refused = "line is neither an entry nor an assignment; cron refuses it"
        broken_assignment = _COUNTED.match(line.raw) is None  # of no value, or of a quote that does not end
        yield Problem("entry without a command" if crontime.times(line.raw) else refused, locator(line), 0 if broken_assignment else 1)
    else:
        if not line.ended and table.kind != "anacron":
            base = base | {"escadre.cron.passed_over": True}
            yield Problem("the table ends without a line feed: cron refuses this entry, Debian's cron the table", locator(line))
        if entry.command.endswith(b"\r") and not told:
            told.append(line.number)
            yield Problem("the command ends with a carriage return, which the shell takes as part of its last word", locator(line))
        if host.users and decode(entry.user).lstrip("-") not in host.users.values():
            reason = f"the account {shown(decode(entry.user))} is not in /etc/passwd: unless another name service has it, cron refuses "
            yield Problem(reason + "the entry, Debian's cron the table", locator(line))
        yield _record(line, entry, base, environment, host)
        yield from shortened(line)


def expected(evidence: Evidence) -> int:
    """Count the lines that are neither blank, comment nor assignment; 1 for a script."""
    if table_of(evidence.source).kind == PERIODIC:
        return 1
    return sum(1 for line in beginnings(evidence) if _COUNTED.match(line))


def _script(evidence: Evidence, base: dict[str, Any]) -> Record:
    period = evidence.source.rsplit("/", 2)[-2].removeprefix("cron.")
    return Record(
        "script",
        base
        | {
            "escadre.cron.schedule": period,
            "user.name": "root",
            "process.command_line": evidence.source,
            "process.executable": evidence.source,
        },
    )


def _record(line: Line, entry: CronEntry, base: dict[str, Any], environment: dict[bytes, str], host: Host) -> Record:
    command, stdin = decode(entry.command).strip(), ""
    if not entry.job:  # anacron gives the command to the shell as it is
        command, stdin = without_input(command)
    user = decode(entry.user).lstrip("-")
    out: dict[str, Any] = {
        "escadre.cron.schedule": " ".join(decode(entry.schedule).split()),
        "user.name": user,
        "process.command_line": command,
    }
    if environment:
        out["process.env_vars"] = list(environment.values())
    if stdin:
        out["escadre.cron.input"] = stdin
    if entry.job:
        out["escadre.cron.job"] = decode(entry.job)
    target = commandline.parse_posix(command, home=host.profiles.get(user, ""))
    if target.executable:
        out["process.executable"] = target.executable
    if target.args:
        out["process.args"] = list(target.args)
    return Record(locator(line), base | fields(line) | shown(out))
