"""Content in runs of blocks of a volume, with holes: what NTFS and ext have in common."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from scout.archive import sparse
from scout.blocks import BlockReader, DamagedVolume, exactly

TAIL = 1 << 20
"""bytes behind the first `valid` ones from which on they are a hole"""


class ClusterRun(NamedTuple):
    """`length` clusters of an attribute from `first`; on the volume from `cluster`, -1 for a hole."""

    first: int
    length: int
    cluster: int


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
    """Content in clusters. Holes, and what is behind the first `valid` bytes, read as zeros. `step`: clusters that are a hole together."""

    step = 1

    def __init__(self, blocks: BlockReader, cluster: int, found: Sequence[ClusterRun], size: int, valid: int, what: str) -> None:
        self._blocks, self._cluster, self._runs = blocks, cluster, found
        self.size, self._valid, self._what = size, valid, what
        self._starts = [run.first for run in found]
        self.allocated = sum(run.length for run in found if run.cluster >= 0) * cluster

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises DamagedVolume where clusters are missing or outside."""
        length = max(min(length, self.size - offset), 0)
        real = max(min(length, self._valid - offset), 0)
        data = self._data(offset, real)
        return data if real == length else data + bytes(length - real)

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data; None where there are no holes."""
        step, size = self.step, self._cluster
        holes = []
        for run in self._runs:
            if run.cluster < 0:
                begin, end = -(-run.first // step) * step, (run.first + run.length) // step * step
                if end > begin:
                    holes.append((begin * size, end * size))
        if not holes and self.size - self._valid < TAIL:
            return None
        data, at = [], 0
        for begin, end in holes:
            data.append((at, begin - at))
            at = end
        data.append((at, self._valid - at))
        kept = sparse.normal([(offset, min(length, self._valid - offset)) for offset, length in data], self.size)
        return None if kept == ((0, self.size),) else kept

    def _data(self, offset: int, length: int) -> bytes:
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
