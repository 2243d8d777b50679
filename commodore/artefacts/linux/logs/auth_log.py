"""Authentication logs: sshd, sudo, su, PAM, account tools and the login manager, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import logtime
from commodore.readers.lines import Line, each, lines, locator, shortened, text, unended, unmarked
from commodore.schema import actions
from commodore.sentence import Sentence, sentence
from scout.data import load_data

ARTEFACT = Artefact(
    name="auth_log",
    title="Authentication log",
    about="One record per line of auth.log or secure, also of rotated and compressed files. Logins, failures, sudo and account changes "
    "have named fields. Traditional times lack year and zone, which are then inferred from the time and the name of the file, the time of "
    "the collection and the zone of the host; `escadre.time_inferred` lists what was inferred. Any program can write any text: a line "
    "shows what a program reported.",
    match=("var/log/auth.log*", "var/log/secure*", "var/log/authlog*"),
    targets=("LF06",),
    needs=("timezone", "collected"),
    fields=(
        "escadre.log.time",
        "escadre.line_number",
        "escadre.line_length",
        "escadre.repeated",
        "escadre.tty",
        "escadre.session.id",
        "escadre.ssh.method",
        "escadre.ssh.key_type",
        "escadre.ssh.fingerprint",
        "event.original",
        "event.outcome",
        "event.provider",
        "process.name",
        "process.pid",
        "process.command_line",
        "process.working_directory",
        "user.name",
        "user.id",
        "user.effective.name",
        "user.target.name",
        "group.name",
        "source.ip",
        "source.port",
        "source.domain",
        "related.ip",
        "related.user",
    ),
    times={"@timestamp": "when the logger wrote the line; year and zone inferred where `escadre.time_inferred` says so"},
    kind="event",
    category=("authentication",),
    type=("info",),
    action="message-logged",
    attack=("T1078", "T1110", "T1548.003", "T1136.001"),
    message="[{process.name!q}|A program] logged: {event.original}.",
    confidence="logged",
    version=2,
    sources=(
        "RFC 3164 section 4.1 and RFC 5424 section 6 (syslog headers); rsyslog templates RSYSLOG_TraditionalFileFormat and "
        "RSYSLOG_FileFormat",
        "OpenSSH, auth.c, auth2.c, auth-pam.c, packet.c, kex.c, sshd.c, session.c; dropbear, svr-auth.c and its kin, svr-session.c: texts",
        "sudo, logging.c; shadow-utils, su.c, useradd.c, usermod.c; Linux-PAM, pam_unix; systemd, logind: message texts",
    ),
)

LONGEST = 1 << 16
"""Most bytes of one line."""
_MOST_RUNS = 100_000
"""Most changes of the day in one file; more are a forgery and are not looked at."""
_HALF = 183
"""Days beyond which two neighbouring lines are of different years."""
_MOST_NOTES = 20
"""per file, on steps back"""
_CONTINUED = 200
"""Most continuation lines of one record."""

_DATE = r"(?:<\d{1,3}>)?([A-Za-z]{3})[ \t]+(\d{1,2})[ \t]+(?:(\d{4})[ \t]+)?(\d\d:\d\d:\d\d)"
_TRADITIONAL = re.compile(_DATE + r"([.,]\d+)?(?:: ?|[ \t]+)", re.ASCII)
_ISO = re.compile(r"(?:<\d{1,3}>)?(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)? ", re.ASCII)
_PROTOCOL = re.compile(r"<\d{1,3}>1 (\S+) (\S+) (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(.*)", re.DOTALL)
_TAGGED = re.compile(r"(?:\S*[^\s:] )?(?:<?[a-z]+\d?\.[a-z]+>? )?(\S+?)(?:\[(\d+)\])?: ?(.*)", re.DOTALL)
_OLD_PAM = re.compile(r"([\w-]+)\((pam_\w+)\)")
_ENTRY = re.compile(rb"\0*(?=\S)(?:[^:\n]{0,40}\d:\d\d:\d\d\b|[^\n]{0,100}?\w\[\d+\]: )")
"""A line that begins an entry, whatever the spelling of its time: a clock near its beginning, or the tag of a program."""
_FULL = re.compile(rb"(?:<\d{1,3}>)?(?:1 )?((?:19|20)\d\d)-(0[1-9]|1[0-2])-(\d\d)[T ]")
_DAY = re.compile(rb"\0*" + _DATE.encode())
_ROTATED = re.compile(r"[-.]\d|\.(?:gz|xz|bz2|zst|old|bak|save)$")
"""a log that is no longer written: its change time is that of a rename, its modification time that of the last line"""
_NAME_DATE = re.compile(r"-(\d{4})-?(\d\d)-?(\d\d)(?:\.\w+)?$")
_REPEATED = re.compile(r"message repeated (\d+) times: \[ ?(.*)\]\s*", re.DOTALL)


class _Rule(NamedTuple):
    """Beginning, pattern and meaning of a message."""

    begins: str
    pattern: re.Pattern[str]
    action: str
    outcome: str
    category: str
    type: str
    says: Sentence
    user: str


@cache
def _rules() -> dict[str, tuple[_Rule, ...]]:
    """Return program → rules from auth_log.yaml. Raises ValueError for an entry of another form."""
    found: dict[str, tuple[_Rule, ...]] = {}
    for names, entries in load_data(__package__, "auth_log.yaml").items():
        found |= dict.fromkeys(names.split(), tuple(map(_rule, entries)))
    return found


def _rule(entry: dict[str, str]) -> _Rule:
    unknown = set(entry) - {"begins", "pattern", "user", "action", "outcome", "is", "says"}
    category, slash, type_ = entry.get("is", "").partition("/")
    if unknown or not slash:
        raise ValueError(f"auth_log.yaml: {entry.get('pattern')}: unknown keys {sorted(unknown)} or no category/type in `is`")
    pattern = re.compile(entry["pattern"].replace("{from}", _FROM), re.DOTALL | re.ASCII)
    if entry["action"] not in actions():
        raise ValueError(f"auth_log.yaml: {entry['action']}: not in commodore/schema/actions.yaml")
    says = sentence(entry["says"])
    return _Rule(entry["begins"], pattern, entry["action"], entry.get("outcome", ""), category, type_, says, entry.get("user", ""))


_LOGGED = sentence('[{program!q}|A program] logged "[{message}]".')
_FROM = r"from (?P<ip>\S+)(?: port (?P<port>\d+))?"
_FIELDS = {
    "user": "user.name",
    "effective": "user.effective.name",
    "target": "user.target.name",
    "group": "group.name",
    "uid": "user.id",
    "tty": "escadre.tty",
    "pwd": "process.working_directory",
    "command": "process.command_line",
    "session": "escadre.session.id",
    "method": "escadre.ssh.method",
    "key": "escadre.ssh.key_type",
    "print": "escadre.ssh.fingerprint",
    "service": "event.provider",
}


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    times = _Times(evidence, host)
    pending: Record | None = None
    continued = 0

    def entry(line: Line) -> Iterator[Record | Problem]:
        """Yield the entry before, when this line begins another one."""
        nonlocal pending, continued
        yield from _damage(line)
        yield from times.stray(line.number)
        line = unmarked(line)
        record = _record(line, times)
        if record is not None:
            before, pending, continued = pending, record, 0
            if before:
                yield before
        elif _ENTRY.match(line.raw):
            yield Problem("line begins an entry, but its time is cut or in a spelling that is not known", locator(line), 1)
        elif pending and continued < _CONTINUED and len(pending.fields["event.original"]) < LONGEST:
            continued += 1
            pending.fields["event.original"] += "\n" + text(line.raw.strip(b"\0"))
        elif line.raw.strip():
            yield Problem("line without a time, and no entry that it could go on", locator(line))

    yield from times.notes
    yield from each(evidence, entry, LONGEST, packed=True)
    if pending:
        yield pending


def expected(evidence: Evidence) -> int:
    """Count the lines that look like the beginning of an entry, independently of the spellings of times that `parse` knows."""
    return sum(1 for line in lines(evidence, 4096, packed=True) if isinstance(line, Line) and _ENTRY.match(unmarked(line).raw))


def _damage(line: Line) -> Iterator[Problem]:
    if line.raw[:1] == b"\0":
        yield Problem(f"hole of {len(line.raw) - len(line.raw.lstrip(bytes(1))):,} NUL bytes", f"line {line.number}")
    yield from shortened(line)
    yield from unended(line)


class _Times:
    """Year and zone of this file's traditional times."""

    def __init__(self, evidence: Evidence, host: Host) -> None:
        self.zone = logtime.zone(host.timezone) or UTC
        self.clock = logtime.LocalClock(self.zone)
        said, changed = evidence.facts.get("mtime"), evidence.facts.get("ctime")
        runs, anchor = _runs(evidence)
        self.order, self.first = self._first(runs, said, evidence, host)
        self.notes: list[Problem] = []
        if isinstance(changed, str) and isinstance(said, str) and changed > said and not _ROTATED.search(evidence.name):
            order, first = self._first(runs, changed, evidence, host)
            if first != self.first:
                self.order, self.first = order, first
                reason = (
                    f"the modification time {said} would put the lines into another year than the change time {changed}, which was taken"
                )
                self.notes.append(Problem(reason, kind="mtime-set-back"))
        if anchor and runs:
            self.first = self._by(anchor, runs)
        self._stretch = 0
        self._strays = list(reversed(self.order.strays[:_MOST_NOTES]))

    def _first(self, runs: list[logtime.DayRun], written: object, evidence: Evidence, host: Host) -> tuple[logtime.Order, int | None]:
        """Return the order of the days, and the year of the first line, of a file that was last written at `written`."""
        bound = logtime.latest(_bounds(written, evidence, host), self.zone)
        order = logtime.order(runs if bound else [], bound)
        if bound is None or order.last is None:
            return order, None
        return order, logtime.first_year(_date(order.last), order.years, set(order.leap), bound)

    def _by(self, anchor: tuple[int, int, int], runs: list[logtime.DayRun]) -> int:
        """Return the year of the first line by a line that has its year: (number, year, day of the year)."""
        number, year, day = anchor
        at = max((stretch for stretch in self.order.stretches if stretch.line <= number), default=self.order.stretches[0])
        near = max((run for run in runs if run.line <= number), default=runs[0])
        if abs(near.day - day) > _HALF:  # New Year is between the two
            year += 1 if near.day < day else -1
        return year - at.years

    def traditional(self, found: re.Match[str], line: int) -> tuple[str | None, list[str]]:
        """Return (RFC 3339 UTC or None, what was inferred) of a traditional time."""
        month = logtime.MONTHS.get(found[1].title())
        if month is None:
            return None, []
        day, fraction = int(found[2]), (found[5] or "").replace(",", ".")
        if found[3]:
            return self.clock.utc(int(found[3]), month, day, found[4], fraction), ["zone"]
        if self.first is None:
            return None, []
        stretch = self._at(line)
        clock = logtime.LocalClock(self.zone) if stretch.stray else self.clock
        inferred = ["year", "zone", "order"] if stretch.stray else ["year", "zone"]
        return clock.utc(self.first + stretch.years, month, day, found[4], fraction), inferred

    def stray(self, line: int) -> Iterator[Problem]:
        """Yield a note where a step back in time was taken for lines out of order."""
        if self._strays and self._strays[-1][0] == line:
            _, before, day = self._strays.pop()
            reason = f"the log steps back by {before - day} days and is back soon after: taken for lines out of order, not for New Year"
            yield Problem(reason, f"line {line}")

    def _at(self, line: int) -> logtime.Stretch:
        stretches = self.order.stretches
        while self._stretch + 1 < len(stretches) and stretches[self._stretch + 1].line <= line:
            self._stretch += 1
        return stretches[self._stretch]

    def iso(self, found: re.Match[str]) -> tuple[str | None, list[str]]:
        """Return (RFC 3339 UTC or None, what was inferred) of a full time."""
        where = found[6]
        clock = logtime.LocalClock(UTC if where == "Z" else logtime.zone(where) or UTC) if where else self.clock
        fraction = f".{found[5][:9]}" if found[5] else ""
        return clock.utc(int(found[1]), int(found[2]), int(found[3]), found[4], fraction), [] if where else ["zone"]


def _runs(evidence: Evidence) -> tuple[list[logtime.DayRun], tuple[int, int, int] | None]:
    """Return the days of the file, lines of one day in a row as one run, and the first line that has its year: number, year, day."""
    runs: list[logtime.DayRun] = []
    anchor = None
    for line in lines(evidence, 64, packed=True):
        raw = unmarked(line).raw if isinstance(line, Line) else b""
        if anchor is None and (full := _FULL.match(raw)) and isinstance(line, Line):
            anchor = (line.number, int(full[1]), logtime.day_of_year(int(full[2]), int(full[3])))
        found = _DAY.match(raw)
        if found is None or found[3] or isinstance(line, Problem):
            continue
        month = logtime.MONTHS.get(found[1].decode().title())
        day = logtime.day_of_year(month, int(found[2])) if month else 0
        if not day:
            continue
        clock = found[4].decode()
        if runs and runs[-1].day == day:
            runs[-1] = runs[-1]._replace(clock=clock)
        elif len(runs) < _MOST_RUNS:
            runs.append(logtime.DayRun(line.number, day, clock))
    return runs, anchor


def _date(run: logtime.DayRun) -> tuple[int, int, str]:
    """Return month, day and clock of a run."""
    date = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=run.day - 1)  # a leap year
    return date.month, date.day, run.clock


def _bounds(written: object, evidence: Evidence, host: Host) -> Iterator[str]:
    """Yield the times that the last line cannot be younger than: of the file, in its name, in its gzip header, and of the collection."""
    if isinstance(written, str):
        yield written
    if host.collected:
        yield host.collected
    if found := _NAME_DATE.search(evidence.name):
        yield f"{found[1]}-{found[2]}-{found[3]}T23:59:59Z"
    with evidence.open() as stream:
        head = stream.read(8)
    if head[:3] == b"\x1f\x8b\x08" and (seconds := int.from_bytes(head[4:8], "little")):
        yield datetime.fromtimestamp(seconds, UTC).isoformat()


def _record(line: Line, times: _Times) -> Record | None:
    """Return the record of a line that begins with a time, or None."""
    raw = text(line.raw.lstrip(b"\0").rstrip(b"\r"))
    out: dict[str, Any] = {"event.original": raw, "escadre.line_number": line.number}
    if line.cut:
        out["escadre.line_length"] = line.length
    if found := _TRADITIONAL.match(raw):
        stamp, inferred = times.traditional(found, line.number)
        body = raw[found.end() :]
    elif found := _ISO.match(raw):
        stamp, inferred = times.iso(found)
        body = raw[found.end() :]
    elif (protocol := _PROTOCOL.match(raw)) and (found := _ISO.match(f"{protocol[1]} ")):
        stamp, inferred = times.iso(found)
        pid = f"[{protocol[4]}]" if protocol[4].isdigit() else ""
        body = f"{protocol[2]} {protocol[3]}{pid}: {protocol[5]}"
    else:
        return None
    if stamp:
        out["@timestamp"] = stamp
        if inferred:
            out["escadre.time_inferred"] = inferred
    else:
        out["escadre.log.time"] = found[0].rstrip(": ")
    _body(body, out)
    return Record(f"line {line.number}", out)


def _body(body: str, out: dict[str, Any]) -> None:
    tagged = _TAGGED.match(body)
    program, message = ("", body) if tagged is None else (tagged[1].rsplit("/", 1)[-1].rstrip("]"), tagged[3].strip())
    if (module := _OLD_PAM.fullmatch(program)) and message.startswith(("session ", "authentication ", "check ")):
        program = module[1]  # Linux-PAM before 0.99: the module is in the tag
        message = f"{module[2]}({program}:{'session' if message.startswith('session ') else 'auth'}): {message}"
    if program:
        out["process.name"] = program
    if tagged and tagged[2] and len(tagged[2]) < 10:
        out["process.pid"] = int(tagged[2])
    if message.startswith("message repeated ") and (repeated := _REPEATED.fullmatch(message)):
        out["escadre.repeated"], message = int(repeated[1][:9]), repeated[2]
    if not _explain(program, message, out):
        out |= {"event.category": [], "message": _LOGGED({"program": program, "message": message})}


def _explain(program: str, message: str, out: dict[str, Any]) -> bool:
    """Add the named fields of a known message and return True, or return False."""
    for rule in _rules().get("pam" if message.startswith("pam_") else program.lower(), ()):
        if message.startswith(rule.begins) and (found := rule.pattern.fullmatch(message)):
            _fill(out, rule, {"user": rule.user, **found.groupdict()})
            return True
    return False


def _fill(out: dict[str, Any], rule: _Rule, groups: dict[str, str | None]) -> None:
    found = {name: value for name, value in groups.items() if value}
    for name, field in _FIELDS.items():
        if name in found:
            out[field] = found[name]
    if "ip" in found:
        if address := _ip(found["ip"]):
            out["source.ip"], out["related.ip"] = address, [address]
        else:
            out["source.domain"] = found["ip"]
    if "port" in found and len(found["port"]) < 6:
        out["source.port"] = int(found["port"])
    people = {found[name] for name in ("user", "effective", "target", "by", "ruser") if name in found}
    if people:
        out["related.user"] = sorted(people)
    outcome = "failure" if rule.action == "sudo-command-run" and "why" in found else rule.outcome
    if outcome:
        out["event.outcome"] = outcome
    out["event.action"], out["event.category"], out["event.type"] = rule.action, [rule.category], [rule.type]
    out["message"] = rule.says(found)


@lru_cache(maxsize=4096)
def _ip(text_: str) -> str:
    try:
        address = ip_address(text_.split("%", 1)[0])
        return str(getattr(address, "ipv4_mapped", None) or address)
    except ValueError:
        return ""
