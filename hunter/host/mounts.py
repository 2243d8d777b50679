"""The mounts of this process, by /proc. Source: proc(5)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hunter.unsafe import UnsafeError


def is_subvolume(point: bytes, kind: bytes) -> bool:
    """Return True for a btrfs subvolume, whose top is inode 256; several distributions mount one at /home or /var. A bind mount is none.

    It has its own device number, which differs from that in the list of mounts. Source: btrfs-subvolume(8), INODE NUMBERS.
    """
    return kind == b"btrfs" and os.lstat(point).st_ino == 256


def mount_id(fd: int) -> int:
    """Return the number of the mount on which an open object lies. Source: proc(5), fdinfo."""
    try:
        text = _proc(f"/proc/self/fdinfo/{fd}")
    except OSError as e:
        raise UnsafeError("the mount of an object cannot be read (/proc)") from e
    return int(text.partition(b"mnt_id:")[2].split(None, 1)[0])


def _proc(path: str) -> bytes:
    """Return the content of a file of /proc. A run reads thousands: the plain calls take a third of the time of a `Path`."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        return b"".join(iter(lambda: os.read(fd, 1 << 16), b""))
    finally:
        os.close(fd)


def mounts_of_process() -> Iterator[tuple[int, bytes, bytes, int, bytes]]:
    """Yield (number, mount point, root inside its file system, device, type) of each mount of this process. Source: proc(5), mountinfo."""
    try:
        text = _proc("/proc/self/mountinfo")
    except OSError as e:
        raise UnsafeError("the list of mounts cannot be read (/proc)") from e
    for line in text.splitlines():
        fields = line.split()
        major, _, minor = fields[2].partition(b":")
        kind = fields[fields.index(b"-", 6) + 1]
        yield int(fields[0]), _unescaped(fields[4]), _unescaped(fields[3]), os.makedev(int(major), int(minor)), kind


def _unescaped(field: bytes) -> bytes:
    pieces = field.split(b"\\")
    return pieces[0] + b"".join(bytes([int(p[:3], 8)]) + p[3:] for p in pieces[1:])
