"""Calls of Windows that HUNTER needs: structures, results and privileges. Source: [MS-ERREF] 2.3 (NTSTATUS), the Windows driver kit.

Every module of this folder can be imported on every system: a library of Windows is opened when its first call is made.
"""

from __future__ import annotations

import ctypes
import errno
from ctypes import POINTER, Structure, byref, c_int, c_long, c_size_t, c_ubyte, c_uint16, c_uint32, c_void_p, c_wchar_p, sizeof
from functools import cache
from typing import Any

from hunter.unsafe import UnsafeError

_CTYPES: Any = ctypes

OWNER, GROUP, DACL, SACL = 1, 2, 4, 8
"""parts of a security descriptor (SECURITY_INFORMATION)"""
_AUTO_INHERIT_REQUIRED, _AUTO_INHERITED, _SACL_PRESENT = 0x0100, 0x0400, 0x0010
_GONE = {0xC0000034, 0xC000003A, 0xC000017C}
"""name not found, path not found, key deleted"""
_DENIED = {0xC0000022, 0xC0000061}
_LARGEST_DESCRIPTOR = 1 << 17
_PRIVILEGES = (8, 9, 17, 18, 20)
"""security, take ownership, back up, restore, debug: what an administrator has and Windows does not switch on by itself"""


class WindowsLibrary:
    """A library of Windows, opened at its first call; `calls` gives (result, arguments) of those that need types: a handle has 64 bits.

    A call that is asked for raises OSError on another system, AttributeError where this Windows does not have it.
    """

    def __init__(self, name: str, calls: dict[str, tuple[Any, list[Any]]], *, errors: bool = True) -> None:
        self._name, self._calls, self._errors = name, calls, errors

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what Python itself asks of an object
            raise AttributeError(name)
        call = getattr(_opened(self._name, self._errors), name)
        if name in self._calls:
            call.restype, call.argtypes = self._calls[name]
        setattr(self, name, call)
        return call


@cache
def _opened(name: str, errors: bool) -> Any:
    """Return a library of Windows. OSError on another system."""
    loader: Any = getattr(ctypes, "WinDLL", None)
    if loader is None:
        raise OSError(errno.ENOSYS, "only Windows has this library", name)
    return loader(name, use_last_error=errors)


_HANDLE, _TEXT, _NUMBER, _ANY = c_void_p, c_wchar_p, c_uint32, c_void_p
NTDLL = WindowsLibrary(
    "ntdll",
    {"NtQuerySecurityObject": (c_long, [_HANDLE, _NUMBER, _ANY, _NUMBER, _ANY]), "NtSetSecurityObject": (c_long, [_HANDLE, _NUMBER, _ANY])},
    errors=False,
)
KERNEL = WindowsLibrary(
    "kernel32",
    {
        "CreateFileW": (_HANDLE, [_TEXT, _NUMBER, _NUMBER, _ANY, _NUMBER, _NUMBER, _HANDLE]),
        "CloseHandle": (c_int, [_HANDLE]),
        "GetFileInformationByHandle": (c_int, [_HANDLE, _ANY]),
        "GetFileInformationByHandleEx": (c_int, [_HANDLE, c_int, _ANY, _NUMBER]),
        "SetFileInformationByHandle": (c_int, [_HANDLE, c_int, _ANY, _NUMBER]),
        "GetFinalPathNameByHandleW": (_NUMBER, [_HANDLE, _ANY, _NUMBER, _NUMBER]),
        "FlushFileBuffers": (c_int, [_HANDLE]),
        "CreateDirectoryW": (c_int, [_TEXT, _ANY]),
        "RemoveDirectoryW": (c_int, [_TEXT]),
        "MoveFileExW": (c_int, [_TEXT, _TEXT, _NUMBER]),
        "FindFirstStreamW": (_HANDLE, [_TEXT, c_int, _ANY, _NUMBER]),
        "FindNextStreamW": (c_int, [_HANDLE, _ANY]),
        "FindClose": (c_int, [_HANDLE]),
        "CreateMutexW": (_HANDLE, [_ANY, c_int, _TEXT]),
        "WaitForSingleObject": (_NUMBER, [_HANDLE, _NUMBER]),
        "ReleaseMutex": (c_int, [_HANDLE]),
        "OpenProcess": (_HANDLE, [_NUMBER, c_int, _NUMBER]),
        "OpenThread": (_HANDLE, [_NUMBER, c_int, _NUMBER]),
        "GetProcessTimes": (c_int, [_HANDLE, _ANY, _ANY, _ANY, _ANY]),
        "TerminateProcess": (c_int, [_HANDLE, _NUMBER]),
        "VirtualQueryEx": (c_size_t, [_HANDLE, c_void_p, _ANY, c_size_t]),
        "ReadProcessMemory": (c_int, [_HANDLE, c_void_p, _ANY, c_size_t, _ANY]),
        "LocalFree": (_HANDLE, [_HANDLE]),
    },
)
ADVAPI = WindowsLibrary(
    "advapi32",
    {
        "OpenSCManagerW": (_HANDLE, [_TEXT, _TEXT, _NUMBER]),
        "OpenServiceW": (_HANDLE, [_HANDLE, _TEXT, _NUMBER]),
        "CloseServiceHandle": (c_int, [_HANDLE]),
        "DeleteService": (c_int, [_HANDLE]),
        "QueryServiceStatusEx": (c_int, [_HANDLE, c_int, _ANY, _NUMBER, _ANY]),
        "ControlService": (c_int, [_HANDLE, _NUMBER, _ANY]),
        "StartServiceW": (c_int, [_HANDLE, _NUMBER, _ANY]),
        "ChangeServiceConfigW": (c_int, [_HANDLE, _NUMBER, _NUMBER, _NUMBER, _TEXT, _TEXT, _ANY, _ANY, _TEXT, _TEXT, _TEXT]),
        "CreateServiceW": (_HANDLE, [_HANDLE, _TEXT, _TEXT, _NUMBER, _NUMBER, _NUMBER, _NUMBER, _TEXT, _TEXT, _ANY, _ANY, _TEXT, _TEXT]),
    },
)
_SHELL = WindowsLibrary("shell32", {}, errors=False)


class CountedText(Structure):
    """UNICODE_STRING: counted, so that a name may contain NUL."""

    _fields_ = (("length", c_uint16), ("maximum", c_uint16), ("buffer", c_void_p))

    def __init__(self, text: str) -> None:
        raw = text.encode("utf-16-le", "surrogatepass")
        if len(raw) > 0xFFFC:
            raise UnsafeError("the name is too long for Windows")
        self.kept = ctypes.create_string_buffer(raw + b"\0\0")
        super().__init__(len(raw), len(raw) + 2, ctypes.addressof(self.kept))


class Attributes(Structure):
    """OBJECT_ATTRIBUTES; names are compared without case."""

    _fields_ = (
        ("length", c_uint32),
        ("root", c_void_p),
        ("name", POINTER(CountedText)),
        ("attributes", c_uint32),
        ("descriptor", c_void_p),
        ("quality", c_void_p),
    )

    def __init__(self, name: str) -> None:
        self.text = CountedText(name)
        super().__init__(sizeof(Attributes), None, ctypes.pointer(self.text), 0x40, None, None)


class StatusError(OSError):
    """A call of the kernel failed. `status`: NTSTATUS."""

    def __init__(self, status: int, what: str) -> None:
        number = errno.ENOENT if status in _GONE else errno.EACCES if status in _DENIED else errno.EIO
        super().__init__(number, f"{what} (status {status:#010x})")
        self.status = status

    @property
    def gone(self) -> bool:
        return self.status in _GONE

    @property
    def denied(self) -> bool:
        return self.status in _DENIED


def check(status: int, what: str) -> None:
    """StatusError where a call of the kernel failed."""
    status &= 0xFFFFFFFF
    if status >= 0x80000000:
        raise StatusError(status, what)


def failed(what: str) -> OSError:
    """Return the error of the last call of kernel32 or advapi32 in this thread."""
    code = _CTYPES.get_last_error()
    made: OSError = _CTYPES.WinError(code)
    made.strerror = f"{what}: {(made.strerror or '').strip().rstrip('.')} (error {code})"
    return made


def last_error() -> int:
    """Return the number of the error of the last call."""
    return int(_CTYPES.get_last_error())


@cache
def raise_privileges() -> None:
    """Switch the privileges of this process on that it has; without one of them, some objects are refused later, with a reason."""
    for number in _PRIVILEGES:
        before = c_ubyte()
        NTDLL.RtlAdjustPrivilege(c_uint32(number), c_ubyte(1), c_ubyte(0), byref(before))


def descriptor(handle: Any) -> bytes:
    """Return the security descriptor of an open object, self-relative, with its audit entries where the handle allows it. OSError."""
    for parts in (OWNER | GROUP | DACL | SACL, OWNER | GROUP | DACL):
        size, needed = 512, c_uint32()
        while size <= _LARGEST_DESCRIPTOR:
            buffer = ctypes.create_string_buffer(size)
            status = NTDLL.NtQuerySecurityObject(handle, parts, buffer, size, byref(needed)) & 0xFFFFFFFF
            if status == 0:
                return _trimmed(buffer.raw[: needed.value or size])
            if status != 0xC0000023:  # too small
                break
            size = max(size * 2, needed.value)
    check(status, "its security descriptor cannot be read")
    raise StatusError(status, "its security descriptor is too large")


def _trimmed(raw: bytes) -> bytes:
    """Return a descriptor of exactly its length: header, owner, group and the two lists. Source: [MS-DTYP] 2.4.6."""
    starts = [int.from_bytes(raw[at : at + 4], "little") for at in (4, 8, 12, 16)]
    sids = [start + 8 + 4 * raw[start + 1] for start in starts[:2] if start]
    lists = [start + int.from_bytes(raw[start + 2 : start + 4], "little") for start in starts[2:] if start]
    return raw[: max(20, *sids, *lists)]


def set_descriptor(handle: Any, raw: bytes) -> None:
    """Give an open object this descriptor, entry by entry as it is. OSError."""
    control = int.from_bytes(raw[2:4], "little")
    if control & _AUTO_INHERITED:
        control |= _AUTO_INHERIT_REQUIRED
    raw = raw[:2] + control.to_bytes(2, "little") + raw[4:]
    parts = OWNER | GROUP | DACL | (SACL if control & _SACL_PRESENT else 0)
    check(NTDLL.NtSetSecurityObject(handle, parts, ctypes.create_string_buffer(raw)), "its security descriptor cannot be set")


def owner(raw: bytes) -> bytes:
    """Return the SID of the owner in a descriptor, b'' for none."""
    start = int.from_bytes(raw[4:8], "little")
    return raw[start : start + 8 + 4 * raw[start + 1]] if start else b""


def wait(milliseconds: int) -> None:
    """Let time pass."""
    KERNEL.Sleep(c_uint32(milliseconds))


def administrator() -> bool:
    """Return whether this process has the rights of an administrator."""
    return bool(_SHELL.IsUserAnAdmin())
