"""Read run lists and compressed content of NTFS.

Sources: the documentation of the Linux-NTFS project (data runs, compression), Microsoft [MS-XCA] 2.5 (LZNT1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scout.blocks import BlockReader, DamagedVolume, exactly
from scout.formats.ntfs.lznt1 import unpack
from scout.formats.runs import ClusterRun, RunContent

MAX_CLUSTERS = 1 << 52
"""clusters of one attribute: 16 EiB in clusters of 4 KiB"""
MAX_UNIT = 4 << 20
"""bytes of a compression unit that are decompressed at once; Windows writes 64 KiB"""


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


class CompressedContent(RunContent):
    """Content in compression units of `unit` clusters."""

    def __init__(
        self, blocks: BlockReader, cluster: int, found: Sequence[ClusterRun], size: int, valid: int, what: str, *, unit: int
    ) -> None:
        super().__init__(blocks, cluster, found, size, valid, what)
        if unit * cluster > MAX_UNIT:
            raise DamagedVolume(f"{what} has an impossible compression unit")
        self.step = self._unit = unit
        self._unpacked: tuple[int, bytes] = (-1, b"")

    def _data(self, offset: int, length: int) -> bytes:
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
