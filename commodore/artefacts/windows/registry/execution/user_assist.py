r"""UserAssist: programs that a user started from the desktop, with counters and the time of the last start."""

from __future__ import annotations

from codecs import decode
from collections.abc import Iterator
from struct import unpack_from
from typing import Any

from commodore.registry import At, Part, Problem, each_value, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import filetime

_XP_FIRST = 5
"""count that Windows XP and Vista give the first run"""


def _entry(at: At, value: Value) -> Iterator[Part | Problem]:
    name, raw = decode(value.name, "rot13"), value.raw
    above = at.found.parent.value("Version") if at.found.parent else None
    version = above.number if above else None
    if name.startswith("UEME_CTL"):  # counters of the session, no program
        return
    made: dict[str, Any] = {"escadre.execution.program": name} | at.program(_path(name))
    if len(raw) == 72 and version in (5, None):
        _, count, focus, milliseconds = unpack_from("<4I", raw)
        made |= {"escadre.execution.count": count, "escadre.execution.focus_count": focus, "escadre.execution.focus_ms": milliseconds}
        (ticks,) = unpack_from("<Q", raw, 60)
    elif len(raw) == 16 and version in (3, None):
        _, count, ticks = unpack_from("<IIQ", raw)
        made["escadre.execution.count"] = max(0, count - _XP_FIRST) if count else 0
    else:
        known = "only version 3 with 16 bytes and version 5 with 72 are known"
        yield Problem(f"UserAssist entry of version {version} with {len(raw)} bytes: {known}", value.name, lost=1)
        return
    yield Part("", made | {"@timestamp": filetime(ticks) or None, "process.start": filetime(ticks) or None})


def _path(name: str) -> str:
    r"""Return the path in an entry of Windows XP (`UEME_RUNPATH:C:\x.exe`), else the name."""
    kind, colon, rest = name.partition(":")
    return rest if colon and kind.startswith("UEME_") else name


ARTEFACT, parse, expected = registry_artefact(
    name="user_assist",
    title="UserAssist",
    about="Programs and shortcuts that a user started through Explorer (desktop, Start menu, taskbar), how often, how long they had the "
    "focus, and when the last start was. An entry belongs to the user whose hive it is.",
    proves_not="That the program ended or did anything. Programs started from a command line, a service or a task have no entry. Windows "
    "writes some entries at the first logon of a profile, with no run and no time.",
    keys=(r"Software\Microsoft\Windows\CurrentVersion\Explorer\UserAssist\*\Count",),
    read=each_value(_entry),
    fields=(
        "escadre.execution.program",
        "escadre.execution.count",
        "escadre.execution.focus_count",
        "escadre.execution.focus_ms",
        "process.start",
        "process.executable",
        "process.name",
    ),
    needs=("system_root",),
    times={"@timestamp": "last start of the program; absent where it was never started", "process.start": "the same"},
    category=("process",),
    type=("start",),
    action="program-run-observed",
    attack=("T1204.002",),
    message="[{user.name}|The user] started {escadre.execution.program!q} {escadre.execution.count} {escadre.execution.count:time|times}"
    "[, last at {process.start}|, at no recorded time].",
    sources=("UserAssist: Windows Forensics and the UserAssist keys, D. Stevens", "UserAssist format notes, libyal winreg-kb"),
)
