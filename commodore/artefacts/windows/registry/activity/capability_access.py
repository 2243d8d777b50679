r"""Capability access manager: programs that used microphone, camera, location and other capabilities, with first and last use."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.typed import exact_time
from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key

_STORE = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"


def _use(at: At, key: Key) -> dict[str, Any] | None:
    start, stop = key.value("LastUsedTimeStart"), key.value("LastUsedTimeStop")
    if start is None and stop is None:
        return None
    began, consent = exact_time(start) if start else None, key.text("Value")
    path = key.name.replace("#", "\\")
    return {
        "@timestamp": began,
        "event.start": began,
        "event.end": exact_time(stop) if stop else None,
        "escadre.execution.program": path,
        "escadre.capability.name": at.parts[6],
        "escadre.settings": [f"Value={consent}"] if consent else None,
    } | at.program(path)


ARTEFACT, parse, expected = registry_artefact(
    name="capability_access",
    title="Use of microphone, camera and other capabilities",
    about="Programs that used a capability of the device (microphone, webcam, location, screen capture …), with begin and end of the "
    "last use. Programs that are not from the store are listed by their path. An end before the begin means that the use was going on.",
    proves_not="Earlier uses, or what was recorded.",
    keys=(f"{_STORE}\\*\\*", f"{_STORE}\\*\\NonPackaged\\*"),
    read=each_key(_use),
    fields=(
        "escadre.execution.program",
        "escadre.capability.name",
        "escadre.settings",
        "event.start",
        "event.end",
        "process.executable",
        "process.name",
    ),
    times={"@timestamp": "begin of the last use", "event.start": "the same", "event.end": "end of the last use"},
    category=("process",),
    type=("access",),
    action="capability-use-observed",
    attack=("T1123", "T1125"),
    message="{escadre.execution.program!q} used {escadre.capability.name!q}[, last from {event.start}][ to {event.end}].",
    sources=("Can you track processes accessing the camera and microphone?, Z. Burnham",),
)
