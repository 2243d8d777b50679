"""Touched areas: compare every folder in which something changes, entry by entry, before and after."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from hunter.unsafe import UnsafeError


@dataclass(frozen=True, slots=True)
class Area:
    """The entries of one folder at one instant. Times in ns."""

    mtime_ns: int
    atime_ns: int
    entries: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"mtime_ns": self.mtime_ns, "atime_ns": self.atime_ns, "entries": self.entries}


class AreaView(Protocol):
    """What can list folders."""

    def area(self, folder: str) -> Area | None:
        """Return the entries of a folder, None where there is none. UnsafeError, OSError."""


def survey(files: AreaView, paths: Iterable[str]) -> dict[str, Area]:
    """Return folder → area for the folders of `paths`."""
    return {folder: area for folder in sorted({posixpath.dirname(p) for p in paths}) if (area := files.area(folder)) is not None}


def changed(before: dict[str, dict[str, Any]], files: AreaView, explained: set[str]) -> tuple[list[str], int]:
    """Return (changed paths in the surveyed folders apart from `explained`, entries compared). `before`: folder → `Area.to_json()`."""
    different: list[str] = []
    compared = 0
    for folder, was in before.items():
        try:
            area = files.area(folder)
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
