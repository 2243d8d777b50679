"""Read the birth time of an open file on Linux, which Python's `os.stat` does not return. Source: statx(2); `struct statx` in
linux/stat.h.
"""

from __future__ import annotations

import struct
import sys
from functools import lru_cache
from typing import Any

_AT_EMPTY_PATH, _STATX_BTIME = 0x1000, 0x800
_BTIME_OFFSET = 0x50
"""stx_btime: s64 seconds, u32 nanoseconds"""
_MASK, _TIME = struct.Struct("=I"), struct.Struct("=qI")


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
    if made is None:
        return None
    function, buffer = made
    if function(fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer) != 0:
        return None
    (mask,) = _MASK.unpack_from(buffer)
    seconds, fraction = _TIME.unpack_from(buffer, _BTIME_OFFSET)
    return int(seconds) * 1_000_000_000 + int(fraction) if mask & _STATX_BTIME else None
