r"""JumplistData: programs whose jump list a user's search index looked at, with a time for each."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.typed import exact_time
from commodore.registry import At, each_value, registry_artefact
from scout.formats.regf import Value


def _program(at: At, value: Value) -> dict[str, Any]:
    when = exact_time(value)
    return {"escadre.execution.program": value.name, "@timestamp": when, "process.start": when} | at.program(value.name)


ARTEFACT, parse, expected = registry_artefact(
    name="jump_list_data",
    title="JumplistData",
    about="Programs that a user ran from the Start menu or the taskbar, with the time of the last run that search took note of. From "
    "Windows 10 1803 on.",
    proves_not="How often a program ran. Console programs and those without a jump list have no entry.",
    keys=(r"Software\Microsoft\Windows\CurrentVersion\Search\JumplistData",),
    read=each_value(_program, counted=True),
    fields=("escadre.execution.program", "process.start", "process.executable", "process.name"),
    times={"@timestamp": "last run of the program of which search took note", "process.start": "the same"},
    category=("process",),
    type=("start",),
    action="program-run-observed",
    message="[{user.name}|The user] ran {escadre.execution.program!q}[, last at {process.start}].",
    sources=("JumplistData key, H. Carvey, Windows Incident Response",),
)
