r"""RecentApps: programs that a user started from the Start menu or search (Windows 10 up to 1709), with their last files."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_PARENT = r"Software\Microsoft\Windows\CurrentVersion\Search\RecentApps"
_read = restated(
    {
        "AppId": "escadre.execution.program",
        "LastAccessedTime": "process.start",
        "LaunchCount": "escadre.execution.count",
        "Path": "file.path",
    },
    also=("DisplayName", "Points", "Type"),
    needs=("AppId", "Path"),
)


def _app(at: At, key: Key) -> dict[str, Any] | None:
    made = _read(at, key)
    if made is None:
        return None
    fields: dict[str, Any] = dict(made)
    path = key.text("AppPath") or str(fields.get("escadre.execution.program", ""))
    return fields | {"@timestamp": fields.get("process.start")} | at.program(path)


ARTEFACT, parse, expected = registry_artefact(
    name="recent_apps",
    title="RecentApps",
    about="Programs that a user started, how often, and when last, with the files that each opened last. Windows 10 up to version 1709 "
    "keeps them.",
    proves_not="That other programs did not run: only those that the Start menu and search know are listed.",
    keys=(f"{_PARENT}\\*", f"{_PARENT}\\*\\RecentItems\\*"),
    read=each_key(_app),
    fields=(
        "escadre.execution.program",
        "escadre.execution.count",
        "escadre.settings",
        "process.start",
        "process.executable",
        "process.name",
        "file.path",
    ),
    times={"@timestamp": "last start of the program, or last opening of the file", "process.start": "the same"},
    category=("process",),
    type=("start",),
    action="program-run-observed",
    message="[{user.name}|The user] [opened {file.path!q}|started {escadre.execution.program!q} {escadre.execution.count} "
    "{escadre.execution.count:time|times}|used a program][, last at {process.start}].",
    sources=("Windows 10 RecentApps, E. Zimmerman; RecentApps key, libyal winreg-kb",),
)
