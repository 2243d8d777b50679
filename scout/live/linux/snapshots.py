"""Snapshots that the running host has (`snapshots/1`); `kind` says of what.

btrfs   mount, id, parent_id, name: a subvolume that is a copy of another one; of_uuid: of which; created (RFC 3339 UTC), read_only
zfs     mount, name
volume  name, uuid: a volume of the device mapper that is a snapshot, or is behind one (LVM); device (`dm-3`)
error   what could not be asked, and why

Source: linux/btrfs.h and linux/btrfs_tree.h (BTRFS_IOC_TREE_SEARCH, btrfs_root_item, btrfs_root_ref), zfs(8), kernel documentation
"Device-mapper snapshot support".
"""

from __future__ import annotations

import os
import re
import struct
import uuid
from collections.abc import Iterator
from typing import Any

from scout.archive.facts import rfc3339
from scout.live.linux import procfs
from scout.sources import mounts

SCHEMA = 1
MOST = 20_000
"""subvolumes of one file system that are listed"""
_SEARCH = 0xD0009411
"""BTRFS_IOC_TREE_SEARCH"""
_ROOT, _BACK = 132, 144
"""ROOT_ITEM, ROOT_BACKREF"""
_KEY = struct.Struct("=7Q4I4Q")
_HEAD = struct.Struct("=QQQII")
_BEHIND = re.compile(r"-(cow|real)$")
"""volumes that the device mapper makes for a snapshot"""


def collect() -> Iterator[dict[str, Any]]:
    """Yield the snapshots of each mounted btrfs and ZFS, and those of the device mapper."""
    seen = set()
    for mount in mounts.read():
        if mount.fstype == "btrfs" and mount.device not in seen:
            seen.add(mount.device)
            try:
                yield from _btrfs(mount.point)
            except OSError as e:
                yield {"kind": "btrfs", "mount": _plain(mount.point), "error": e.strerror or str(e)}
        elif mount.fstype == "zfs":
            for name in _names(f"{mount.point}/.zfs/snapshot"):
                yield {"kind": "zfs", "mount": _plain(mount.point), "name": _plain(name)}
    for device in _names("/sys/block"):
        if device.startswith("dm-"):
            name, identity = (procfs.whole(f"/sys/block/{device}/dm/{fact}", 4096).strip() for fact in ("name", "uuid"))
            if _BEHIND.search(name) or _BEHIND.search(identity):
                yield {"kind": "volume", "name": name, "uuid": identity, "device": device}


def _btrfs(place: str) -> Iterator[dict[str, Any]]:
    roots: dict[int, dict[str, Any]] = {}
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, kind, offset, item in _items(fd):
            if kind == _ROOT and len(item) >= 439 and any(item[263:279]):
                flags, seconds, fraction = *struct.unpack_from("=Q", item, 208), *struct.unpack_from("=QI", item, 339)
                roots[number] = {"of_uuid": str(uuid.UUID(bytes=bytes(item[263:279]))), "read_only": bool(flags & 1)}
                roots[number]["created"] = rfc3339(seconds * 1_000_000_000 + fraction) if seconds else None
            elif kind == _BACK and number in roots and len(item) >= 18:
                size = int.from_bytes(item[16:18], "little")
                roots[number] |= {"parent_id": offset, "name": _plain(os.fsdecode(bytes(item[18 : 18 + size])))}
    finally:
        os.close(fd)
    for number, facts in sorted(roots.items()):
        known = {key: value for key, value in facts.items() if value is not None}
        yield {"kind": "btrfs", "mount": _plain(place), "id": number, **known}


def _items(fd: int) -> Iterator[tuple[int, int, int, memoryview]]:
    """Yield object, type, offset and content of the items of the tree of roots. Raises OSError: only root may ask."""
    import fcntl

    objectid = kind = offset = 0
    for _ in range(MOST):
        room = bytearray(4096)
        _KEY.pack_into(room, 0, 1, objectid, (1 << 64) - 1, offset, (1 << 64) - 1, 0, (1 << 64) - 1, kind, 255, 100, 0, 0, 0, 0, 0)
        fcntl.ioctl(fd, _SEARCH, room)
        count, at = struct.unpack_from("=I", room, 64)[0], _KEY.size
        if not count:
            return
        for _ in range(count):
            _, objectid, offset, kind, size = _HEAD.unpack_from(room, at)
            at += _HEAD.size
            yield objectid, kind, offset, memoryview(room)[at : at + size]
            at += size
        offset, kind = (offset + 1, kind) if offset < (1 << 64) - 1 else (0, kind + 1)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _plain(text: str) -> str:
    return procfs.text(os.fsencode(text))
