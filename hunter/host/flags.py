"""File flags of Linux file systems, as `lsattr` shows them: read, and restored where user space may set them.

Sources: ioctl_iflags(2), chattr(1), linux/fs.h (FS_IOC_GETFLAGS, FS_*_FL).
"""

from __future__ import annotations

import array
import errno

_GETFLAGS = 0x80086601
_SETFLAGS = 0x40086602
_LOCKING = ((0x10, "immutable"), (0x20, "append"))
_LETTERS = (
    (0x1, "s"),
    (0x2, "u"),
    (0x4, "c"),
    (0x8, "S"),
    (0x40, "d"),
    (0x80, "A"),
    (0x400, "m"),
    (0x4000, "j"),
    (0x8000, "t"),
    (0x800000, "C"),
)
"""flags of a regular file that `chattr` sets, but for those of `_LOCKING`"""
_FIXED = ((0x800, "E"), (0x100000, "V"))
"""flags that only the file system sets (encrypted, verity): a copy does not get them"""


def _value(fd: int) -> int | None:
    """The flags as a number; None on a file system without such flags."""
    import fcntl

    value = array.array("L", [0])
    try:
        fcntl.ioctl(fd, _GETFLAGS, value, True)
    except OSError as e:
        if e.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM):
            return None
        raise
    return int(value[0]) & 0xFFFFFFFF


def locking_flags(fd: int) -> str:
    """Return `immutable`, `append`, both or ''."""
    value = _value(fd) or 0
    return ", ".join(name for bit, name in _LOCKING if value & bit)


def attributes(fd: int) -> str:
    """Return the flags that can be restored, as the letters of `chattr`."""
    value = _value(fd) or 0
    return "".join(letter for bit, letter in _LETTERS if value & bit)


def fixed_flags(fd: int) -> str:
    """Return the flags that cannot be restored, as the letters of `lsattr`."""
    value = _value(fd) or 0
    return "".join(letter for bit, letter in _FIXED if value & bit)


def set_attributes(fd: int, letters: str) -> None:
    """Give a file exactly these restorable flags; the other ones stay. OSError where the file system does not take them."""
    import fcntl

    value = _value(fd)
    if value is None:
        return
    wanted = (value & ~sum(bit for bit, _ in _LETTERS)) | sum(bit for bit, letter in _LETTERS if letter in letters)
    if wanted != value:
        fcntl.ioctl(fd, _SETFLAGS, array.array("L", [wanted]))
