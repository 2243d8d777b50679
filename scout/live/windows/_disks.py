r"""The disks of the running Windows, opened for reading: `\\.\PhysicalDrive0` and so on.

Source: Microsoft, CreateFileW ("Physical Disks and Volumes"), IOCTL_DISK_GET_LENGTH_INFO.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

from scout.blocks import AlignedBlocks, BlockReader
from scout.live.windows import _native

MOST = 64
"""numbers that are tried"""
_LENGTH = 0x0007405C
"""IOCTL_DISK_GET_LENGTH_INFO"""
SMALLEST = 1 << 20
"""bytes that are read of a disk that does not tell its length"""


def disks() -> Iterator[tuple[str, Callable[[], BlockReader]]]:
    """Yield the name that each disk would have, and what opens it: OSError, FileNotFoundError where there is none of this number."""
    for number in range(MOST):
        name = f"\\\\.\\PhysicalDrive{number}"
        yield name, lambda name=name: _opened(name)  # type: ignore[misc]


def _opened(name: str) -> BlockReader:
    stream = open(name, "rb", buffering=0)  # noqa: SIM115  (the reader closes it)
    handle = _native.module("msvcrt").get_osfhandle(stream.fileno())
    length, returned = ctypes.c_longlong(), ctypes.c_ulong()
    asked = (ctypes.c_void_p(handle), ctypes.c_ulong(_LENGTH), None, 0, ctypes.byref(length), 8, ctypes.byref(returned), None)
    told = _native.library("kernel32").DeviceIoControl(*asked)
    return AlignedBlocks(stream, length.value if told and length.value > 0 else SMALLEST)
