"""Open files of Windows by a handle: facts, streams and attributes.

Sources: the Windows API (CreateFileW, FILE_BASIC_INFO, BY_HANDLE_FILE_INFORMATION, FindFirstStreamW), [MS-FSCC] 2.6 for the attributes.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_int, c_int64, c_uint32, c_void_p, sizeof
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, BinaryIO

from hunter.host.windows.native import KERNEL, failed, last_error
from hunter.unsafe import UnsafeError

READ, WRITE, DELETE = 0x80000000, 0x40000000, 0x00010000
CONTROL, CHANGE_CONTROL, AUDIT = 0x00020000, 0x000C0000, 0x01000000
READ_ATTRIBUTES, WRITE_ATTRIBUTES = 0x80, 0x100
SHARE_READ, SHARE_ALL = 1, 7
OPEN, CREATE_NEW = 3, 1
DIRECTORY, REPARSE, READONLY = 0x10, 0x400, 0x1
KEPT = 0x1 | 0x2 | 0x4 | 0x20 | 0x100 | 0x1000 | 0x2000 | 0x20000
"""attributes that can be set: read-only, hidden, system, archive, temporary, offline, not indexed, no scrub"""
FIXED = ((0x800, "compressed"), (0x4000, "encrypted"), (0x200, "sparse"))
"""attributes that a copy does not get by setting them"""
SHARING, LOCKED, MAPPED = 32, 33, 1224
_FLAGS = 0x02000000 | 0x00200000
"""backup semantics (a folder can be opened, and what an administrator may back up) and no following of reparse points"""
_INVALID = c_void_p(-1).value
_NONE = {2, 3}
LARGEST_STREAM = 16 << 20
"""bytes of all alternate streams of one file that HUNTER keeps in its journal"""


class Basic(ctypes.Structure):
    """FILE_BASIC_INFO; times in 100 ns ticks since 1601 UTC."""

    _fields_ = (("created", c_int64), ("read", c_int64), ("written", c_int64), ("changed", c_int64), ("attributes", c_uint32))


class _Info(ctypes.Structure):
    """BY_HANDLE_FILE_INFORMATION."""

    _fields_ = tuple(
        (name, c_uint32)
        for name in (
            "attributes",
            "c0",
            "c1",
            "a0",
            "a1",
            "w0",
            "w1",
            "volume",
            "size_high",
            "size_low",
            "links",
            "index_high",
            "index_low",
        )
    )


class _Stream(ctypes.Structure):
    """WIN32_FIND_STREAM_DATA."""

    _fields_ = (("size", c_int64), ("name", ctypes.c_wchar * 296))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a handle says of its file."""

    basic: Basic
    size: int
    links: int
    index: int
    volume: int

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes with every write."""
        return self.basic.written, self.size


@contextmanager
def opened(
    path: str, access: int = READ | CONTROL, share: int = SHARE_ALL, how: int = OPEN, attributes: int = 0, *, exact: str = ""
) -> Iterator[c_void_p]:
    r"""Open a file or folder by its `\\?\` path; close it at the end.

    `exact`: UnsafeError where the handle leads elsewhere. FileNotFoundError, OSError.
    """
    handle = KERNEL.CreateFileW(path, access, share, None, how, _FLAGS | attributes, None)
    if handle == _INVALID:
        raise failed(path)
    try:
        if exact and (real := final(handle)).casefold() != exact.casefold():
            raise UnsafeError(f"a link or mount leads to {real}: name the real path")
        yield handle
    finally:
        KERNEL.CloseHandle(handle)


def final(handle: Any) -> str:
    """Return the path to which a handle leads, after links and short names."""
    buffer = ctypes.create_unicode_buffer(32768)
    if not KERNEL.GetFinalPathNameByHandleW(handle, buffer, 32768, 0):
        raise failed("the path of an open file cannot be read")
    return buffer.value


def facts(handle: Any) -> Facts:
    """Return what a handle says of its file."""
    basic, info = Basic(), _Info()
    if not KERNEL.GetFileInformationByHandleEx(handle, 0, byref(basic), sizeof(basic)):
        raise failed("the times of a file cannot be read")
    if not KERNEL.GetFileInformationByHandle(handle, byref(info)):
        raise failed("the facts of a file cannot be read")
    return Facts(basic, info.size_high << 32 | info.size_low, info.links, info.index_high << 32 | info.index_low, info.volume)


def set_facts(handle: Any, basic: Basic) -> None:
    """Set times and attributes; a time of 0 stays as it is. OSError."""
    if not KERNEL.SetFileInformationByHandle(handle, 0, byref(basic), sizeof(basic)):
        raise failed("the times of a file cannot be set")


def delete(handle: Any) -> None:
    """Delete the file of a handle, which was opened to be deleted. OSError."""
    flags = c_uint32(0x1 | 0x2 | 0x10)  # delete, at once, also where it is read-only
    if KERNEL.SetFileInformationByHandle(handle, 21, byref(flags), sizeof(flags)):
        return
    known = facts(handle)
    if known.basic.attributes & READONLY:
        set_facts(handle, Basic(0, 0, 0, 0, known.basic.attributes & ~READONLY or 0x80))
    yes = c_int(1)
    if not KERNEL.SetFileInformationByHandle(handle, 4, byref(yes), 1):
        raise failed("it cannot be deleted")


def streams(path: str) -> list[tuple[str, int]]:
    """Return (name, size) of the alternate streams of a file. OSError."""
    data = _Stream()
    handle = KERNEL.FindFirstStreamW(path, 0, byref(data), 0)
    if handle == _INVALID:
        if last_error() in (38, 87):  # no streams; a file system without them
            return []
        raise failed("its streams cannot be listed")
    found = []
    try:
        while True:
            name = data.name.removesuffix(":$DATA").lstrip(":")
            found += [(name, data.size)] if name else []
            if not KERNEL.FindNextStreamW(handle, byref(data)):
                return found
    finally:
        KERNEL.FindClose(handle)


def stream_of(handle: Any, *, write: bool = False) -> BinaryIO:
    """Return a Python file over a copy of a handle; closing it leaves the handle open."""
    import msvcrt

    crt: Any = msvcrt
    other = c_void_p()
    process = KERNEL.GetCurrentProcess
    process.restype = c_void_p
    KERNEL.DuplicateHandle.argtypes = [c_void_p, c_void_p, c_void_p, c_void_p, c_uint32, c_int, c_uint32]
    if not KERNEL.DuplicateHandle(process(), handle, process(), byref(other), 0, 0, 2):
        raise failed("a handle cannot be copied")
    fd = crt.open_osfhandle(other.value or 0, (os.O_RDWR if write else os.O_RDONLY) | getattr(os, "O_BINARY", 0))
    return os.fdopen(fd, "r+b" if write else "rb")


def digest(handle: Any, limit: int) -> tuple[str, int]:
    """Return (sha256, size) of the content of a file. UnsafeError where it is larger than `limit` bytes."""
    made, size = hashlib.sha256(), 0
    with stream_of(handle) as stream:
        stream.seek(0)
        while block := stream.read(1 << 20):
            made.update(block)
            size += len(block)
            if size > limit:
                raise UnsafeError(f"it is larger than {limit >> 30} GiB: too large to be backed up")
    return made.hexdigest(), size


def missing(error: OSError) -> bool:
    """Return whether an error says that there is no such file or folder."""
    return isinstance(error, FileNotFoundError | NotADirectoryError) or getattr(error, "winerror", 0) in _NONE


def busy(error: OSError) -> bool:
    """Return whether an error says that another program has the file open, or runs it."""
    return getattr(error, "winerror", 0) in (SHARING, LOCKED, MAPPED)


def parent(path: str) -> str:
    """Return the folder of a native path."""
    return str(PureWindowsPath(path).parent)
