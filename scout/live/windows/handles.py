r"""Handles of all processes (`handles/1`): files, pipes, mutexes, sections and other named objects that programs hold, and handles to
other processes.

pid, process        who holds it
type                File, Mutant, Section, Event, Semaphore, Key, Process …, as the kernel names it
name                in the kernel's notation, files with their drive; pipes begin with `\Device\NamedPipe\`
target_pid, target  of a handle to a process: which one
handle, access      hexadecimal: the number, and the rights that it carries
count               of one line for each process and type: how many handles, with or without a name
error               of a process that was not asked, and why

The table of the kernel costs nothing. A name costs one duplicate in this process, for a moment; a process that refuses that (a protected
one) has its counts only, and lsass is not asked: to open it is what security products take for an attack. A name that the kernel does not
tell within `SECONDS` (a pipe on which its program waits) is counted in `silent` of its process.

Source: Microsoft, NtQuerySystemInformation, NtDuplicateObject, NtQueryObject; winternl.h and ntifs.h (SYSTEM_HANDLE_INFORMATION_EX).
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

from scout.live.windows import _devices, _native, _processes
from scout.sources.timed_calls import CallTimedOut, TimedCalls

SCHEMA = 1
SECONDS = 0.5
"""time in which the kernel must tell a name"""
MOST_SILENT = 40
"""names that may stay untold in all, each of which leaves a waiting thread behind; files are not asked any more after that"""
_HANDLES = 64
"""SystemExtendedHandleInformation"""
_NAME, _TYPE = 1, 2
_DUPLICATE, _LOOK = 0x40, 0x1000
"""PROCESS_DUP_HANDLE, PROCESS_QUERY_LIMITED_INFORMATION"""
_SAME_ACCESS = 2
_NAMED = frozenset({"File", "Mutant", "Section", "Event", "Semaphore", "Timer", "Key", "ALPC Port", "SymbolicLink", "Directory", "Job"})
_NOT_ASKED = frozenset({"lsass.exe"})
_ROOM = 1 << 16


class _Handle(ctypes.Structure):
    """SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX."""

    _fields_ = (
        ("object", ctypes.c_void_p),
        ("pid", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("access", ctypes.c_ulong),
        ("trace", ctypes.c_ushort),
        ("type", ctypes.c_ushort),
        ("attributes", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


def collect() -> Iterator[dict[str, Any]]:
    """Yield the handles process by process. Raises OSError where Windows does not give the table."""
    names = {one.pid: one.name for one in _processes.of_system()}
    asked = _Names()
    for pid, handles in sorted(_table().items()):
        yield from asked.of_process(pid, names, handles)
    asked.close()


def _table() -> dict[int, list[tuple[int, int, int]]]:
    """Return process → its handles: number, access, number of the type."""
    query = _native.library("ntdll").NtQuerySystemInformation
    buffer = _native.growing(lambda room, size: int(query(_HANDLES, room, size, None)), 1 << 20)
    begin = 2 * ctypes.sizeof(ctypes.c_void_p)
    stated = ctypes.c_size_t.from_buffer(buffer).value
    found: dict[int, list[tuple[int, int, int]]] = {}
    for number in range(min(stated, (len(buffer) - begin) // ctypes.sizeof(_Handle))):
        one = _Handle.from_buffer(buffer, begin + number * ctypes.sizeof(_Handle))
        found.setdefault(int(one.pid or 0), []).append((int(one.value or 0), int(one.access), int(one.type)))
    return found


class _Names:
    """Asks for types and names, and knows what it cannot ask any more."""

    def __init__(self) -> None:
        self._timed = TimedCalls(SECONDS)
        self._types: dict[int, str] = {}
        self._devices = _devices.drives()
        self._kernel, self._ntdll = _native.library("kernel32"), _native.library("ntdll")
        self._kernel.GetCurrentProcess.restype = wintypes.HANDLE

    def close(self) -> None:
        self._timed.close()

    def of_process(self, pid: int, names: dict[int, str], handles: list[tuple[int, int, int]]) -> Iterator[dict[str, Any]]:
        """Yield the handles with a name of one process, then its counts."""
        who: dict[str, Any] = {"pid": pid, "process": names.get(pid)}
        rows, why, silent = list[dict[str, Any]](), "", 0
        if str(who["process"]).lower() in _NOT_ASKED:
            why = "not asked for names: opening this process is what security products take for an attack"
        else:
            with _native.process(pid, _DUPLICATE | _LOOK) as process:
                if not process:
                    why = f"not asked for names: {_native.last_error().strerror}"
                for value, access, kind in handles if process else ():
                    row, told = self._one(process, value, kind, names)
                    silent += not told
                    if row:
                        rows.append(_native.known({**who, **row, "handle": f"0x{value:x}", "access": f"0x{access:x}"}))
        yield from rows
        counts = Counter(self._types.get(kind) or f"type {kind}" for _, _, kind in handles)
        for name, count in sorted(counts.items()):
            yield _native.known({**who, "type": name, "count": count})
        if why or silent:
            yield _native.known({**who, "error": why or None, "silent": silent or None})

    def _one(self, process: int, value: int, kind: int, names: dict[int, str]) -> tuple[dict[str, Any], bool]:
        """Return what is told of one handle, and False where the kernel did not answer."""
        known = self._types.get(kind)
        if known is not None and known not in _NAMED and known != "Process":
            return {}, True
        copy = wintypes.HANDLE()
        own = wintypes.HANDLE(self._kernel.GetCurrentProcess())
        given = (wintypes.HANDLE(process), wintypes.HANDLE(value), own, ctypes.byref(copy), 0, False, _SAME_ACCESS)
        if not self._kernel.DuplicateHandle(*given) or not copy.value:
            return {}, True  # it was closed meanwhile, or its kind is never duplicated
        handle, told = _native.Handle(copy.value), True
        try:
            if known is None:
                known = self._types[kind] = self._text(handle.value, _TYPE)
            if known == "Process":
                target = int(self._kernel.GetProcessId(wintypes.HANDLE(handle.value)))
                return ({"type": known, "target_pid": target, "target": names.get(target)} if target else {}), True
            if known not in _NAMED or (known == "File" and self._timed.given_up >= MOST_SILENT):
                return {}, known != "File"
            try:
                name = self._timed.call(self._text, handle.value, _NAME) if known == "File" else self._text(handle.value, _NAME)
            except CallTimedOut:
                handle.value, told = 0, False  # the thread that waits still uses it
                return {}, told
            return ({"type": known, "name": _devices.native(name, self._devices)} if name else {}), True
        finally:
            with handle:
                pass

    def _text(self, handle: int, question: int) -> str:
        """Return the text that the kernel tells of an object; '' for none."""
        room, size = ctypes.create_string_buffer(_ROOM), ctypes.c_ulong()
        status = self._ntdll.NtQueryObject(wintypes.HANDLE(handle), question, room, _ROOM, ctypes.byref(size)) & 0xFFFFFFFF
        return "" if status else str(_native.UnicodeString.from_buffer(room))
