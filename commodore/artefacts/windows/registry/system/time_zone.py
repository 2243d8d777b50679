r"""Time zone of the host: name, offset and rules of summer time, of every control set."""

from __future__ import annotations

from typing import Any

from commodore.facts.windows import zones
from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key


def _zone(at: At, key: Key) -> dict[str, Any] | None:  # noqa: ARG001
    numbers = {value.name: value.number for value in key.values() if value.number is not None}
    name = key.text("TimeZoneKeyName") or key.text("StandardName")
    if not name and "Bias" not in numbers:
        return None
    signed = {each: number - (1 << 32) if number >> 31 else number for each, number in numbers.items()}
    return {
        "escadre.time.zone": name or None,
        "escadre.time.iana": zones().get(key.text("TimeZoneKeyName").upper()),
        "escadre.settings": [f"{each}={number}" for each, number in signed.items()] or None,
    }


ARTEFACT, parse, expected = registry_artefact(
    name="time_zone",
    title="Time zone",
    about="Time zone of the host, with its offset from UTC in minutes (Bias) and that of now (ActiveTimeBias). Needed to read times "
    "that a log or file has without a zone.",
    proves_not="That the zone was the same at the time of an event: it is the last setting. Event logs have changes of it.",
    keys=(r"System\CurrentControlSet\Control\TimeZoneInformation",),
    read=each_key(_zone),
    fields=("escadre.time.zone", "escadre.time.iana", "escadre.settings"),
    times={"@timestamp": "last write of the key: when the zone was set, or the clock went to or from summer time"},
    category=("host", "configuration"),
    action="registry-setting-observed",
    attack=("T1124",),
    message="The time zone is [{escadre.time.zone!q}|not named][ ({escadre.time.iana})].",
    sources=("TIME_ZONE_INFORMATION and DYNAMIC_TIME_ZONE_INFORMATION, Microsoft Win32",),
)
