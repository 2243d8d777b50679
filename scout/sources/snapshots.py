"""Snapshots of a root that can be read as folders: those of snapper, Timeshift and ZFS. The oldest is a source of its own.

Sources: snapper(8) (`.snapshots/<number>/info.xml`, `snapshot`), Timeshift's README (`snapshots/<time>/localhost`, `@`), zfsprops(7)
(`.zfs/snapshot`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from scout.archive.facts import rfc3339
from scout.sources.directory import DirectorySource
from scout.sources.source import Parts, contents
from scout.sources.timed_calls import TimedCalls

MOST = 2_000
"""snapshots of one place that are looked at"""
_DATE = re.compile(rb"<date>\s*(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\s*</date>")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d)-(\d\d)-(\d\d)", re.ASCII)
_TIMESHIFT = (("timeshift", "snapshots"), ("timeshift-btrfs", "snapshots"))


class FoundSnapshot(NamedTuple):
    """A snapshot of the root. `made`: when, as a text that sorts by time; `parts`: the folder that was the root."""

    made: str
    kind: str
    name: str
    parts: Parts


class SnapshotSource(DirectorySource):
    """The root as it was. Its paths are those of the root; what it has in common with it is not taken again."""

    is_copy = True

    def __init__(self, path: str, name: str) -> None:
        super().__init__(path)
        self._name = f"root@{name}"

    @property
    def volume(self) -> str:
        """Name of the volume in the archive."""
        return self._name


def snapshots(source: DirectorySource, timed: TimedCalls) -> list[FoundSnapshot]:
    """Return the snapshots of this root, the oldest first."""
    return sorted([*_snapper(source, timed), *_timeshift(source, timed), *_zfs(source, timed)])


def oldest(source: DirectorySource, timed: TimedCalls) -> SnapshotSource | None:
    """Return the oldest snapshot of this root as a source; None where there is none that can be entered.

    Its folder is reached without a link, and must be the same one when it is opened.
    """
    for found in snapshots(source, timed):
        try:
            identity = timed.call(source.identity, found.parts)
            made = SnapshotSource("/".join((source.path.rstrip("/"), *found.parts)), f"{found.kind}-{found.name}")
        except OSError:
            continue
        if (made.dev, made.ino) == identity:
            return made
        made.close()
    return None


def _snapper(source: DirectorySource, timed: TimedCalls) -> list[FoundSnapshot]:
    out = []
    for name in _names(source, timed, (".snapshots",)):
        try:
            said = _DATE.search(timed.call(contents, source, (".snapshots", name, "info.xml"), 1 << 16)[0])
        except OSError:
            continue
        if said is not None:
            moment = f"{said[1].decode()}T{said[2].decode()}Z"
            out.append(FoundSnapshot(moment, "snapper", name, (".snapshots", name, "snapshot")))
    return out


def _timeshift(source: DirectorySource, timed: TimedCalls) -> list[FoundSnapshot]:
    out = []
    for place in _TIMESHIFT:
        for name in _names(source, timed, place):
            if (said := _MOMENT.fullmatch(name)) is not None:
                moment = f"{said[1]}T{said[2]}:{said[3]}:{said[4]}Z"
                out += [FoundSnapshot(moment, "timeshift", name, (*place, name, top)) for top in ("localhost", "@")]
    return out


def _zfs(source: DirectorySource, timed: TimedCalls) -> list[FoundSnapshot]:
    out = []
    for name in _names(source, timed, (".zfs", "snapshot")):
        parts = (".zfs", "snapshot", name)
        try:
            made = rfc3339(timed.call(source.status, parts).st_ctime_ns)
        except OSError:
            continue
        out.append(FoundSnapshot(made or "", "zfs", name, parts))
    return out


def _names(source: DirectorySource, timed: TimedCalls, parts: Parts) -> list[str]:
    try:
        first, _ = timed.call(next, source.pieces(parts, lambda _: True))
    except OSError:
        return []
    return [entry.name for entry in first if entry.kind == "folder"][:MOST]
