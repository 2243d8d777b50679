"""Put the volumes of a Linux host together as its fstab mounts them, so that `/home` on a partition of its own is found at `/home`.

A volume is recognised by UUID, LABEL or PARTUUID. One that fstab names as a device (`/dev/sda3`) is not recognised: device names are not in
an image. Volumes that fstab does not mount are left out of the tree. Source: fstab(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from scout.sources.ext import ExtSource
from scout.sources.rawfile import RawFile
from scout.sources.source import Parts, SourceEntry, contents

MAX_FSTAB = 1 << 20
_ESCAPE = re.compile(r"\\([0-7]{3})")


def mount(root: ExtSource, others: Sequence[tuple[ExtSource, str]]) -> MountedSource:
    """Return the root with the volumes that its fstab names. `others`: (volume, PARTUUID)."""
    by_name: dict[str, ExtSource] = {}
    for source, part in others:
        by_name[f"uuid={source.uuid}"] = source
        if source.label:
            by_name.setdefault(f"label={source.label}".lower(), source)
        if part:
            by_name[f"partuuid={part}"] = source
    try:
        text = contents(root, ("etc", "fstab"), MAX_FSTAB)[0].decode("utf-8", "surrogateescape")
    except OSError:
        text = ""
    points: dict[Parts, ExtSource] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 2 and not line.lstrip().startswith("#"):
            name = _plain(fields[0]).replace('"', "").lower()
            name = name.replace("/dev/disk/by-uuid/", "uuid=").replace("/dev/disk/by-label/", "label=")
            parts = tuple(part for part in _plain(fields[1]).split("/") if part not in ("", "."))
            if name in by_name and parts and ".." not in parts:
                points.setdefault(parts, by_name[name])
    return MountedSource(root, points)


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8) & 255), text)


class MountedSource:
    """A root with volumes mounted in it. A mount point hides what is below it on the volume above, as on the host."""

    windows = False
    fold = False
    answers = True
    streamed = False
    is_copy = False

    def __init__(self, root: ExtSource, points: dict[Parts, ExtSource]) -> None:
        self._root, self._points = root, points
        self.volume, self.method, self.path, self.ino = root.volume, root.method, root.path, root.ino
        self.users, self.groups = root.users, root.groups
        self._deepest = sorted(points, key=len, reverse=True)

    @property
    def parts(self) -> list[ExtSource]:
        """Return the volumes of the tree."""
        return [self._root, *self._points.values()]

    @property
    def problems(self) -> dict[Parts, str]:
        """Return folders that could not be listed completely, and why."""
        out = dict(self._root.problems)
        for point, source in self._points.items():
            out |= {(*point, *parts): text for parts, text in source.problems.items()}
        return out

    def _of(self, parts: Parts) -> tuple[ExtSource, Parts]:
        for point in self._deepest:
            if parts[: len(point)] == point:
                return self._points[point], parts[len(point) :]
        return self._root, parts

    def close(self) -> None:
        """Close all volumes."""
        for source in self.parts:
            source.close()

    def forget(self) -> None:
        """Release what is only cached."""
        for source in self.parts:
            source.forget()

    def native(self, parts: Parts) -> str:
        """Return the path as the host itself writes it."""
        return self._root.native(parts)

    def identity(self, parts: Parts) -> tuple[int, int]:
        """Return (device, inode) of a folder. Raises OSError."""
        source, below = self._of(parts)
        return source.identity(below)

    def refusal(self, parts: Parts) -> str:  # noqa: ARG002  (the protocol's)
        """Return '': all mounts are volumes of the host."""
        return ""

    def listable(self, parts: Parts) -> bool:  # noqa: ARG002  (the protocol's)
        """Return True."""
        return True

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name."""
        source, below = self._of(parts)
        found = source.scan(below, keep)
        return [SourceEntry(one.name, "folder") if (*parts, one.name) in self._points else one for one in found]

    def streams(self, parts: Parts) -> list[str]:  # noqa: ARG002  (the protocol's)
        """Return []: ext has no alternate streams."""
        return []

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a link itself. FileNotFoundError also for what cannot be a name."""
        source, below = self._of(parts)
        return source.status(below)

    def link(self, parts: Parts) -> str:
        """Return the text of a symbolic link."""
        source, below = self._of(parts)
        return source.link(below)

    def open(self, parts: Parts) -> RawFile:
        """Open a regular file. Raises Blocked for everything else."""
        source, below = self._of(parts)
        return source.open(below)

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name, None for what is unknown; see contracts."""
        source, below = self._of(parts)
        known = source.facts(below, status)
        known["owner"], known["group_name"] = self.users.get(status.st_uid), self.groups.get(status.st_gid)
        return known
