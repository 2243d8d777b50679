"""Shadow copies of an NTFS volume, each as a volume of its own. Source: libvshadow, "Volume Shadow Snapshot (VSS) format"."""

from __future__ import annotations

import io
from typing import NamedTuple

from scout.archive import facts
from scout.blocks import BlockReader, LibraryBlocks
from scout.sources.images import _shared

MAX_SHADOWS = 512
"""shadow copies of one volume; Windows keeps at most 64"""
_IDENTIFIER = bytes.fromhex("6b870838 76c1 484e b7ae 04046e6cc752".replace(" ", ""))
_AT = 0x1E00


class ShadowCopy(NamedTuple):
    """One shadow copy, from 1, the oldest first. `created` is RFC 3339 UTC, '' where it is not known."""

    number: int
    created: str
    blocks: BlockReader


class SeekableBlocks(io.RawIOBase):
    """A BlockReader as a file object, for libraries that ask for one."""

    def __init__(self, blocks: BlockReader) -> None:
        self._blocks, self._at = blocks, 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Set the position; return it."""
        self._at = offset + (self._at if whence == 1 else self._blocks.size if whence == 2 else 0)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def get_size(self) -> int:
        """Return the size in bytes."""
        return self._blocks.size

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""
        data = self._blocks.read_at(self._at, size if size >= 0 else max(self._blocks.size - self._at, 0))
        self._at += len(data)
        return data

    def readable(self) -> bool:
        """Return True."""
        return True


def exist(blocks: BlockReader) -> bool:
    """Return whether a volume has the header of shadow copies. Raises OSError."""
    return blocks.read_at(_AT, 16) == _IDENTIFIER


def shadow_copies(blocks: BlockReader) -> list[ShadowCopy]:
    """Return the shadow copies of a volume. Complaint without the library; DamagedVolume, OSError."""
    if not exist(blocks):
        return []
    pyvshadow = _shared.library("pyvshadow", "libvshadow-python", "Shadow copies")

    def opened() -> list[ShadowCopy]:
        volume = pyvshadow.volume()
        volume.open_file_object(SeekableBlocks(blocks))
        out = []
        for number in range(min(volume.number_of_stores, MAX_SHADOWS)):
            store = volume.get_store(number)
            moment = (store.get_creation_time_as_integer() - 116_444_736_000_000_000) * 100
            # the store needs its volume: it is kept with it
            out.append(ShadowCopy(number + 1, facts.rfc3339(moment) or "", _Store((store, volume), blocks.size)))
        return out

    return _shared.read("shadow copies", opened)


class _Store(LibraryBlocks):
    def __init__(self, of: tuple[object, object], size: int) -> None:
        super().__init__(of[0], size)
        self._of = of

    def close(self) -> None:
        """Do nothing: the volume under it is closed by who opened it."""
