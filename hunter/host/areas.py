"""Touched areas: compare every folder in which something changes, entry by entry, before and after.

A digest covers type, mode, owner, number of names, size, mtime in ns, extended attributes, link text, and the bytes of files up to `HASHED`
(for larger ones the change time, which every write sets, instead of the bytes). Of a subfolder, its content does not count.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hunter.host.tree import HostTree, state_at, xattrs_of
from hunter.unsafe import UnsafeError
from scout.archive.facts import type_of

HASHED = 8 << 20
ENTRIES = 20_000
"""a folder with more entries is compared by its listing and times alone"""


@dataclass(frozen=True, slots=True)
class Area:
    """The entries of one folder at one instant. Times in ns."""

    mtime_ns: int
    atime_ns: int
    entries: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"mtime_ns": self.mtime_ns, "atime_ns": self.atime_ns, "entries": self.entries}


def survey(tree: HostTree, paths: Iterable[str]) -> dict[str, Area]:
    """Return folder → area for the folders of `paths`."""
    return {folder: area for folder in sorted({posixpath.dirname(p) for p in paths}) if (area := _area(tree, folder)) is not None}


def _area(tree: HostTree, folder: str) -> Area | None:
    try:
        with tree.directory(folder) as fd:
            status = os.fstat(fd)
            names = sorted(os.listdir(fd))
            shallow = len(names) > ENTRIES
            entries = {name: digest for name in names if (digest := _digest(fd, name, shallow=shallow))}
            return Area(status.st_mtime_ns, status.st_atime_ns, entries)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _digest(folder: int, name: str, *, shallow: bool) -> str:
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return ""
    kind = type_of(status.st_mode)
    facts: list[object] = [kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
    if kind != "directory":
        facts += [status.st_nlink, status.st_size, status.st_mtime_ns]
    try:
        if kind in ("file", "link") and not shallow and status.st_size <= HASHED:
            state = state_at(folder, name)
            facts += [state.sha256, state.link, state.xattrs] if state else []
        else:
            facts += [xattrs_of(f"/proc/self/fd/{folder}/{name}")] if kind == "directory" else [status.st_ctime_ns]
    except (UnsafeError, OSError):  # a file that changes all the time or cannot be read: use its change time
        facts.append(status.st_ctime_ns)
    return hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest()[:24]


def changed(before: dict[str, dict[str, Any]], tree: HostTree, explained: set[str]) -> tuple[list[str], int]:
    """Return (changed paths in the surveyed folders apart from `explained`, entries compared). `before`: folder → `Area.to_json()`."""
    different: list[str] = []
    compared = 0
    for folder, was in before.items():
        try:
            area = _area(tree, folder)
        except (UnsafeError, OSError):  # it was exchanged for something that cannot be listed
            different.append(folder)
            continue
        now = area.entries if area else {}
        for name in sorted({*was["entries"], *now}):
            path = posixpath.join(folder, name)
            if path in explained:
                continue
            compared += 1
            if was["entries"].get(name) != now.get(name):
                different.append(path)
    return different, compared
