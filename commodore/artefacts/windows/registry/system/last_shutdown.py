r"""Last shutdown of the host, by the Windows key of the SYSTEM hive."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, Made, Problem, each_value, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import filetime


def _shutdown(at: At, value: Value) -> Made:  # noqa: ARG001
    raw = value.raw
    when = filetime(int.from_bytes(raw, "little")) if len(raw) == 8 else ""
    if not when:
        return [Problem(f"time of the shutdown of {len(raw)} bytes: only a FILETIME of 8 is known, and not 0", value.name, lost=1)]
    made: dict[str, Any] = {"@timestamp": when, "event.end": when}
    return made


ARTEFACT, parse, expected = registry_artefact(
    name="last_shutdown",
    title="Last shutdown",
    about="Time of the last orderly shutdown, written by the kernel. Each control set has the shutdown at which it was last in use.",
    proves_not="That the host was not switched off later: a power cut, a crash, and the fast start-up of Windows 8 and later write no "
    "time.",
    keys=(r"System\CurrentControlSet\Control\Windows",),
    read=each_value(_shutdown, names=("ShutdownTime",)),
    fields=("event.end",),
    times={"@timestamp": "the shutdown", "event.end": "the same"},
    kind="event",
    category=("host",),
    type=("end",),
    action="host-shut-down",
    confidence="logged",
    message="The host was shut down at {event.end}.",
    sources=("ShutdownTime value, libyal winreg-kb",),
)
