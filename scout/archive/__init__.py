"""The archive, both ways: `ArchiveWriter`, `ArchiveReader`, and what they share. Cheap to import: age and zstd are loaded when they are
first needed.
"""

from __future__ import annotations

from scout.archive.custody import Group, Item
from scout.archive.reader import ArchiveReader, Member
from scout.archive.stream import Stream
from scout.archive.writer import ArchiveWriter, Receipt, Stopped

__all__ = ["ArchiveReader", "ArchiveWriter", "Group", "Item", "Member", "Receipt", "Stopped", "Stream"]
