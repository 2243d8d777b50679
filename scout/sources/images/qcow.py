"""Virtual disks of QEMU: qcow2, versions 2 and 3, with compressed clusters and the files under a snapshot.

Source: QEMU, "Qcow2 Image File Format" (docs/interop/qcow2).
"""

from __future__ import annotations

import struct
import zlib
from collections import OrderedDict
from pathlib import Path

from scout.blocks import BlockCache, BlockReader, DamagedVolume, FileBlocks, exactly
from scout.console import WRONG_USE, Complaint
from scout.sources.images import _shared

NAME, ORDER = "qcow2", 4
_HEADER = struct.Struct(">4sIQIIQIIQ")
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED, _ZERO = 1 << 62, 1
_EXTERNAL, _PACKING, _LONG = 4, 8, 16
"""incompatible features: data in another file, a compression type, entries with subclusters"""
_KEPT = 32
"""unpacked clusters, and tables, that are kept"""


def claims(head: bytes, tail: bytes, path: Path) -> bool:  # noqa: ARG001  (of every format)
    """Return whether a file begins as qcow."""
    return head.startswith(b"QFI\xfb")


def open_image(path: Path) -> BlockReader:
    """Open the disk, with the files that it is based on from the same folder. Complaint for an encrypted one and for features that are
    not read.
    """
    return _with_parents(path, 0)


def _with_parents(path: Path, depth: int) -> BlockReader:
    if depth > _shared.MAX_PARENTS:
        raise DamagedVolume(f"{path.name}: more than {_shared.MAX_PARENTS} files in a row")
    file = FileBlocks(path)
    if exactly(file, 0, 4) != b"QFI\xfb":
        return file  # a raw file under a snapshot
    disk = QcowDisk(file, path)
    if disk.based_on:
        disk.under = _with_parents(_shared.beside(path, disk.based_on, "the file that it is based on"), depth + 1)
    return disk


class QcowDisk:
    """A qcow2 file. `based_on`: name of the file under it, '' for none; `under`: that file, opened. Raises DamagedVolume, Complaint."""

    def __init__(self, file: BlockReader, path: Path) -> None:
        self._file, self._name = BlockCache(file), path.name
        _, version, backing, backing_size, bits, self.size, crypt, self._count, self._top = _HEADER.unpack(exactly(file, 0, 48))
        more = exactly(file, 72, 33) if version >= 3 else bytes(33)
        features = int.from_bytes(more[:8], "big")
        self._zstd = bool(features & _PACKING) and more[32] == 1
        _refuse(path, version, crypt, features)
        if not 9 <= bits <= 21 or self._count > 4 << 20 or backing_size > 1023 or self._top % 512:
            raise DamagedVolume(f"{path.name}: the header of qcow2 has impossible sizes")
        self._bits, self._cluster = bits, 1 << bits
        self.based_on = exactly(file, backing, backing_size).decode("utf-8", "surrogateescape") if backing and backing_size else ""
        self.under: BlockReader | None = None
        self._tables: OrderedDict[int, bytes] = OrderedDict()
        self._unpacked: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises OSError."""
        length = max(min(length, self.size - offset), 0)
        pieces = []
        while length > 0:
            within = offset % self._cluster
            n = min(length, self._cluster - within)
            pieces.append(self._piece(offset, within, n))
            offset, length = offset + n, length - n
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, offset: int, within: int, n: int) -> bytes:
        """Return bytes of one cluster."""
        entry = self._entry(offset >> self._bits)
        if entry & _COMPRESSED:
            return self._cluster_of(entry)[within : within + n]
        place = entry & _OFFSET
        if entry & _ZERO or (not place and self.under is None):
            return bytes(n)
        if place:
            return exactly(self._file, place + within, n)
        assert self.under is not None
        data = self.under.read_at(offset, n) if offset < self.under.size else b""
        return data + bytes(n - len(data))

    def _entry(self, number: int) -> int:
        """Return the entry of a cluster in its table of the second level; 0 where there is no table."""
        per_table = self._cluster // 8
        first, second = divmod(number, per_table)
        if first >= self._count:
            return 0
        place = int.from_bytes(exactly(self._file, self._top + first * 8, 8), "big") & _OFFSET
        if not place:
            return 0
        table = self._tables.get(place)
        if table is None:
            table = exactly(self._file, place, self._cluster)
            _keep(self._tables, place, table, _KEPT)
        self._tables.move_to_end(place)
        return int.from_bytes(table[second * 8 : second * 8 + 8], "big")

    def _cluster_of(self, entry: int) -> bytes:
        """Return a compressed cluster, unpacked."""
        bits = 62 - (self._bits - 8)
        place, sectors = entry & ((1 << bits) - 1), (entry & (_COMPRESSED - 1)) >> bits
        known = self._unpacked.get(place)
        if known is not None:
            return known
        packed = self._file.read_at(place, (sectors + 1) * 512 - place % 512)
        try:
            data = _zstd(packed, self._cluster) if self._zstd else zlib.decompressobj(-15).decompress(packed, self._cluster)
        except (zlib.error, ValueError) as e:
            raise DamagedVolume(f"{self._name}: a compressed cluster at {place:,} is damaged: {e}") from e
        if len(data) < self._cluster:
            raise DamagedVolume(f"{self._name}: a compressed cluster at {place:,} ends too early")
        _keep(self._unpacked, place, data, max((2 << 20) // self._cluster, 2))
        return data

    def close(self) -> None:
        """Close the file and those under it."""
        self._file.close()
        if self.under is not None:
            self.under.close()


def _refuse(path: Path, version: int, crypt: int, features: int) -> None:
    how = "Convert it (qemu-img convert -O raw) and give the result."
    if version not in (2, 3):
        raise Complaint(f"{path} is qcow of version {version}, which SCOUT does not read.", how, WRONG_USE)
    if crypt:
        raise Complaint(f"{path} is encrypted by qcow2 itself: it was not read.", how, WRONG_USE)
    if features & _EXTERNAL:
        raise Complaint(f"{path} has its data in another file.", "Give that file: it is a raw image.", WRONG_USE)
    if features & (_LONG | ~0x1F):
        raise Complaint(f"{path} has a feature of qcow2 that SCOUT does not read (incompatible {features:#x}).", how, WRONG_USE)


def _zstd(packed: bytes, size: int) -> bytes:
    import zstandard

    try:
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed, read_size=1 << 16).read(size)
    except zstandard.ZstdError as e:
        raise ValueError(str(e)) from e


def _keep(kept: OrderedDict[int, bytes], place: int, data: bytes, most: int) -> None:
    while len(kept) >= most:
        kept.popitem(last=False)
    kept[place] = data
