"""The system's own list of processes, and what a handle with few rights shows of each.

Source: Microsoft, NtQuerySystemInformation (SystemProcessInformation); the fields behind `Reserved` as phnt documents them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any, NamedTuple

from scout.live.windows import _native

STILL_ACTIVE = 259
_LEVELS = ((0x4000, "system"), (0x3000, "high"), (0x2000, "medium"), (0x1000, "low"), (0, "untrusted"))
"""RID of the mandatory label → integrity level"""
_HIGHEST_PID = 1 << 16


class _SystemProcess(ctypes.Structure):
    _fields_ = (
        ("next", ctypes.c_ulong),
        ("threads", ctypes.c_ulong),
        ("private_working_set", ctypes.c_longlong),
        ("hard_faults", ctypes.c_ulong),
        ("threads_high", ctypes.c_ulong),
        ("cycles", ctypes.c_ulonglong),
        ("created", ctypes.c_longlong),
        ("user_time", ctypes.c_longlong),
        ("kernel_time", ctypes.c_longlong),
        ("name", _native.UnicodeString),
        ("priority", ctypes.c_long),
        ("pid", ctypes.c_void_p),
        ("parent", ctypes.c_void_p),
        ("handles", ctypes.c_ulong),
        ("session", ctypes.c_ulong),
        ("key", ctypes.c_void_p),
        ("peak_virtual", ctypes.c_size_t),
        ("virtual", ctypes.c_size_t),
        ("faults", ctypes.c_ulong),
        ("peak_working_set", ctypes.c_size_t),
        ("working_set", ctypes.c_size_t),
    )


class ListedProcess(NamedTuple):
    """A process of the system's list; `created` in ticks of 100 ns since 1601, 0 unknown."""

    pid: int
    parent: int
    name: str
    created: int
    threads: int
    session: int
    working_set: int
    handles: int


def of_system() -> list[ListedProcess]:
    """Return the processes that the kernel lists. Raises OSError."""
    query = _native.library("ntdll").NtQuerySystemInformation
    buffer = _native.growing(lambda room, size: int(query(5, room, size, None)), 1 << 18)
    found, offset = [], 0
    while offset + ctypes.sizeof(_SystemProcess) <= len(buffer):
        one = _SystemProcess.from_buffer(buffer, offset)
        numbers = (int(one.created), int(one.threads), int(one.session), int(one.working_set), int(one.handles))
        pid = int(one.pid or 0)
        name = str(one.name) or ("System Idle Process" if pid == 0 else "System" if pid == 4 else "")
        found.append(ListedProcess(pid, int(one.parent or 0), name, *numbers))
        if not one.next:
            break
        offset += int(one.next)
    return found


class _ThreadEntry(ctypes.Structure):
    _fields_ = tuple((name, wintypes.DWORD) for name in ("size", "usage", "thread", "owner", "priority", "delta", "flags"))


def threads(pid: int) -> list[int]:
    """Return the numbers of the threads of a process. Raises OSError."""
    kernel = _native.library("kernel32")
    kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
    with _native.Handle(kernel.CreateToolhelp32Snapshot(wintypes.DWORD(4), wintypes.DWORD(0))) as snapshot:
        entry, found = _ThreadEntry(), []
        entry.size = ctypes.sizeof(entry)
        more = kernel.Thread32First(wintypes.HANDLE(snapshot), ctypes.byref(entry))
        while more:
            found += [int(entry.thread)] if entry.owner == pid else []
            more = kernel.Thread32Next(wintypes.HANDLE(snapshot), ctypes.byref(entry))
    return found


class _Entry(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_void_p),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", ctypes.c_long),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * 260),
    )


def of_toolhelp() -> dict[int, str]:
    """Return pid → name of the list that ordinary programs use."""
    kernel = _native.library("kernel32")
    kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
    with _native.Handle(kernel.CreateToolhelp32Snapshot(wintypes.DWORD(2), wintypes.DWORD(0))) as snapshot:
        entry, found = _Entry(), {}
        entry.size = ctypes.sizeof(entry)
        more = kernel.Process32FirstW(wintypes.HANDLE(snapshot), ctypes.byref(entry))
        while more:
            found[int(entry.pid)] = _native.text(entry.name)
            more = kernel.Process32NextW(wintypes.HANDLE(snapshot), ctypes.byref(entry))
    return found


def by_probing() -> Iterator[int]:
    """Yield the pids that can be opened and whose process has not ended, list or no list. Pids are multiples of 4."""
    kernel = _native.library("kernel32")
    code = wintypes.DWORD()
    for pid in range(8, _HIGHEST_PID, 4):
        with _native.process(pid) as handle:
            if handle and kernel.GetExitCodeProcess(wintypes.HANDLE(handle), ctypes.byref(code)) and code.value == STILL_ACTIVE:
                yield pid


def image(handle: int) -> str:
    r"""Return the path of the executable (`C:\…`), also of a protected process; '' where it is not told."""
    room, size = ctypes.create_unicode_buffer(32_768), wintypes.DWORD(32_768)
    query = _native.library("kernel32").QueryFullProcessImageNameW
    return _native.text(room.value) if query(wintypes.HANDLE(handle), 0, room, ctypes.byref(size)) else ""


def token_facts(handle: int) -> dict[str, Any]:
    """Return `sid`, `user`, `integrity`, `elevated` of a process."""
    advapi, token = _native.library("advapi32"), wintypes.HANDLE()
    if not advapi.OpenProcessToken(wintypes.HANDLE(handle), 0x8, ctypes.byref(token)):
        return {}
    with _native.Handle(token.value):
        out: dict[str, Any] = {}
        owner = _token(token, 1)
        if owner is not None:
            out["sid"] = _native.sid_text(ctypes.c_void_p.from_buffer(owner).value)
            out["user"] = _native.account(out["sid"])
        elevation = _token(token, 20)
        if elevation is not None:
            out["elevated"] = bool(ctypes.c_ulong.from_buffer(elevation).value)
        label = _token(token, 25)
        if label is not None:
            rid = _native.sid_text(ctypes.c_void_p.from_buffer(label).value).rpartition("-")[2]
            out["integrity"] = next((name for least, name in _LEVELS if rid.isdigit() and int(rid) >= least), None)
        return out


def _token(token: Any, kind: int) -> Any:
    room, size = ctypes.create_string_buffer(1024), wintypes.DWORD()
    return room if _native.library("advapi32").GetTokenInformation(token, kind, room, 1024, ctypes.byref(size)) else None


def wow64(handle: int) -> bool | None:
    """Return whether it is a 32-bit program."""
    out = wintypes.BOOL()
    found = _native.library("kernel32").IsWow64Process(wintypes.HANDLE(handle), ctypes.byref(out))
    return bool(out.value) if found else None
