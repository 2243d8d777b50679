r"""Call Windows' own libraries. Nothing here is used before a source collects, so that every module can be imported on any system.

Source: Microsoft, Windows API reference (learn.microsoft.com), for each function by its name.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Iterable, Iterator
from ctypes import wintypes
from functools import cache
from typing import Any

from scout.archive.facts import rfc3339

MOST = 64 << 20
"""bytes that one system list may have"""
MORE_DATA = frozenset({122, 234, 0xC0000004})
"""ERROR_INSUFFICIENT_BUFFER, ERROR_MORE_DATA, STATUS_INFO_LENGTH_MISMATCH"""
_TICKS_TO_1970 = 116_444_736_000_000_000
"""100 ns ticks from 1601 to 1970"""


@cache
def library(name: str) -> Any:
    """Return a library of Windows. Raises OSError where the host does not have it."""
    loader: Any = vars(ctypes)["WinDLL"]
    return loader(name, use_last_error=True)


def module(name: str) -> Any:
    """Return a module that only Python for Windows has: `winreg`, `win32net`."""
    return importlib.import_module(name)


def last_error() -> OSError:
    """Return the error of the last call of this thread."""
    number = int(vars(ctypes)["get_last_error"]())
    return error(number)


def error(number: int) -> OSError:
    """Return the exception for an error number of Windows, with its text."""
    made: Any = vars(ctypes)["WinError"](number)
    return made  # type: ignore[no-any-return]


def text(value: object) -> str:
    """Return text without lone surrogates, which names on a host may contain and JSON readers refuse: they become escapes."""
    return str(value or "").encode("utf-8", "backslashreplace").decode("utf-8")


def moment(ticks: int) -> str | None:
    """Return a FILETIME (100 ns since 1601 UTC) as RFC 3339; None for 0, for `never` and outside the calendar."""
    return rfc3339((ticks - _TICKS_TO_1970) * 100) if 0 < ticks < (1 << 63) - 1 else None


def moment_of_seconds(seconds: float) -> str | None:
    """Return seconds since 1970 UTC as RFC 3339; None for 0 and for the highest 32-bit number, which means never."""
    return rfc3339(int(seconds) * 1_000_000_000) if 0 < seconds < (1 << 32) - 1 else None


def known(value: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that have a value."""
    return {key: one for key, one in value.items() if one is not None and one != ""}


def fenced(kind: str, part: Callable[[], Iterable[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield the objects of one part of a source, with its kind. A failure costs this part, and one object with `error` says so."""
    try:
        for one in part():
            yield {"kind": kind, **known(one)}
    except Exception as e:  # whatever Windows answers
        yield {"kind": kind, "error": text(getattr(e, "strerror", None) or e) or type(e).__name__}


def growing(call: Callable[[Any, int], int], size: int = 1 << 16) -> Any:
    """Return the buffer that `call(buffer, size)` fills; a larger one is tried while it says that the list is longer. Raises OSError.

    `call` returns 0, an error number of Windows, or an NTSTATUS.
    """
    while True:
        buffer = ctypes.create_string_buffer(size)
        status = call(buffer, size) & 0xFFFFFFFF
        if not status:
            return buffer
        if status not in MORE_DATA or size >= MOST:
            raise OSError(f"status 0x{status:08x}")
        size *= 2


class UnicodeString(ctypes.Structure):
    """UNICODE_STRING: length in bytes, room, pointer."""

    _fields_ = (("length", ctypes.c_ushort), ("room", ctypes.c_ushort), ("buffer", ctypes.c_void_p))

    def __str__(self) -> str:
        return text(ctypes.wstring_at(self.buffer, self.length // 2)) if self.buffer and self.length else ""


class Handle:
    """A handle that `with` closes."""

    def __init__(self, value: int | None) -> None:
        self.value = value or 0

    def __enter__(self) -> int:
        return self.value

    def __exit__(self, *_: object) -> None:
        if self.value:
            library("kernel32").CloseHandle(wintypes.HANDLE(self.value))


def process(pid: int, access: int = 0x1000) -> Handle:
    """Open a process (PROCESS_QUERY_LIMITED_INFORMATION unless told); the handle is 0 where that is not allowed."""
    opener = library("kernel32").OpenProcess
    opener.restype = wintypes.HANDLE
    return Handle(opener(wintypes.DWORD(access), False, wintypes.DWORD(pid)))


def sid_text(sid: Any) -> str:
    """Return `S-1-5-…` of a pointer to a SID; '' where it is none."""
    out = wintypes.LPWSTR()
    if not sid or not library("advapi32").ConvertSidToStringSidW(ctypes.c_void_p(sid), ctypes.byref(out)):
        return ""
    found = text(out.value)
    library("kernel32").LocalFree(out)
    return found


@cache
def account(sid: str) -> str:
    r"""Return `DOMAIN\name` of a SID in text; '' where the host does not know it. A domain controller may be asked."""
    raw = ctypes.c_void_p()
    if not library("advapi32").ConvertStringSidToSidW(ctypes.c_wchar_p(sid), ctypes.byref(raw)):
        return ""
    name, domain = ctypes.create_unicode_buffer(512), ctypes.create_unicode_buffer(512)
    sizes, use = (wintypes.DWORD(512), wintypes.DWORD(512)), wintypes.DWORD()
    arguments = (raw, name, ctypes.byref(sizes[0]), domain, ctypes.byref(sizes[1]), ctypes.byref(use))
    found = library("advapi32").LookupAccountSidW(None, *arguments)
    library("kernel32").LocalFree(raw)
    if not found:
        return ""
    return text(f"{domain.value}\\{name.value}" if domain.value else name.value)
