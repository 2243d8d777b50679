"""Code in the kernel, and mini-filters (`drivers/1`): what is loaded, by two lists.

name, path          file of the driver as the system wrote it, resolved to a drive
base, size          hexadecimal address (0 without the right to see it), bytes
sha256, file_size   of the file now at this path; error: why it could not be read (a driver without a file is suspicious)
listed_by           modules, devices: which of the two lists show it, where they differ
altitude            of a mini-filter; then `filter` is true

Source: Microsoft, NtQuerySystemInformation (SystemModuleInformation), EnumDeviceDrivers, "Load order groups and altitudes".
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _devices, _files, _native, _registry

SCHEMA = 1
_MOST = 4096


class _Module(ctypes.Structure):
    _fields_ = (
        ("section", ctypes.c_void_p),
        ("mapped", ctypes.c_void_p),
        ("base", ctypes.c_void_p),
        ("size", ctypes.c_ulong),
        ("flags", ctypes.c_ulong),
        ("order", ctypes.c_ushort * 3),
        ("name_at", ctypes.c_ushort),
        ("path", ctypes.c_char * 256),
    )


def collect() -> Iterator[dict[str, Any]]:
    """Yield the modules of the kernel, then the configured mini-filters."""
    devices, hashes = _devices.drives(), _files.FileHashes()
    modules, others = _modules(), _device_drivers()
    for path in dict.fromkeys([*modules, *others]):
        base, size = modules.get(path, (others.get(path, 0), 0))
        where = _devices.native(path, devices)
        file = hashes.of(where) if where[1:3] == ":\\" else {}
        lists = [name for name, found in (("modules", path in modules), ("devices", path in others)) if found]
        yield _native.known(
            {
                "name": path.rpartition("\\")[2],
                "path": where,
                "base": f"{base:x}",
                "size": size or None,
                "sha256": file.get("sha256"),
                "file_size": file.get("size"),
                "error": file.get("error"),
                "listed_by": lists if others and len(lists) < 2 else None,
            }
        )
    yield from _filters(_registry.RunningRegistry())


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    return f"driver {row['name']} is in one of two lists only ({', '.join(row['listed_by'])})" if row.get("listed_by") else ""


def _modules() -> dict[str, tuple[int, int]]:
    query = _native.library("ntdll").NtQuerySystemInformation
    buffer = _native.growing(lambda room, size: int(query(11, room, size, None)), 1 << 18)
    count = min(ctypes.c_ulong.from_buffer(buffer).value, _MOST, (len(buffer) - 8) // ctypes.sizeof(_Module))
    found = (_Module.from_buffer(buffer, 8 + number * ctypes.sizeof(_Module)) for number in range(count))
    return {_native.text(os.fsdecode(one.path)): (int(one.base or 0), int(one.size)) for one in found}


def _device_drivers() -> dict[str, int]:
    kernel, found = _native.library("kernel32"), {}
    bases, needed = (ctypes.c_void_p * _MOST)(), ctypes.c_ulong()
    if not kernel.K32EnumDeviceDrivers(bases, ctypes.sizeof(bases), ctypes.byref(needed)):
        return {}
    room = ctypes.create_unicode_buffer(1024)
    for base in bases[: needed.value // ctypes.sizeof(ctypes.c_void_p)]:
        if base and kernel.K32GetDeviceDriverFileNameW(ctypes.c_void_p(base), room, 1024):
            found[_native.text(room.value)] = base
    return found


def _filters(registry: _registry.RunningRegistry) -> Iterator[dict[str, Any]]:
    services = r"SYSTEM\CurrentControlSet\Services"
    for name in registry.subkeys(_registry.HKLM, services):
        instances = f"{services}\\{name}\\Instances"
        for instance in registry.subkeys(_registry.HKLM, instances):
            altitude = registry.text(_registry.HKLM, f"{instances}\\{instance}", "Altitude")
            if altitude:
                yield {"name": name, "filter": True, "instance": instance, "altitude": altitude}
