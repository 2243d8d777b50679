"""Mount points (`mounts/1`), as this process sees them.

point, fstype, source, options (list), device (`major:minor`), root (which folder of the file system), id
entered: whether SCOUT reads files there; why_not: the reason where it does not

Source: proc_pid_mountinfo(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.sources import mounts

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """All mounts of this mount namespace."""
    for mount in mounts.read():
        reason = mounts.refuses(mount.fstype)
        yield {
            "point": _plain(mount.point),
            "fstype": mount.fstype,
            "source": _plain(mount.source),
            "options": mount.options.split(","),
            "device": mount.device,
            "root": _plain(mount.root),
            "id": mount.id,
            "entered": not reason,
            **({"why_not": reason} if reason else {}),
        }


def _plain(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
