r"""The host itself, one object (`host/1`): the fields of Linux hosts as far as Windows has them.

name, domain, machine (architecture), os, os_version, build, edition, installed (RFC 3339 UTC), machine_id (MachineGuid)
booted, taken (RFC 3339 UTC), uptime_seconds, local_offset (seconds east of UTC), timezone (name of Windows)
system_root, control_set (number of the current one), registered_owner
addresses, hardware (`interface address`), memory_bytes, processors
maker, model, bios_version: of the machine or the hypervisor; secure_boot
elevated: whether this ran as administrator; privileges: those of backup, restore and debugging that were granted
pending_renames: number of file operations that wait for the next start

Source: Microsoft, RtlGetVersion, GetTickCount64, registry keys CurrentVersion, TimeZoneInformation, Select, SecureBoot\State.
"""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _devices, _native, _privileges, _registry

SCHEMA = 1
_HKLM = _registry.HKLM
_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_CONTROL = r"SYSTEM\CurrentControlSet\Control"
_BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"


def collect() -> Iterator[dict[str, Any]]:
    """Yield one object."""
    import psutil

    registry, now = _registry.RunningRegistry(), time.time()
    addresses = [(interface, one) for interface, ones in sorted(psutil.net_if_addrs().items()) for one in ones]
    installed = registry.number(_HKLM, _VERSION, "InstallDate")
    renames = registry.values(_HKLM, rf"{_CONTROL}\Session Manager").get("PendingFileRenameOperations", ([], 0))[0]
    secure = registry.number(_HKLM, rf"{_CONTROL}\SecureBoot\State", "UEFISecureBootEnabled")
    yield _native.known(
        {
            "os": "windows",
            **facts(registry),
            "domain": registry.text(_HKLM, r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters", "Domain"),
            "machine": platform.machine(),
            "edition": registry.text(_HKLM, _VERSION, "EditionID"),
            "installed": _native.moment_of_seconds(installed) if installed else None,
            "registered_owner": registry.text(_HKLM, _VERSION, "RegisteredOwner"),
            "booted": _native.moment_of_seconds(now - _uptime()),
            "taken": _native.moment_of_seconds(now),
            "uptime_seconds": _uptime(),
            "local_offset": time.localtime(now).tm_gmtoff,
            "addresses": [f"{interface} {one.address}" for interface, one in addresses if one.family != psutil.AF_LINK],
            "hardware": [f"{interface} {one.address}" for interface, one in addresses if one.family == psutil.AF_LINK],
            "memory_bytes": psutil.virtual_memory().total,
            "processors": os.cpu_count(),
            "maker": registry.text(_HKLM, _BIOS, "SystemManufacturer"),
            "model": registry.text(_HKLM, _BIOS, "SystemProductName"),
            "bios_version": registry.text(_HKLM, _BIOS, "BIOSVersion"),
            "secure_boot": bool(secure) if secure is not None else None,
            "elevated": _privileges.elevated(),
            "privileges": list(_privileges.take()),
            "pending_renames": len([one for one in renames if one]) // 2 if isinstance(renames, list) else None,
        }
    )


def facts(registry: _registry.RunningRegistry) -> dict[str, Any]:
    """Return what identifies the host: `name`, `os_version`, `timezone_name`, `system_root`, `control_set`, `machine_id`, `profiles`."""
    product, build = registry.text(_HKLM, _VERSION, "ProductName"), registry.text(_HKLM, _VERSION, "CurrentBuild")
    release = registry.text(_HKLM, _VERSION, "DisplayVersion") or registry.text(_HKLM, _VERSION, "CSDVersion")
    revision = registry.number(_HKLM, _VERSION, "UBR")
    number = f"build {build}" + (f".{revision}" if revision is not None else "") if build else ""
    return _native.known(
        {
            "name": registry.text(_HKLM, rf"{_CONTROL}\ComputerName\ComputerName", "ComputerName") or platform.node(),
            "os_version": " ".join(word for word in (product, release, number) if word),
            "build": build,
            "timezone_name": registry.text(_HKLM, rf"{_CONTROL}\TimeZoneInformation", "TimeZoneKeyName").split("\0")[0],
            "system_root": _devices.system_root(),
            "control_set": registry.number(_HKLM, r"SYSTEM\Select", "Current"),
            "machine_id": registry.text(_HKLM, r"SOFTWARE\Microsoft\Cryptography", "MachineGuid"),
        }
    )


def _uptime() -> float:
    ticks = _native.library("kernel32").GetTickCount64
    ticks.restype = ctypes.c_ulonglong
    return int(ticks()) / 1000
