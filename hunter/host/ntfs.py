"""What a mounted NTFS volume says of a file beside mode, owner and extended attributes.

Source: ntfs-3g(8), "Alternate data streams", and the wiki of NTFS-3G, "Extended attributes".
"""

from __future__ import annotations

import base64
import os
from contextlib import suppress

from hunter.unsafe import UnsafeError

_FACTS = ("system.ntfs_acl", "system.ntfs_attrib", "system.ntfs_crtime")
"""extended attributes that ntfs-3g does not list: descriptor, attributes, creation time"""
_STREAMS = "ntfs.streams.list"


def ntfs_facts(fd: int, shown: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return (name, base64) of each fact of an open file; () on any other file system.

    `shown`: its extended attributes, which are its streams. UnsafeError for streams that this mount does not show: they would be lost.
    """
    found = []
    for name in _FACTS:
        try:
            found.append((name, base64.b64encode(os.getxattr(fd, name)).decode()))
        except OSError:
            if not found:
                return ()
    with suppress(OSError):
        if os.getxattr(fd, _STREAMS).strip(b"\0") and not shown:
            raise UnsafeError("it has alternate streams that this mount does not show: mount the volume with streams_interface=xattr")
    return tuple(found)


def open_to_all(folder: int) -> bool:
    """Return whether an open folder lies on an NTFS volume that is mounted with modes that let other users write."""
    if not os.fstat(folder).st_mode & 0o022:
        return False
    try:
        os.getxattr(f"/proc/self/fd/{folder}", _FACTS[0])
    except OSError:
        return False
    return True
