"""All facts of a name that `statx` of Linux returns, with the birth time and the attributes that Python's `os.stat` does not return.

Source: statx(2); `struct statx` in linux/stat.h.
"""

from __future__ import annotations

import os
import struct
import sys
from functools import lru_cache
from typing import Any, NamedTuple

_AT_EMPTY_PATH, _AT_SYMLINK_NOFOLLOW, _AT_NO_AUTOMOUNT = 0x1000, 0x100, 0x800
_BASIC, _BTIME = 0x7FF, 0x800
_LAYOUT = struct.Struct("=IIQIIIH2xQQQQ" + "qI4x" * 4 + "IIII")
_BIRTH = struct.Struct("=I76xqI")
"""its mask and the birth time"""
ATTRIBUTES = {0x4: "compressed", 0x10: "immutable", 0x20: "append-only", 0x40: "no dump", 0x800: "encrypted", 0x100000: "verity"}
"""bit of `attributes` → word"""


class StatxResult(NamedTuple):
    """The facts of one name. Times are nanoseconds since 1970 UTC; `btime` None where the file system does not know it."""

    mode: int
    nlink: int
    uid: int
    gid: int
    ino: int
    size: int
    atime: int
    btime: int | None
    ctime: int
    mtime: int
    device: tuple[int, int]
    attributes: tuple[str, ...]


@lru_cache(maxsize=1)
def _call() -> tuple[Any, Any] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    try:
        function = ctypes.CDLL(None, use_errno=True).statx
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)
    return function, ctypes.create_string_buffer(256)


def birth(fd: int) -> int | None:
    """Return nanoseconds since 1970 UTC; None where the kernel, the C library or the file system does not know it."""
    made = _call()
    if made is None or made[0](fd, b"", _AT_EMPTY_PATH, _BTIME, made[1]) != 0:
        return None
    mask, seconds, fraction = _BIRTH.unpack_from(made[1])
    return seconds * 1_000_000_000 + fraction if mask & _BTIME else None


def of_name(folder: int, name: bytes) -> StatxResult | None:
    """Return the facts of a name in an open folder, of a link itself; None where this system has no statx. Raises OSError."""
    made = _call()
    if made is None:
        return None
    if made[0](folder, name, _AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT, _BASIC | _BTIME, made[1]) != 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return _result(made[1])


def _result(buffer: Any) -> StatxResult:
    (mask, _, bits, nlink, uid, gid, mode, ino, size, _, _, *rest) = _LAYOUT.unpack_from(buffer)
    atime, btime, ctime, mtime = (rest[at] * 1_000_000_000 + rest[at + 1] for at in (0, 2, 4, 6))
    words = tuple(word for bit, word in ATTRIBUTES.items() if bits & bit) if bits else ()
    return StatxResult(mode, nlink, uid, gid, ino, size, atime, btime if mask & _BTIME else None, ctime, mtime, (rest[10], rest[11]), words)
