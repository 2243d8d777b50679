r"""FeatureUsage: how often a user started, switched to or clicked programs of the taskbar."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, Made, Problem, each_value, registry_artefact
from scout.formats.regf import Value

_KINDS = ("AppLaunch", "AppSwitched", "AppBadgeUpdated", "ShowJumpView", "TrayButtonClicked")


def _use(at: At, value: Value) -> Made:
    number = value.number
    if number is None:
        return [Problem(f"counter of type {value.type} with {len(value.raw)} bytes: only numbers are known", value.name, lost=1)]
    made: dict[str, Any] = {
        "escadre.execution.program": value.name,
        "escadre.execution.count": number,
        "escadre.execution.use": at.parts[-1],
    }
    return made | at.program(value.name)


ARTEFACT, parse, expected = registry_artefact(
    name="feature_usage",
    title="FeatureUsage",
    about="Counters of the taskbar, per user, from Windows 10 1903 on: starts of pinned programs (AppLaunch), switches to a window "
    "(AppSwitched), badges, jump lists, clicks in the tray. A program with a switch ran and had a window.",
    proves_not="When: there is one time for the whole key. A program without a window, or started otherwise, has no counter.",
    keys=tuple(f"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\FeatureUsage\\{kind}" for kind in _KINDS),
    read=each_value(_use),
    fields=("escadre.execution.program", "escadre.execution.count", "escadre.execution.use", "process.executable", "process.name"),
    times={"@timestamp": "last write of the key: when any of its counters changed"},
    category=("process",),
    action="program-run-observed",
    message="[{user.name}|The user] used {escadre.execution.program!q} in the taskbar: {escadre.execution.use}, {escadre.execution.count} "
    "{escadre.execution.count:time|times}.",
    sources=("How to Use Windows 10 FeatureUsage, C. Ray, CrowdStrike",),
)
