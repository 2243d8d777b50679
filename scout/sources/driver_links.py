r"""Text of a link of a Windows volume that a driver of another system has mounted.

A driver shows a reparse point as a symbolic link with a text of its own making. ntfs-3g drops the drive (`D:\Users` becomes
`/mnt/disk/Users`, if there is such a folder on C:) or gives a text that is no path; it hands out the reparse point itself as an extended
attribute. Source: ntfs-3g(8), "Windows-Formatted Disks"; ntfs-3g's documentation of extended attributes; [MS-FSCC] 2.1.2.
"""

from __future__ import annotations

import os
from contextlib import suppress

from scout.formats.ntfs import reparse

_ATTRIBUTE = "system.ntfs_reparse_data"
_UNKNOWN = "unsupported reparse "
_DRIVES = ".NTFS-3G/"


def text(root: str, path: str, given: str) -> str:
    r"""Return where the link at `path` leads: what its reparse point says, else what the driver gave, as Windows writes it.

    '' where neither says it. `root`: the folder that is examined; a text that leads below it is one of the volume.
    """
    if (said := of_reparse_point(path)) is not None:
        return said
    if given.startswith(_UNKNOWN):
        return ""
    top = root.rstrip("/")
    if given == top or given.startswith(f"{top}/"):
        below = given[len(top) + 1 :]
        return below.removeprefix(_DRIVES) if below.startswith(_DRIVES) else f"/{below}"
    return given


def of_reparse_point(path: str) -> str | None:
    """Return what the reparse point of a link says; None where the driver does not hand it out."""
    with suppress(OSError, AttributeError):
        return reparse.target(os.getxattr(path, _ATTRIBUTE, follow_symlinks=False))
    return None
