"""Libraries that processes have loaded, and private memory that can be executed (`modules/1`): one object per process and file, or region.

pid, name           the process
path                the mapped file; absent for private memory
start, size         hexadecimal address of the first region, bytes of all regions of the file
perms               of executable private memory: `rx`, `rwx`
anonymous           true: no file. Only executable regions are listed, at most 200 for each process
sha256_head         SHA-256 of the first 256 bytes of a private region
cut                 true: more regions than are listed
unreadable          true: this account may not look into the process

Source: Microsoft, VirtualQueryEx, MEMORY_BASIC_INFORMATION, GetMappedFileNameW.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

from scout.live.windows import _devices, _native, _processes

SCHEMA = 1
_COMMIT, _PRIVATE, _IMAGE, _MAPPED = 0x1000, 0x20000, 0x1000000, 0x40000
_EXECUTABLE = {0x10: "x", 0x20: "rx", 0x40: "rwx", 0x80: "rwx"}
_REGIONS, _PRIVATES = 200_000, 200


class _Region(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_void_p),
        ("allocation", ctypes.c_void_p),
        ("allocation_protect", wintypes.DWORD),
        ("partition", ctypes.c_ushort),
        ("size", ctypes.c_size_t),
        ("state", wintypes.DWORD),
        ("protect", wintypes.DWORD),
        ("type", wintypes.DWORD),
    )


def collect() -> Iterator[dict[str, Any]]:
    """Yield the modules of all processes."""
    devices = _devices.drives()
    for listed in _processes.of_system():
        if listed.pid <= 4:
            continue
        with _native.process(listed.pid, 0x410) as handle:
            begin = {"pid": listed.pid, "name": listed.name}
            if not handle:
                yield {**begin, "unreadable": True}
                continue
            for one in of_process(handle, devices):
                yield {**begin, **one}


def of_process(handle: int, devices: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield files and executable private regions of a process opened with PROCESS_QUERY_INFORMATION and PROCESS_VM_READ."""
    kernel, region, address = _native.library("kernel32"), _Region(), 0
    kernel.VirtualQueryEx.restype = ctypes.c_size_t
    files: dict[str, dict[str, Any]] = {}
    private, last = 0, (0, "")
    for _ in range(_REGIONS):
        where = ctypes.c_void_p(address)
        if not kernel.VirtualQueryEx(wintypes.HANDLE(handle), where, ctypes.byref(region), ctypes.c_size_t(ctypes.sizeof(region))):
            break
        base, size = int(region.base or 0), int(region.size)
        if region.state == _COMMIT and region.type in (_IMAGE, _MAPPED):
            if last[0] != (region.allocation or 0):
                last = int(region.allocation or 0), mapped_file(handle, base, devices)
            if last[1]:
                files.setdefault(last[1], {"path": last[1], "start": f"{base:x}", "size": 0})["size"] += size
        elif region.state == _COMMIT and region.type == _PRIVATE and (perms := _EXECUTABLE.get(region.protect & 0xFF)):
            private += 1
            if private > _PRIVATES:
                yield {"anonymous": True, "cut": True}
                break
            yield {"anonymous": True, "perms": perms, "start": f"{base:x}", "size": size, **_head(handle, base)}
        if not size or base + size <= address:
            break
        address = base + size
    yield from files.values()


def mapped_file(handle: int, address: int, devices: dict[str, str]) -> str:
    """Return the path of the file that is mapped at an address of a process, '' where none is. `devices`: those of `_devices.drives`."""
    room = ctypes.create_unicode_buffer(32_768)
    kernel = _native.library("kernel32")
    if not kernel.K32GetMappedFileNameW(wintypes.HANDLE(handle), ctypes.c_void_p(address), room, 32_768):
        return ""
    return _devices.native(_native.text(room.value), devices)


def _head(handle: int, address: int) -> dict[str, Any]:
    room, done = ctypes.create_string_buffer(256), ctypes.c_size_t()
    kernel = _native.library("kernel32")
    if not kernel.ReadProcessMemory(wintypes.HANDLE(handle), ctypes.c_void_p(address), room, ctypes.c_size_t(256), ctypes.byref(done)):
        return {}
    return {"sha256_head": hashlib.sha256(room.raw[: done.value]).hexdigest()}
