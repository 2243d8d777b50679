"""A hive at its place in the registry: `places.py`. `scout/formats/regf/views.py` says what a normalised path is."""

from __future__ import annotations

from commodore.evidence import Evidence, Group
from commodore.readers.hives.places import Mount, mount
from scout.formats.regf import BadHive, Hive
from scout.formats.regf.patterns import FoundKey
from scout.formats.regf.views import HiveViews

__all__ = ["GROUP", "MAGIC", "FoundKey", "Mount", "MountedHive", "mount", "open_hive"]

GROUP = Group({"log1": "{name}.LOG1", "log2": "{name}.LOG2", "log": "{name}.LOG"})
"""a hive and its transaction logs"""
MAGIC = ((0, b"regf"),)


def open_hive(evidence: Evidence) -> Hive | str:
    """Return the hive with its logs replayed, or the reason why it cannot be read."""
    logs = [evidence.companions[role].data for role in ("log1", "log2", "log") if role in evidence.companions]
    try:
        return Hive.open(evidence.data, logs)
    except BadHive as reason:
        return str(reason)


class MountedHive(HiveViews):
    """An opened hive at its place."""

    def __init__(self, hive: Hive, at: Mount, current: int = 0) -> None:
        super().__init__(hive, classes=at.classes, current=current)
        self.at = at
