"""The memory of a process of Windows as a minidump with full memory, which is written as a stream.

MiniDumpWriteDump of Windows writes a file, and plaintext of a host may be on no disk. So the committed pages are read here, and laid out as
it does: system, process, modules, threads (without registers), protection of all regions, memory.
Sources: Microsoft, minidumpapiset.h (MINIDUMP_HEADER, MINIDUMP_DIRECTORY, MINIDUMP_MEMORY64_LIST …), VirtualQueryEx, ReadProcessMemory.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_size_t, c_uint16, c_uint32, c_void_p, sizeof
from time import time

from hunter.host.memory import MemoryRun, MemoryRuns, MemoryStream
from hunter.host.process import RunningProcess
from hunter.host.windows.native import KERNEL
from scout.live.windows import _devices, _processes
from scout.live.windows.modules import mapped_file

_COMMITTED, _IMAGE = 0x1000, 0x1000000
_NO_ACCESS, _GUARD = 0x01, 0x100
_RIGHTS = {0x02: 4, 0x04: 6, 0x08: 6, 0x10: 1, 0x20: 5, 0x40: 7, 0x80: 7}
_MOST_REGIONS = 1_000_000
_FULL_MEMORY = 0x2
_ARCHITECTURES = {"AMD64": 9, "ARM64": 12, "x86": 0}
_SYSTEM, _MODULES, _THREADS, _MEMORY, _MISC, _REGIONS = 7, 4, 3, 9, 15, 16


class _Region(ctypes.Structure):
    """MEMORY_BASIC_INFORMATION of 64 bits."""

    _fields_ = (
        ("base", c_void_p),
        ("allocation", c_void_p),
        ("allocation_protect", c_uint32),
        ("partition", c_uint16),
        ("size", c_size_t),
        ("state", c_uint32),
        ("protect", c_uint32),
        ("type", c_uint32),
    )

    @property
    def start(self) -> int:
        return int(self.base or 0)


@contextmanager
def opened(handle: c_void_p, process: RunningProcess) -> Iterator[MemoryStream]:
    """Open the memory of a process whose handle may query it and read its memory."""
    regions = list(_regions(handle))
    found = MemoryRuns()
    for region in regions:
        if region.state == _COMMITTED and not region.protect & (_NO_ACCESS | _GUARD):
            found.add(region.start, region.size, _RIGHTS.get(region.protect & 0xFF, 4))
        elif region.state == _COMMITTED:
            found.left_out += region.size
    yield MemoryStream(_header(handle, process, regions, found.runs), found, lambda at, n: _read(handle, at, n))


def _regions(handle: c_void_p) -> Iterator[_Region]:
    address = 0
    for _ in range(_MOST_REGIONS):
        region = _Region()
        if not KERNEL.VirtualQueryEx(handle, address, byref(region), sizeof(region)) or not region.size:
            return
        yield region
        address = region.start + int(region.size)


def _read(handle: c_void_p, at: int, size: int) -> bytes:
    room, done = ctypes.create_string_buffer(size), c_size_t()
    if KERNEL.ReadProcessMemory(handle, at, room, size, byref(done)) or done.value:
        return room.raw[: done.value]
    return _read(handle, at, 4096) if size > 4096 else b""


def _header(handle: c_void_p, process: RunningProcess, regions: list[_Region], runs: list[MemoryRun]) -> bytes:
    """Return everything of the dump that is before the first page."""
    names: list[bytes] = []
    listed = list(_modules(handle, regions))
    streams = [
        (_SYSTEM, _system()),
        (_MISC, struct.pack("<6I", 24, 1, process.pid, 0, 0, 0)),
        (_THREADS, _threads(process.pid)),
        (_REGIONS, _region_list(regions)),
        (_MODULES, b""),
        (_MEMORY, b""),
    ]
    sizes = {_MODULES: 4 + 108 * len(listed), _MEMORY: 16 + 16 * len(runs)}
    at = 32 + 12 * len(streams)
    places = {}
    for kind, content in streams:
        places[kind] = at
        at += sizes.get(kind, len(content))
    modules = [struct.pack("<I", len(listed))]
    for base, size, path in listed:
        raw = path.encode("utf-16-le", "surrogatepass")
        names.append(struct.pack("<I", len(raw)) + raw + b"\0\0")
        modules.append(struct.pack("<QIIII", base, size, 0, 0, at) + bytes(52 + 8 + 8 + 16))
        at += len(names[-1])
    begin = -(-at // 4096) * 4096
    memory = struct.pack("<QQ", len(runs), begin) + b"".join(struct.pack("<QQ", run.address, run.size) for run in runs)
    made = dict(streams) | {_MODULES: b"".join(modules), _MEMORY: memory}
    directory = b"".join(struct.pack("<III", kind, len(made[kind]), places[kind]) for kind, _ in streams)
    head = b"MDMP" + struct.pack("<IIIIIQ", 0xA793, len(streams), 32, 0, int(time()), _FULL_MEMORY)
    return (head + directory + b"".join(made[kind] for kind, _ in streams) + b"".join(names)).ljust(begin, b"\0")


def _system() -> bytes:
    import platform
    import sys

    version = getattr(sys, "getwindowsversion", lambda: (10, 0, 0, 2))()
    processor = _ARCHITECTURES.get(platform.machine(), 9)
    return struct.pack("<HHHBBIIIIIHH", processor, 0, 0, 1, 1, *(int(n) for n in version[:3]), 2, 0, 0, 0) + bytes(24)


def _threads(pid: int) -> bytes:
    numbers = _processes.threads(pid)
    return struct.pack("<I", len(numbers)) + b"".join(struct.pack("<IIII", number, 1, 0, 0) + bytes(32) for number in numbers)


def _region_list(regions: list[_Region]) -> bytes:
    entries = (
        struct.pack("<QQIIQIIII", r.start, int(r.allocation or 0), r.allocation_protect, 0, r.size, r.state, r.protect, r.type, 0)
        for r in regions
    )
    return struct.pack("<IIQ", 16, 48, len(regions)) + b"".join(entries)


def _modules(handle: c_void_p, regions: list[_Region]) -> Iterator[tuple[int, int, str]]:
    """Yield (address, size, path) of the programs and libraries that are mapped."""
    devices = _devices.drives()
    of: dict[int, int] = {}
    for region in regions:
        if region.state == _COMMITTED and region.type == _IMAGE and region.allocation:
            of[int(region.allocation)] = max(of.get(int(region.allocation), 0), region.start + region.size - int(region.allocation))
    for base, size in of.items():
        yield base, min(size, 0xFFFFFFFF), mapped_file(handle.value or 0, base, devices) or f"{base:x}"
