"""Decide which file systems are entered: local ones, but no pseudo and no network file systems.

Source: proc(5), `/proc/self/mountinfo` and `/proc/self/fdinfo`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PSEUDO = frozenset(
    {
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "cgroup",
        "cgroup2",
        "securityfs",
        "debugfs",
        "tracefs",
        "configfs",
        "pstore",
        "bpf",
        "mqueue",
        "hugetlbfs",
        "fusectl",
        "binfmt_misc",
        "efivarfs",
        "autofs",
        "rpc_pipefs",
        "nfsd",
        "selinuxfs",
        "nsfs",
        "sockfs",
        "pipefs",
    }
)
NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "smb2",
        "afs",
        "9p",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "ocfs2",
        "gfs2",
        "coda",
        "ncpfs",
        "davfs",
        "davfs2",
        "beegfs",
        "pvfs2",
        "virtiofs",
        "vboxsf",
        "prl_fs",
        "fuse",
    }
)
LOCAL = frozenset(
    {
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "f2fs",
        "tmpfs",
        "ramfs",
        "overlay",
        "squashfs",
        "erofs",
        "iso9660",
        "udf",
        "vfat",
        "exfat",
        "msdos",
        "ntfs3",
        "ntfs",
        "hfsplus",
        "jfs",
        "reiserfs",
        "bcachefs",
    }
)
"""kernel file systems on local disks: their calls return"""


class MountPoint(NamedTuple):
    """One line of mountinfo."""

    id: int
    device: str
    """major:minor"""
    root: str
    point: str
    fstype: str
    source: str
    options: str


def refuses(fstype: str) -> str:
    """Return why a file system is not entered; '' where it is. `fuseblk` (ntfs-3g) is a local disk; other FUSE is a program that may
    hang.
    """
    if fstype in PSEUDO:
        return f"pseudo file system {fstype}: never entered"
    if fstype in NETWORK or fstype.startswith("fuse."):
        return f"network or program-backed file system {fstype}: never entered"
    return ""


def read(path: str = "/proc/self/mountinfo") -> Iterator[MountPoint]:
    """Yield the mount table of this process; nothing where there is no procfs."""
    try:
        text = Path(path).read_bytes()
    except OSError:
        return
    for line in text.split(b"\n"):
        before, _, after = line.partition(b" - ")
        left, right = before.split(b" "), after.split(b" ")
        if len(left) >= 6 and len(right) >= 2 and left[0].isdigit():
            yield MountPoint(int(left[0]), _text(left[2]), _text(left[3]), _text(left[4]), _text(right[0]), _text(right[1]), _text(left[5]))


def of_descriptor(fd: int) -> int | None:
    """Return the mount id of an open descriptor."""
    try:
        found = re.search(rb"^mnt_id:\s*(\d+)", Path(f"/proc/self/fdinfo/{fd}").read_bytes(), re.MULTILINE)
    except OSError:
        return None
    return int(found.group(1)) if found else None


def _text(raw: bytes) -> str:
    plain = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found.group(1), 8) & 255]), raw)
    return plain.decode("utf-8", "surrogateescape")


def inside(path: str, root: str) -> bool:
    """Return whether the real directory `path` is in the tree `root`, also where the same disk is mounted a second time elsewhere.

    Compares paths, then device and inode of every parent, then the places of both within their file systems (proc(5), mountinfo: field 4).
    Raises OSError.
    """
    if Path(root).is_block_device():
        return _on_device(path, root)
    if path == root or path.startswith(root.rstrip(os.sep) + os.sep):
        return True
    top = Path(root).stat()
    parents = [status for one in (Path(path), *Path(path).parents) for status in (one.stat(),)]
    if any((status.st_dev, status.st_ino) == (top.st_dev, top.st_ino) for status in parents):
        return True
    table = list(read())
    own = _place(path, table)
    examined = [_place(root, table), *((m.device, m.root) for m in table if m.point.startswith(root.rstrip("/") + "/"))]
    return own is not None and any(one is not None and one[0] == own[0] and _below(own[1], one[1]) for one in examined)


def _on_device(path: str, device: str) -> bool:
    """Return whether a directory is on a file system of this disk, or of a partition of it. Source: sysfs(5), /sys/dev/block."""
    number = Path(device).stat().st_rdev
    disk = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    own = Path(path).stat().st_dev
    place = os.path.realpath(f"/sys/dev/block/{os.major(own)}:{os.minor(own)}")
    return place == disk or place.startswith(disk + os.sep)


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _place(path: str, table: list[MountPoint]) -> tuple[str, str] | None:
    """Return (device, path within its file system) of a real path; None where no mount is known."""
    over = [mount for mount in table if _below(path, mount.point)]
    if not over:
        return None
    mount = max(reversed(over), key=lambda one: len(one.point))  # of two on one point the later one covers the other
    return mount.device, (mount.root.rstrip("/") + "/" + path[len(mount.point) :].lstrip("/")).rstrip("/") or "/"
