r"""Devices of the Enum tree: one key for each device that was ever connected, with the times that the device manager keeps.

The times are properties of the set {83da6326-97a6-4088-9453-a1923f573b29}: 0064 last installation, 0065 first installation, 0066 last
arrival, 0067 last removal; a FILETIME in the default value (Windows 8 and later) or in `Data` one key below (Windows 7).
Source: Unified device property model, Microsoft Learn, devpkey.h (DEVPKEY_Device_InstallDate and those behind it).
"""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.typed import setting
from commodore.registry import At
from scout.formats.regf import Key
from scout.formats.regf.data import filetime

_DATES = "{83da6326-97a6-4088-9453-a1923f573b29}"
_TIMES = {
    "0064": "escadre.device.installed",
    "0065": "escadre.device.first_installed",
    "0066": "escadre.device.arrived",
    "0067": "escadre.device.removed",
}
_FILETIME = 0x10
"""DEVPROP_TYPE_FILETIME: the lower half of the value's type, or `Type` on Windows 7"""
_SETTINGS = ("devicedesc", "service", "class", "classguid", "hardwareid", "containerid", "parentidprefix", "locationinformation", "driver")
DEVICE_FIELDS = ("device.id", "device.model.name", "device.manufacturer", "device.serial_number", "escadre.settings", *_TIMES.values())
DEVICE_TIMES = {
    "@timestamp": "last write of the device's key: last connection or a change of its settings",
    "escadre.device.first_installed": "first installation: the first connection to this host",
    "escadre.device.installed": "last installation of its driver",
    "escadre.device.arrived": "last connection",
    "escadre.device.removed": "last removal",
}
DEVICE_SOURCES = ("Unified device property model and devpkey.h, Microsoft Learn", "USB Storage Device Forensics, H. Carvey")


def device(at: At, key: Key) -> dict[str, Any]:
    r"""Return the fields of one device: `Enum\<bus>\<device>\<instance>`."""
    made: dict[str, Any] = {"device.id": "\\".join(at.parts[3:])}
    rest: list[str] = []
    for value in key.values():
        name = value.name.lower()
        if name == "friendlyname":
            made["device.model.name"] = _plain(value.text) or None
        elif name == "mfg":
            made["device.manufacturer"] = _plain(value.text) or None
        elif name in _SETTINGS and value.text:
            rest.append(setting(value))
    properties = key.subkey("Properties")
    dates = properties.subkey(_DATES) if properties else None
    if dates:
        made |= {field: _date(dates, number) for number, field in _TIMES.items()}
    if rest:
        made["escadre.settings"] = rest
    return made


def serial_number(instance: str) -> str | None:
    """Return the serial number in the name of an instance: the part before `&`; None where Windows made the name up (`&` second)."""
    return None if instance[1:2] == "&" else instance.partition("&")[0] or None


def _plain(text: str) -> str:
    """Return a text without the resource that it comes from: `@disk.inf,%x%;(Standard disk drives)`."""
    return text.rpartition(";")[2]


def _date(dates: Key, number: str) -> str | None:
    """Return the time of a property. Data that is no FILETIME is no time, and the hive's damage says so."""
    key = dates.subkey(number) or dates.subkey(f"0000{number}")
    if key is None:
        return None
    if (below := key.subkey("00000000")) is not None:  # Windows 7
        data, kind = below.value("Data"), below.value("Type")
        declared = int.from_bytes(kind.raw, "little") if kind and len(kind.raw) == 4 else None  # a number, stored as bytes
    else:
        data = key.value("")
        declared = data.kind & 0xFFFF if data else None
    if data is None:
        return None
    if declared != _FILETIME or len(data.raw) != 8:
        data.hive.note(
            data.offset, f"device property {number} of {len(data.raw)} bytes, type {declared}: only FILETIME ({_FILETIME}) is known"
        )
        return None
    return filetime(int.from_bytes(data.raw, "little")) or None
