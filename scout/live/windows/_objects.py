r"""Names of the mutexes of all sessions, as the kernel's object manager lists them. No handle of another process is opened.

Source: Microsoft, "NtOpenDirectoryObject" and "NtQueryDirectoryObject" (Windows Driver Kit); "Kernel object namespaces" (Win32).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from scout.live.windows import _native

_QUERY = 1
"""DIRECTORY_QUERY"""
_NO_MORE = 0x8000001A
"""STATUS_NO_MORE_ENTRIES"""
_MOST = 200_000
"""names of one folder that are read"""
_SIZE = 4096
"""bytes of one entry: a name has up to 32,767 characters, but those of programs are short; a longer one is passed over"""
_GLOBAL, _SESSIONS = "\\BaseNamedObjects", "\\Sessions"


class _Attributes(ctypes.Structure):
    """OBJECT_ATTRIBUTES."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("root", ctypes.c_void_p),
        ("name", ctypes.POINTER(_native.UnicodeString)),
        ("attributes", ctypes.c_ulong),
        ("security", ctypes.c_void_p),
        ("quality", ctypes.c_void_p),
    )


class _Entry(ctypes.Structure):
    """OBJECT_DIRECTORY_INFORMATION."""

    _fields_ = (("name", _native.UnicodeString), ("kind", _native.UnicodeString))


def mutexes() -> Iterator[str]:
    """Yield the names of the mutexes that exist, of all sessions and of the whole system. Raises OSError where no folder can be read."""
    yield from (name for name, kind in _listed(_GLOBAL) if kind == "Mutant")
    try:
        sessions = [name for name, kind in _listed(_SESSIONS) if kind == "Directory" and name.isdigit()]
    except OSError:  # there is one session only
        return
    for session in sessions:
        yield from (name for name, kind in _listed(f"{_SESSIONS}\\{session}{_GLOBAL}") if kind == "Mutant")


def _listed(path: str) -> Iterator[tuple[str, str]]:
    """Yield name and type of each object in a folder of the object manager."""
    ntdll = _native.library("ntdll")
    buffer = ctypes.create_unicode_buffer(path)
    name = _native.UnicodeString(2 * len(path), 2 * len(path) + 2, ctypes.addressof(buffer))
    attributes = _Attributes(ctypes.sizeof(_Attributes), None, ctypes.pointer(name), 0x40, None, None)
    handle = ctypes.c_void_p()
    status = ntdll.NtOpenDirectoryObject(ctypes.byref(handle), _QUERY, ctypes.byref(attributes)) & 0xFFFFFFFF
    if status:
        raise OSError(f"{path}: status 0x{status:08x}")
    with _native.Handle(handle.value):
        room, context, size = ctypes.create_string_buffer(_SIZE), ctypes.c_ulong(), ctypes.c_ulong()
        for _ in range(_MOST):
            status = ntdll.NtQueryDirectoryObject(handle, room, _SIZE, True, False, ctypes.byref(context), ctypes.byref(size)) & 0xFFFFFFFF
            if status == _NO_MORE:
                return
            if status in _native.MORE_DATA or status == 0xC0000023:  # STATUS_BUFFER_TOO_SMALL: a name longer than any that is wanted
                context.value += 1
                continue
            if status:
                raise OSError(f"{path}: status 0x{status:08x}")
            entry = _Entry.from_buffer(room)
            yield str(entry.name), str(entry.kind)
