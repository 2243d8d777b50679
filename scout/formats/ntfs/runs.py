"""Read the content of an attribute: runs of clusters, holes, compressed units.

Sources: the documentation of the Linux-NTFS project (data runs, compression), Microsoft [MS-XCA] 2.5 (LZNT1).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from scout.archive import sparse
from scout.formats.ntfs.lznt1 import unpack
from scout.sources.blocks import BlockReader, DamagedVolume, exactly

MAX_CLUSTERS = 1 << 52
"""clusters of one attribute: 16 EiB in clusters of 4 KiB"""
MAX_UNIT = 4 << 20
"""bytes of a compression unit that are decompressed at once; Windows writes 64 KiB"""


class ClusterRun(NamedTuple):
    """`length` clusters of an attribute from `first`; on the volume from `cluster`, -1 for a hole."""

    first: int
    length: int
    cluster: int


class NtfsContent(Protocol):
    """Content of an attribute. `size` in bytes, `allocated` on the volume."""

    @property
    def size(self) -> int: ...
    @property
    def allocated(self) -> int: ...
    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises OSError."""

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data; None where there are no holes."""


def runs(raw: bytes, first: int, what: str) -> list[ClusterRun]:
    """Read a run list that begins with virtual cluster `first`. Raises DamagedVolume."""
    out: list[ClusterRun] = []
    at, cluster = 0, 0
    while at < len(raw) and raw[at]:
        lengths, offsets = raw[at] & 15, raw[at] >> 4
        end = at + 1 + lengths + offsets
        length = int.from_bytes(raw[at + 1 : at + 1 + lengths], "little", signed=True)
        moved = int.from_bytes(raw[at + 1 + lengths : end], "little", signed=True)
        cluster += moved
        if end > len(raw) or not 0 < length <= MAX_CLUSTERS or first + length > MAX_CLUSTERS or (offsets and cluster < 0):
            raise DamagedVolume(f"{what} has a damaged list of clusters")
        out.append(ClusterRun(first, length, cluster if offsets else -1))
        first += length
        at = end
    return out


class ResidentContent:
    """Content within the file record."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size, self.allocated = data, len(data), len(data)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        return self._data[offset : offset + length]

    def extents(self) -> None:
        """Return None: there are no holes."""


class RunContent:
    """Content in clusters. Holes, and what is behind the initialised bytes, read as zeros.

    unit  clusters of a compression unit, 0 where it is not compressed
    """

    def __init__(self, blocks: BlockReader, cluster: int, found: Sequence[ClusterRun], size: int, valid: int, unit: int, what: str) -> None:
        self._blocks, self._cluster, self._runs = blocks, cluster, found
        self.size, self._valid, self._unit, self._what = size, valid, unit, what
        self._starts = [run.first for run in found]
        self.allocated = sum(run.length for run in found if run.cluster >= 0) * cluster
        self._unpacked: tuple[int, bytes] = (-1, b"")
        if unit * cluster > MAX_UNIT:
            raise DamagedVolume(f"{what} has an impossible compression unit")

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises DamagedVolume where clusters are missing or outside."""
        length = max(min(length, self.size - offset), 0)
        real = max(min(length, self._valid - offset), 0)
        data = (self._compressed if self._unit else self._plain)(offset, real)
        return data if real == length else data + bytes(length - real)

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data; None where there are no holes."""
        step, size = self._unit or 1, self._cluster
        holes = []
        for run in self._runs:
            if run.cluster < 0:
                begin, end = -(-run.first // step) * step, (run.first + run.length) // step * step
                if end > begin:
                    holes.append((begin * size, end * size))
        if not holes:
            return None
        data, at = [], 0
        for begin, end in holes:
            data.append((at, begin - at))
            at = end
        data.append((at, self._valid - at))
        kept = sparse.normal([(offset, min(length, self._valid - offset)) for offset, length in data], self.size)
        return None if kept == ((0, self.size),) else kept

    def _plain(self, offset: int, length: int) -> bytes:
        pieces = []
        while length > 0:
            number, within = divmod(offset, self._cluster)
            run = self._run(number)
            n = min(length, (run.first + run.length - number) * self._cluster - within)
            if run.cluster < 0:
                pieces.append(bytes(n))
            else:
                pieces.append(exactly(self._blocks, (run.cluster + number - run.first) * self._cluster + within, n))
            offset, length = offset + n, length - n
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _run(self, number: int) -> ClusterRun:
        at = bisect_right(self._starts, number) - 1
        if at < 0 or number >= self._runs[at].first + self._runs[at].length:
            raise DamagedVolume(f"{self._what}: no clusters are known for byte {number * self._cluster:,}")
        return self._runs[at]

    def _compressed(self, offset: int, length: int) -> bytes:
        size = self._unit * self._cluster
        pieces = []
        while length > 0:
            number, within = divmod(offset, size)
            piece = self._one_unit(number)[within : within + length]
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return b"".join(pieces)

    def _one_unit(self, number: int) -> bytes:
        """Return one unit, unpacked: all clusters on the volume: as it is; none: zeros; some: LZNT1."""
        if self._unpacked[0] == number:
            return self._unpacked[1]
        first, size = number * self._unit, self._unit * self._cluster
        stored, at = [], first
        while at < first + self._unit:
            run = self._run(at)
            n = min(run.first + run.length, first + self._unit) - at
            if run.cluster >= 0:
                stored.append(exactly(self._blocks, (run.cluster + at - run.first) * self._cluster, n * self._cluster))
            at += n
        data = b"".join(stored)
        if len(data) < size:
            data = unpack(data, size, f"{self._what}, unit {number:,}") if data else b""
            data += bytes(size - len(data))
        self._unpacked = (number, data)
        return data
