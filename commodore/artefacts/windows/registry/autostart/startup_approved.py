r"""StartupApproved: whether a run key value or a file of a Startup folder is switched on, and since when it is off."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from commodore.registry import At, Made, Part, Problem, each_value, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import filetime

_PARENT = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved"


def _state(at: At, value: Value) -> Made:
    raw = value.raw
    if len(raw) != 12:
        return [Problem(f"state of {len(raw)} bytes: only 12 are known", value.name, lost=1)]
    state, ticks = unpack_from("<IQ", raw)
    made: dict[str, Any] = {
        "escadre.startup.item": value.name,
        "escadre.startup.enabled": not state & 1,
        "escadre.startup.kind": at.parts[-1],
    }
    return [Part("", made | {"@timestamp": filetime(ticks) or None})]


ARTEFACT, parse, expected = registry_artefact(
    name="startup_approved",
    title="Startup items switched on and off",
    about="State of each run key value (Run, Run32) and file of a Startup folder, as Task Manager and Settings show it: a disabled "
    "item is not started although its value is there.",
    proves_not="That the item still exists, or that it was started. An item without a state is enabled.",
    keys=(f"{_PARENT}\\Run", f"{_PARENT}\\Run32", f"{_PARENT}\\StartupFolder", f"{_PARENT}\\StartupTasks"),
    read=each_value(_state),
    fields=("escadre.startup.item", "escadre.startup.enabled", "escadre.startup.kind"),
    times={"@timestamp": "when the item was switched off; absent where it is on"},
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1547.001",),
    message="The startup item {escadre.startup.item!q} of {escadre.startup.kind} is [{?escadre.startup.enabled}on|off][, since "
    "{@timestamp}].",
    sources=("StartupApproved key, libyal winreg-kb",),
)
