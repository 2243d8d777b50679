"""Calls of Windows that HUNTER needs: structures, results and privileges. Source: [MS-ERREF] 2.3 (NTSTATUS), the Windows driver kit.

Importing this module needs Windows.
"""

from __future__ import annotations

import ctypes
import errno
from ctypes import POINTER, Structure, byref, c_int, c_long, c_ubyte, c_uint16, c_uint32, c_void_p, sizeof
from functools import cache
from typing import Any

from hunter.unsafe import UnsafeError

_CTYPES: Any = ctypes
NTDLL = _CTYPES.WinDLL("ntdll")
KERNEL = _CTYPES.WinDLL("kernel32", use_last_error=True)
ADVAPI = _CTYPES.WinDLL("advapi32", use_last_error=True)

OWNER, GROUP, DACL, SACL = 1, 2, 4, 8
"""parts of a security descriptor (SECURITY_INFORMATION)"""
_AUTO_INHERIT_REQUIRED, _AUTO_INHERITED, _SACL_PRESENT = 0x0100, 0x0400, 0x0010
_GONE = {0xC0000034, 0xC000003A, 0xC000017C}
"""name not found, path not found, key deleted"""
_DENIED = {0xC0000022, 0xC0000061}
_LARGEST_DESCRIPTOR = 1 << 17
_PRIVILEGES = (8, 9, 17, 18, 20)
"""security, take ownership, back up, restore, debug: what an administrator has and Windows does not switch on by itself"""


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
    shell: Any = _CTYPES.WinDLL("shell32")
    return bool(shell.IsUserAnAdmin())


def prototypes() -> None:
    """Give the calls that take or return handles their types: a handle has 64 bits."""
    handle, text, number = c_void_p, ctypes.c_wchar_p, c_uint32
    for name, result, arguments in (
        ("CreateFileW", handle, [text, number, number, c_void_p, number, number, handle]),
        ("CloseHandle", c_int, [handle]),
        ("GetFileInformationByHandle", c_int, [handle, c_void_p]),
        ("GetFileInformationByHandleEx", c_int, [handle, c_int, c_void_p, number]),
        ("SetFileInformationByHandle", c_int, [handle, c_int, c_void_p, number]),
        ("GetFinalPathNameByHandleW", number, [handle, c_void_p, number, number]),
        ("FlushFileBuffers", c_int, [handle]),
        ("CreateDirectoryW", c_int, [text, c_void_p]),
        ("RemoveDirectoryW", c_int, [text]),
        ("MoveFileExW", c_int, [text, text, number]),
        ("FindFirstStreamW", handle, [text, c_int, c_void_p, number]),
        ("FindNextStreamW", c_int, [handle, c_void_p]),
        ("FindClose", c_int, [handle]),
        ("CreateMutexW", handle, [c_void_p, c_int, text]),
        ("WaitForSingleObject", number, [handle, number]),
        ("ReleaseMutex", c_int, [handle]),
        ("OpenProcess", handle, [number, c_int, number]),
        ("LocalFree", handle, [handle]),
    ):
        call = getattr(KERNEL, name)
        call.restype, call.argtypes = result, arguments
    for name in ("NtQuerySecurityObject", "NtSetSecurityObject"):
        getattr(NTDLL, name).restype = c_long
    NTDLL.NtQuerySecurityObject.argtypes = [handle, number, c_void_p, number, c_void_p]
    NTDLL.NtSetSecurityObject.argtypes = [handle, number, c_void_p]


prototypes()
