"""List a folder by the system call getdents64 itself, past the functions of libc that a preloaded library replaces.

Source: getdents(2), syscall(2): the numbers of the call by machine.
"""

from __future__ import annotations

import ctypes
import os
import struct

_NUMBERS = {"x86_64": 217, "aarch64": 61, "riscv64": 61, "i686": 220, "armv7l": 217, "ppc64le": 202, "s390x": 220}
ROOM = 1 << 16
MAX_NAMES = 1 << 20


def available() -> bool:
    """Return whether the number of the call is known for this machine."""
    return os.uname().machine in _NUMBERS


def names(path: str) -> set[bytes]:
    """Return the names in a folder, without `.` and `..`. Raises OSError."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    number, room = _NUMBERS[os.uname().machine], ctypes.create_string_buffer(ROOM)
    found: set[bytes] = set()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        while len(found) < MAX_NAMES:
            length = call(ctypes.c_long(number), ctypes.c_int(fd), room, ctypes.c_uint(ROOM))
            if length < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
            if length == 0:
                break
            found |= _entries(room.raw[:length])
    finally:
        os.close(fd)
    return found


def _entries(data: bytes) -> set[bytes]:
    """Return the names of `struct linux_dirent64` records: inode, offset, length of the record, type, name with a NUL."""
    out, at = set(), 0
    while at + 19 <= len(data):
        (length,) = struct.unpack_from("=H", data, at + 16)
        if length < 20:
            break
        name = data[at + 19 : at + length].split(b"\0", 1)[0]
        if name not in (b".", b".."):
            out.add(name)
        at += length
    return out
