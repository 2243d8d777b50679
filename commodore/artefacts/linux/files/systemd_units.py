"""systemd unit files and drop-ins: what services, timers, sockets and paths would start, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import commandline
from commodore.readers.lines import decode, lines, shortened, shown
from commodore.readers.unit_names import KINDS, place, whose
from commodore.sentence import sentence
from scout.formats.linux_paths import OWN_UNITS, SYSTEM_UNITS, USER_UNITS

_PLACES = (*(folder[1:] for folder in SYSTEM_UNITS + USER_UNITS), "run/user/*/systemd/*", *(f"**/{folder}" for folder in OWN_UNITS))

ARTEFACT = Artefact(
    name="systemd_units",
    title="systemd unit files and drop-ins",
    about="One record per unit file or drop-in (`*.d/*.conf`): commands with their prefixes, user, triggers of timers, paths and sockets, "
    "and all settings. A unit file shows what systemd would start, not that it did. Links in `*.wants` show whether it is enabled.",
    match=tuple(f"{place}/*.{kind}" for place in _PLACES for kind in KINDS) + tuple(f"{place}/*.d/*.conf" for place in _PLACES),
    targets=("LF04", "LF09"),
    fields=(
        "file.path",
        "service.name",
        "service.type",
        "process.command_line",
        "process.executable",
        "process.args",
        "process.working_directory",
        "user.name",
        "group.name",
        "process.env_vars",
        "escadre.description",
        "escadre.scope",
        "escadre.settings",
        "escadre.trigger",
        "escadre.systemd.drop_in",
        "escadre.systemd.exec",
        "escadre.systemd.activates",
        "escadre.systemd.empty",
        "escadre.systemd.passed_over",
        "event.reason",
    ),
    kind="state",
    category=("configuration",),
    type=("info",),
    action="systemd-unit-observed",
    attack=("T1543.002", "T1053.006"),
    message="[The drop-in {escadre.systemd.drop_in!q} of unit {service.name!q}|The unit {service.name!q}"
    "[ ({escadre.description!q})]]"
    "[{?escadre.systemd.empty} is empty, which masks the unit| runs `{process.command_line}`[ as {user.name!q}]|"
    " starts {escadre.systemd.activates!q} on {escadre.trigger}| has {escadre.trigger}|"
    " sets {process.env_vars!q}| runs no command of its own][, but systemd refuses the file: {event.reason}].",
    version=2,
    sources=(
        "systemd.syntax(7): sections, continuation lines, comments, quoting; systemd, conf-parser.c and fileio.c (what ends a line)",
        "systemd.unit(5): paths, drop-ins of a unit, of a template, of all units with a beginning and of a type, empty assignment resets a "
        "list, [Install]",
        "systemd.service(5), section Command lines: prefixes, quoting, specifiers; systemd.timer(5), systemd.socket(5), systemd.path(5), "
        "systemd.automount(5)",
    ),
)

_DROP_IN = sentence(
    ARTEFACT.message.replace("of unit {service.name!q}", "of {of}").replace(
        "systemd refuses the file", "systemd reads no further than that"
    )
)
_BLANK = " \t\n\r"
"""White space as systemd strips it; any other is part of a name or value."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_PREFIX = re.compile(r"[@\-:+!|]*")
_TRIGGERS = frozenset(
    {
        "OnActiveSec",
        "OnBootSec",
        "OnStartupSec",
        "OnUnitActiveSec",
        "OnUnitInactiveSec",
        "OnCalendar",
        "OnClockChange",
        "OnTimezoneChange",
        "ListenStream",
        "ListenDatagram",
        "ListenSequentialPacket",
        "ListenFIFO",
        "ListenSpecial",
        "ListenNetlink",
        "ListenMessageQueue",
        "ListenUSBFunction",
        "PathExists",
        "PathExistsGlob",
        "PathChanged",
        "PathModified",
        "DirectoryNotEmpty",
        "Where",
    }
)
_SINGLE = {
    "Unit.Description": "escadre.description",
    "Service.User": "user.name",
    "Service.Group": "group.name",
    "Service.WorkingDirectory": "process.working_directory",
    "Socket.SocketUser": "user.name",
    "Timer.Unit": "escadre.systemd.activates",
    "Path.Unit": "escadre.systemd.activates",
    "Socket.Service": "escadre.systemd.activates",
}
_MOST = 20_000
"""Most settings of one file, and most lines of one setting."""
_END = re.compile(r"\r\0|\0\r|[\r\0]")
"""Besides the line feed, systemd ends a line at these; different ones in a row are one end."""
_LAST_END = re.compile(r"(?:\r\0?|\0\r?)\Z")
_OPEN = re.compile(r"(?<!\\)(?:\\\\)*\\$")
"""An odd number of backslashes at the end of a line."""

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(s)|.)", re.DOTALL)
_TOKEN = re.compile(r"""(?<!\S)(;)(?!\S)|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|[^\\"';])+|.""", re.DOTALL)
_TRUE = ("1", "yes", "y", "true", "t", "on")

Settings = dict[str, list[str]]
"""`Section.Key` → values after resets, in order."""


class _Refusal(NamedTuple):
    """The reason why systemd does not load a file."""

    reason: str


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    settings: Settings = {}
    passed_over: list[str] = []
    refused = ""
    empty = True
    _, kind, drop_in, _ = place(evidence.source)
    for item in _settings(evidence):
        if isinstance(item, Problem):
            yield item
            continue
        if isinstance(item, _Refusal):
            refused, empty = refused or item.reason, False
            continue
        key, value = item
        empty = False
        if ignored(key, kind) or (refused and drop_in and key):
            passed_over.append(f"{key}={value}")
        else:
            _assign(settings, key, value)
    if refused:
        yield Problem(f"systemd {'reads no further than that' if drop_in else 'refuses the file'}: {refused}", "unit")
    yield _record(evidence, host, settings, empty, passed_over, refused)


def ignored(key: str, kind: str) -> bool:
    """Return whether systemd passes over a setting (`Section.Key`) of a unit of this kind.

    It reads [Unit], [Install] and the section of the kind, whose names have fixed capitals; [Unit] and [Install] start nothing.
    """
    section, dot, name = key.rpartition(".")
    if not dot or kind not in KINDS or section == kind.capitalize():
        return False
    return section not in ("Unit", "Install") or name.startswith(("Exec", "Environment")) or name in _TRIGGERS


def expected(evidence: Evidence) -> int:  # noqa: ARG001  (one file is one object)
    """Return 1: a file is one record."""
    return 1


def _settings(evidence: Evidence) -> Iterator[tuple[str, str] | _Refusal | Problem]:
    """Yield (`Section.Key`, value) in the order of the file, continuation lines joined; ('', '') for content that is no setting.

    Of a file that systemd refuses, the settings before and behind that line are yielded too.
    """
    section, count = "", 0
    for number, logical in _logical(evidence):
        if isinstance(logical, Problem):
            yield logical
            continue
        if _NOT_UTF8.search(logical):
            yield _Refusal(f"line {number} is not UTF-8")
        if logical.startswith("["):
            section = logical[1:-1]
            yield _Refusal(f"line {number} is no section header") if logical[-1] != "]" else ("", "")
        else:
            key, equals, value = logical.partition("=")
            count += 1
            if count > _MOST:
                yield Problem(f"more than {_MOST} settings; the rest was not read", f"line {number}")
                return
            if not equals or not section:
                reason = "line is no setting; systemd ignores it" if section else "setting before any section"
                yield Problem(reason, f"line {number}")
                yield "", ""
            else:
                yield f"{section}.{key.strip(_BLANK)}", value.strip(_BLANK)


def _logical(evidence: Evidence) -> Iterator[tuple[int, str | Problem]]:
    """Yield (number, logical line). A trailing backslash joins the next line with a blank; comment lines in between are skipped."""
    held: list[str] = []
    first = 0
    for number, part in _physical(evidence):
        if isinstance(part, Problem):
            yield number or first, part
            continue
        bare = part.lstrip(" \t")
        if bare[:1] in ("#", ";") or (not bare and not held):
            continue
        first = first if held else number
        if _OPEN.search(bare) and len(held) < _MOST:
            held.append(bare[:-1] + " ")
            continue
        yield first, ("".join(held) + bare).strip(_BLANK)
        held = []
    if held:
        yield first, "".join(held).strip(_BLANK)


def _physical(evidence: Evidence) -> Iterator[tuple[int, str | Problem]]:
    r"""Yield (number, line) as systemd ends lines: at `\n`, `\r` or NUL, where several different ones in a row are one end (`\r\n`).

    One byte order mark is skipped, at whichever line it is.
    """
    used, marked = "", False
    for line in lines(evidence):
        if isinstance(line, Problem):
            yield 0, line
            continue
        for problem in shortened(line):
            yield line.number, problem
        body = decode(line.raw)
        while line.number > 1 and body[:1] in ("\r", "\0") and body[0] not in used:  # the rest of the end before
            used, body = used + body[0], body[1:]
        end = _LAST_END.search(body)
        used = end[0] if end else ""
        for part in _END.split(body[: len(body) - len(used)]):
            first = not marked and part.startswith("\ufeff")
            marked = marked or first
            yield line.number, part[1:] if first else part


def _assign(settings: Settings, key: str, value: str) -> None:
    """Add a value to its setting; an empty value removes those before it."""
    if not key:
        return
    if value:
        settings.setdefault(key, []).append(value)
    else:
        settings[key] = []


def _record(evidence: Evidence, host: Host, settings: Settings, empty: bool, passed_over: list[str], refused: str) -> Record:
    name, kind, drop_in, scope = place(evidence.source)
    out: dict[str, Any] = {"file.path": evidence.source, "service.name": name, "service.type": [kind], "escadre.scope": scope}
    if drop_in:
        out["escadre.systemd.drop_in"] = drop_in
    if empty:
        out["escadre.systemd.empty"] = True
    elif kept := [f"{key}={value}" for key, values in settings.items() for value in values]:
        out["escadre.settings"] = kept
    if passed_over:
        out["escadre.systemd.passed_over"] = passed_over
    if refused:
        out["event.reason"] = refused
    for key, field in _SINGLE.items():
        if settings.get(key):
            out[field] = settings[key][-1]
    for key, values in settings.items():
        short = key.partition(".")[2]
        if short == "Environment":
            _extend(out, "process.env_vars", (word for value in values for word in commandline.split_posix(_spelt(value))))
        elif short in _TRIGGERS:
            _extend(out, "escadre.trigger", (f"{short}={value}" for value in values))
        elif short.startswith("Exec"):
            _extend(out, "escadre.systemd.exec", (f"{short}={command}" for value in values for command in _commands(value)))
    _started(out, settings, host, kind)
    if "escadre.trigger" in out and kind in ("timer", "path", "socket"):
        accept = kind == "socket" and (settings.get("Socket.Accept") or [""])[-1].lower() in _TRUE
        out.setdefault("escadre.systemd.activates", f"{name.rpartition('.')[0]}{'@' if accept else ''}.service")
    if drop_in:
        out["message"] = _DROP_IN(out | {"of": whose(name)})
    return Record("unit", shown(out) | {"file.path": evidence.source})


def _extend(out: dict[str, Any], field: str, values: Iterator[str]) -> None:
    if found := list(values):
        out[field] = [*out.get(field, []), *found]


def _started(out: dict[str, Any], settings: Settings, host: Host, kind: str) -> None:
    """Add the process.* fields of the first command of the unit: ExecStart=, else any other Exec…=."""
    section = {"socket": "Socket", "mount": "Mount", "swap": "Swap"}.get(kind, "Service")
    keys = [f"{section}.Exec{k}" for k in ("Start", "StartPre", "StartPost", "Condition", "Stop", "StopPost", "Reload", "StopPre")]
    value = next((command for k in keys for line in settings.get(k, ()) for command in _commands(line)), "")
    if not value:
        return
    prefix = _PREFIX.match(value)
    command = value[prefix.end() if prefix else 0 :].strip()
    out["process.command_line"] = command
    words = commandline.split_posix(command, home=host.profiles.get(str(out.get("user.name", "")), ""))
    if prefix and "@" in prefix[0] and len(words) > 1:
        del words[1]  # with @ the second word is argv[0]
    target = commandline.parse_argv(words)
    if target.executable:
        out["process.executable"] = target.executable
    if target.args:
        out["process.args"] = list(target.args)


def _commands(value: str) -> list[str]:
    """Return the commands of one setting, which a separate `;` divides, with escape sequences decoded."""
    parts = [""]
    for found in _TOKEN.finditer(value):
        if found[1]:
            parts.append("")
        else:
            parts[-1] += _spelt(found[0])
    return [part.strip() for part in parts if part.strip()]


def _spelt(value: str) -> str:
    r"""Decode the escape sequences of a token or text: `/\x74mp` is /tmp. A character that would separate or quote keeps a backslash."""
    plain = "/._-+:@%,=~" + (" ;&|<>()#*?[]{}!" if value[:1] in ("'", '"') else "")

    def character(found: re.Match[str]) -> str:
        digits = found[1] or found[3] or found[4]
        code = int(digits, 16) if digits else int(found[2], 8) if found[2] else 32 if found[5] else -1
        if not 32 <= code < 0x110000 or 0xD800 <= code < 0xE000:
            return found[0]
        return chr(code) if chr(code).isalnum() or chr(code) in plain else f"\\{chr(code)}"

    return _ESCAPE.sub(character, value) if "\\" in value else value
