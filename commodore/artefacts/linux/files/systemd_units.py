"""systemd unit files and drop-ins: what services, timers, sockets and paths would start, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.lines import plain_lines, shown
from commodore.sentence import sentence
from scout.formats import commandline
from scout.formats.linux_paths import OWN_UNITS, SYSTEM_UNITS, USER_UNITS
from scout.formats.systemd_unit import (
    TRIGGERS,
    Settings,
    UnitRefusal,
    UnitTrouble,
    assign,
    commands_of,
    ignored,
    settings_of,
    spelt,
    words_of,
)
from scout.formats.unit_names import KINDS, manager_home, place, whose
from scout.formats.unit_specifiers import filled

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
    version=3,
    sources=(
        "systemd.syntax(7): sections, continuation lines, comments, quoting; systemd, conf-parser.c and fileio.c (what ends a line)",
        "systemd.unit(5): paths, drop-ins of a unit, of a template, of all units with a beginning and of a type, empty assignment resets a "
        "list, [Install]",
        "systemd.service(5), section Command lines: prefixes, quoting, specifiers; systemd.timer(5), systemd.socket(5), systemd.path(5), "
        "systemd.automount(5)",
    ),
)

_WORDS = ARTEFACT.message.replace("`{process.command_line}`[", "`{process.command_line}`[ and {more}][")
_UNIT = sentence(_WORDS)
_DROP_IN = sentence(
    _WORDS.replace("of unit {service.name!q}", "of {of}").replace("systemd refuses the file", "systemd reads no further than that")
)
_STARTS = ("ExecStart=", "ExecStartPre=", "ExecStartPost=")
"""settings whose commands a start runs"""
_TRUE = ("1", "yes", "y", "true", "t", "on")
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


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    settings: Settings = {}
    cleared: set[str] = set()  # settings of the unit that a drop-in takes away
    passed_over: list[str] = []
    refused = ""
    empty = True
    _, kind, drop_in, _ = place(evidence.source)
    for item in settings_of(plain_lines(evidence)):
        if isinstance(item, UnitTrouble):
            yield Problem(item.reason, f"line {item.line}")
            continue
        if isinstance(item, UnitRefusal):
            refused, empty = refused or item.reason, False
            continue
        key, value = item
        empty = False
        if ignored(key, kind) or (refused and drop_in and key):
            passed_over.append(f"{key}={value}")
        else:
            if drop_in and key and not value:
                cleared.add(key)
            assign(settings, key, value)
    if refused:
        yield Problem(f"systemd {'reads no further than that' if drop_in else 'refuses the file'}: {refused}", "unit")
    yield _record(evidence, host, settings, cleared, empty, passed_over, refused)


def expected(evidence: Evidence) -> int:  # noqa: ARG001  (one file is one object)
    """Return 1: a file is one record."""
    return 1


def _record(
    evidence: Evidence, host: Host, settings: Settings, cleared: set[str], empty: bool, passed_over: list[str], refused: str
) -> Record:
    name, kind, drop_in, scope = place(evidence.source)
    out: dict[str, Any] = {"file.path": evidence.source, "service.name": name, "service.type": [kind], "escadre.scope": scope}
    if drop_in:
        out["escadre.systemd.drop_in"] = drop_in
    if empty:
        out["escadre.systemd.empty"] = True
    elif kept := [f"{key}={value}" for key, values in settings.items() for value in ([""] if key in cleared else []) + values]:
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
            _extend(out, "process.env_vars", (word for value in values for word in commandline.split_posix(spelt(value))))
        elif short in TRIGGERS:
            _extend(out, "escadre.trigger", (f"{short}={value}" for value in values))
        elif short.startswith("Exec"):
            _extend(out, "escadre.systemd.exec", (f"{short}={command}" for value in values for command in commands_of(value)))
    _started(out, settings, host, kind)
    if "escadre.trigger" in out and kind in ("timer", "path", "socket"):
        accept = kind == "socket" and (settings.get("Socket.Accept") or [""])[-1].lower() in _TRUE
        out.setdefault("escadre.systemd.activates", f"{name.rpartition('.')[0]}{'@' if accept else ''}.service")
    more = sum(1 for line in out.get("escadre.systemd.exec", ()) if line.startswith(_STARTS)) - 1
    if drop_in or more > 0:
        out["message"] = (_DROP_IN if drop_in else _UNIT)(out | {"of": whose(name), "more": f"{more} more" if more > 0 else None})
    return Record("unit", shown(out) | {"file.path": evidence.source})


def _extend(out: dict[str, Any], field: str, values: Iterator[str]) -> None:
    if found := list(values):
        out[field] = [*out.get(field, []), *found]


def _started(out: dict[str, Any], settings: Settings, host: Host, kind: str) -> None:
    """Add the process.* fields of the first command of the unit: ExecStart=, else any other Exec…=."""
    section = {"socket": "Socket", "mount": "Mount", "swap": "Swap"}.get(kind, "Service")
    keys = [f"{section}.Exec{k}" for k in ("Start", "StartPre", "StartPost", "Condition", "Stop", "StopPost", "Reload", "StopPre")]
    value = next((command for k in keys for line in settings.get(k, ()) for command in commands_of(line)), "")
    if not value:
        return
    home = host.profiles.get(str(out.get("user.name", "")), "")
    out["process.command_line"], _ = words_of(value, home)
    _, words = words_of(filled(value, str(out["file.path"]), manager_home(str(out["file.path"]))), home)
    target = commandline.parse_argv(words)
    if target.executable:
        out["process.executable"] = target.executable
    if target.args:
        out["process.args"] = list(target.args)
