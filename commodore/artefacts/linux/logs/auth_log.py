"""Authentication logs: sshd, sudo, su, PAM, account tools and the login manager, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.lines import Line, each, lines, locator, shortened, text, unended, unmarked
from commodore.readers.logstamps import ISO, TRADITIONAL, UNIX, LogStamps
from commodore.schema import actions
from commodore.sentence import Sentence, sentence
from scout.data import load_data

ARTEFACT = Artefact(
    name="auth_log",
    title="Authentication log",
    about="One record per line of auth.log or secure, also of rotated and compressed files. Logins, failures, sudo and account changes "
    "have named fields. Traditional times lack year and zone, which are then inferred from the time and the name of the file, the time of "
    "the collection and the zone of the host; `escadre.time_inferred` lists what was inferred. Any program can write any text: a line "
    "shows what a program reported. Of `messages`, which SUSE, Alpine and BusyBox write instead, "
    "only the lines of these programs are records.",
    match=("var/log/auth.log*", "var/log/secure*", "var/log/authlog*", "var/log/messages*"),
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
    version=4,
    sources=(
        "RFC 3164 section 4.1 and RFC 5424 section 6 (syslog headers); rsyslog templates RSYSLOG_TraditionalFileFormat and "
        "RSYSLOG_FileFormat",
        "OpenSSH, auth.c, auth2.c, auth-pam.c, packet.c, kex.c, sshd.c, session.c; dropbear, svr-auth.c and its kin, svr-session.c: texts",
        "sudo, logging.c; shadow-utils, su.c, useradd.c, usermod.c; Linux-PAM, pam_unix; systemd, logind: message texts",
    ),
)

BOM = "\ufeff"
"""RFC 5424 section 6.4: a message in UTF-8 begins with it"""
LONGEST = 1 << 16
"""Most bytes of one line."""
_CONTINUED = 200
"""Most continuation lines of one record."""

_PROTOCOL = re.compile(r"(?:<\d{1,3}>)?1 (\S+) (\S+) (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(.*)", re.DOTALL)
_TAGGED = re.compile(r"(?:\S*[^\s:] |\[\S*\]: )?(?:<?[a-z]+\d?\.[a-z]+>? )?(\S+?)(?:\[(\d+)\])?: ?(.*)", re.DOTALL)
_INSTANCE = re.compile(r"(?<=\Apolkitd)\(authority=\w+\)")
_OLD_PAM = re.compile(r"([\w-]+)\((pam_\w+)\)")
_ENTRY = re.compile(rb"\0*(?=\S)(?!-- )(?:[^:\n]{0,40}\d:\d\d:\d\d(?!\d)|\[?\d{9,10}(?:\.\d{1,9})?\]? |[^\n]{0,100}?\w\[\d+\]: )")
"""A line that begins an entry, whatever the spelling of its time: a clock near its beginning, or the tag of a program."""
_TAG = re.compile(r"(?<!\S)(?=[\w./-]*[a-z])[\w./()-]+(?:\[\d+\])?: ", re.ASCII)
"""the tag of a program"""
_SHARED = re.compile(r"/messages[^/]*\Z")
"""a log of all programs"""
_REPEATED = re.compile(
    r"message repeated (?P<times>\d+) times: \[ ?(?P<text>.*)\]\s*"
    r"|Last message '(?P<quoted>.*)' repeated (?P<again>\d+) times?, supp?ressed by syslog-ng on .*",
    re.DOTALL,
)
_AGAIN = re.compile(r"(?:\S+ )?(?:--- )?(?i:last message repeated) (\d+) times?\.?(?: ---)?\s*")
"""what sysklogd and the daemons after it write for messages that are the same as the one before"""
_REMARK = re.compile(rb"-- (?:(?:Logs begin|Journal begins) at [^\n]{10,80}|Boot [0-9a-f]{32}|Reboot|No entries) --\r?")
"""lines of journalctl about the journal"""


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
    times = LogStamps(evidence, host)
    shared = _SHARED.search(evidence.source) is not None
    pending: Record | None = None
    other = False  # whether the last entry was of a program that is not read here
    body = ""  # of the last entry, for a line that says how often it was repeated
    continued = 0

    def entry(line: Line) -> Iterator[Record | Problem]:
        """Yield the entry before, when this line begins another one."""
        nonlocal pending, continued, other, body
        yield from _damage(line)
        yield from times.stray(line.number)
        line = unmarked(line)
        record, said = _record(line, times, body)
        if record is not None:
            other = shared and not (_is_read(record.fields) or (said == body and not other))
            body = said
            before, pending, continued = pending, None if other else record, 0
            if before:
                yield before
        elif _ENTRY.match(line.raw):
            other = shared and not _of_program().search(line.raw)
            if not other:
                yield Problem("the time of the entry is cut or in a spelling that is not known: its record has no time", locator(line))
            before, (timeless, body) = pending, _timeless(line)
            pending, continued = None if other else timeless, 0
            if before:
                yield before
        elif _REMARK.fullmatch(line.raw):
            return
        elif pending and continued < _CONTINUED and len(pending.fields["event.original"]) < LONGEST:
            continued += 1
            pending.fields["event.original"] += "\n" + text(line.raw.strip(b"\0"))
        elif line.raw.strip() and not other:
            yield Problem("line without a time, and no entry that it could go on", locator(line))

    yield from times.notes
    yield from each(evidence, entry, LONGEST, packed=True)
    if pending:
        yield pending


def expected(evidence: Evidence) -> int:
    """Count the lines that look like the beginning of an entry, independently of the spellings of times that `parse` knows."""
    begun = (unmarked(line).raw for line in lines(evidence, 4096, packed=True) if isinstance(line, Line))
    shared = _SHARED.search(evidence.source) is not None
    count, counted = 0, False
    for raw in begun:
        if _ENTRY.match(raw):
            counted = not shared or _of_program().search(raw) is not None or (counted and b"repeated" in raw and _again(raw))
            count += counted
    return count


def _again(raw: bytes) -> bool:
    """Return whether a line says no more than that the one before was repeated."""
    return re.search(rb"(?i) last message repeated \d+ times?\.?(?: ---)?\s*\Z", raw) is not None


def _is_read(fields: dict[str, Any]) -> bool:
    """Return whether an entry of a log that all programs share is of a program whose messages are known, or of a PAM module."""
    return _of_program().search(fields["event.original"].encode("utf-8", "surrogateescape")) is not None


@cache
def _of_program() -> re.Pattern[bytes]:
    names = "|".join(sorted(name for name in _rules() if name != "pam")).encode()
    return re.compile(rb"(?i)(?:[ \t/\[]|\A)(?:(?:" + names + rb")(?:\(\w+(?:=\w+)?\))?\]?(?:\[\d+\])?:|\S+: pam_\w+\()")


def _damage(line: Line) -> Iterator[Problem]:
    if line.raw[:1] == b"\0":
        yield Problem(f"hole of {len(line.raw) - len(line.raw.lstrip(bytes(1))):,} NUL bytes", f"line {line.number}")
    yield from shortened(line)
    yield from unended(line)


def _record(line: Line, times: LogStamps, before: str) -> tuple[Record | None, str]:
    """Return the record of a line that begins with a time, or None, and its body. `before`: the body of the entry before."""
    out = _line(line)
    raw = out["event.original"]
    if found := TRADITIONAL.match(raw):
        stamp, inferred = times.traditional(found, line.number)
        body = raw[found.end() :]
    elif found := ISO.match(raw):
        stamp, inferred = times.iso(found)
        body = raw[found.end() :]
    elif (protocol := _PROTOCOL.match(raw)) and (found := ISO.match(f"{protocol[1]} ")):
        stamp, inferred = times.iso(found)
        pid = f"[{protocol[4]}]" if protocol[4].isdigit() else ""
        body = f"{protocol[2]} {protocol[3]}{pid}: {protocol[5].removeprefix(BOM)}"
    elif found := UNIX.match(raw):
        stamp, inferred = times.unix(found)
        body = raw[found.end() :]
    else:
        return None, before
    if stamp:
        out["@timestamp"] = stamp
        if inferred:
            out["escadre.time_inferred"] = inferred
    else:
        out["escadre.log.time"] = found[0].rstrip(": ")
    if before and (again := _AGAIN.fullmatch(body)):
        out["escadre.repeated"], body = int(again[1][:9]), before
    _body(body, out)
    return Record(f"line {line.number}", out), body


def _timeless(line: Line) -> tuple[Record, str]:
    """Return the record of a line that begins an entry with a time that cannot be read, and its body: from the tag of a program on."""
    out = _line(line)
    raw = out["event.original"]
    tag = _TAG.search(raw)
    head, body = (raw[: tag.start()], raw[tag.start() :]) if tag else ("", raw)
    if head.strip():
        out["escadre.log.time"] = head.strip()
    _body(body, out)
    return Record(f"line {line.number}", out), body


def _line(line: Line) -> dict[str, Any]:
    out: dict[str, Any] = {"event.original": text(line.raw.lstrip(b"\0").rstrip(b"\r")), "escadre.line_number": line.number}
    return out | {"escadre.line_length": line.length} if line.cut else out


def _body(body: str, out: dict[str, Any]) -> None:
    tagged = _TAGGED.match(body)
    program, message = ("", body) if tagged is None else (tagged[1].rsplit("/", 1)[-1].strip("[]"), tagged[3].strip())
    program = _INSTANCE.sub("", program)
    if (module := _OLD_PAM.fullmatch(program)) and message.startswith(("session ", "authentication ", "check ")):
        program = module[1]  # Linux-PAM before 0.99: the module is in the tag
        message = f"{module[2]}({program}:{'session' if message.startswith('session ') else 'auth'}): {message}"
    if program:
        out["process.name"] = program
    if tagged and tagged[2] and len(tagged[2]) < 10:
        out["process.pid"] = int(tagged[2])
    if message.startswith(("message repeated ", "Last message '")) and (repeated := _REPEATED.fullmatch(message)):
        out["escadre.repeated"] = int((repeated["times"] or repeated["again"])[:9])
        message = (repeated["text"] if repeated["times"] else repeated["quoted"]).strip()
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
