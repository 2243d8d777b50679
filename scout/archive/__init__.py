"""The archive, both ways: `ArchiveWriter`, `ArchiveReader`, and what they share. Cheap to import: age and zstd are loaded when they are
first needed.
"""

from __future__ import annotations

from scout.archive.custody import GroupPlace, WantedItem
from scout.archive.reader import ArchiveMember, ArchiveReader
from scout.archive.receipt import Receipt
from scout.archive.stream import MemberStream
from scout.archive.writer import ArchiveWriter, Stopped

__all__ = ["ArchiveMember", "ArchiveReader", "ArchiveWriter", "GroupPlace", "MemberStream", "Receipt", "Stopped", "WantedItem"]
