r"""Volumes, and shadow copies where WMI answers (`volumes/1`); `kind` says which.

volume              drive (`C:`), type (fixed, removable, network, optical, ram disk), file_system, label, serial, size, free, device,
                    encryption
shadow              id, device, created, volume
error               what could not be asked, and why

encryption          off, on, or what Win32_EncryptableVolume says; absent where it was not answered
Source: Microsoft, GetDriveTypeW, GetVolumeInformationW, Win32_ShadowCopy, Win32_EncryptableVolume.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from string import ascii_uppercase
from typing import Any

from scout.live.windows import _devices, _native, _wmi

SCHEMA = 1
_TYPES = ("unknown", "no root", "removable", "fixed", "network", "optical", "ram disk")
_NO_ROOT = 1
_STATES = ("off", "on", "unknown")


def collect() -> Iterator[dict[str, Any]]:
    """Yield the drives, then the shadow copies."""
    encryption = _encryption()
    devices = {letter: device for device, letter in _devices.drives().items()}
    for letter in letters():
        yield {"kind": "volume", **_native.known({**drive(letter), "device": devices.get(letter), "encryption": encryption.get(letter)})}
    names = ("ID", "DeviceObject", "InstallDate", "VolumeName")
    try:
        for one in _wmi.WmiNamespace("root\\cimv2").ask("Win32_ShadowCopy", names):
            words = ("id", "device", "created", "volume")
            yield {"kind": "shadow", **_native.known({word: one.get(name) for word, name in zip(words, names, strict=True)})}
    except OSError as e:
        yield {"kind": "shadow", "error": str(e)}


def letters() -> list[str]:
    """Return the drive letters of this host: `C:`."""
    kind = _native.library("kernel32").GetDriveTypeW
    return [f"{letter}:" for letter in ascii_uppercase if int(kind(ctypes.c_wchar_p(f"{letter}:\\"))) > _NO_ROOT]


def drive(letter: str) -> dict[str, Any]:
    """Return the facts of one drive. A removable or network drive that does not answer has its type only."""
    kernel = _native.library("kernel32")
    root = ctypes.c_wchar_p(f"{letter}\\")
    number = int(kernel.GetDriveTypeW(root))
    out: dict[str, Any] = {"drive": letter, "type": _TYPES[number] if number < len(_TYPES) else str(number)}
    if out["type"] not in ("fixed", "ram disk"):
        return out
    label, system = ctypes.create_unicode_buffer(261), ctypes.create_unicode_buffer(261)
    serial, size, free = ctypes.c_ulong(), ctypes.c_ulonglong(), ctypes.c_ulonglong()
    if kernel.GetVolumeInformationW(root, label, 261, ctypes.byref(serial), None, None, system, 261):
        out |= {"label": _native.text(label.value), "file_system": _native.text(system.value), "serial": f"{serial.value:08X}"}
    if kernel.GetDiskFreeSpaceExW(root, None, ctypes.byref(size), ctypes.byref(free)):
        out |= {"size": int(size.value), "free": int(free.value)}
    return out


def _encryption() -> dict[str, str]:
    place = "root\\cimv2\\Security\\MicrosoftVolumeEncryption"
    try:
        rows = list(_wmi.WmiNamespace(place).ask("Win32_EncryptableVolume", ["DriveLetter", "ProtectionStatus"]))
    except OSError:
        return {}
    states = {str(one.get("DriveLetter", "")): one.get("ProtectionStatus") for one in rows}
    return {letter: _STATES[state] for letter, state in states.items() if isinstance(state, int) and 0 <= state < len(_STATES)}
