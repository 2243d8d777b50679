r"""Take the sectors of disks that no file system has: where the first code is, partition tables, what lies between them and the first
partition, the beginning of each partition.

A member is `files/disk1/sectors/0-1048575.bin`, its source `\\.\PhysicalDrive0:0+1048576`: the disk, the first byte and the number of
bytes.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from scout.archive.custody import WantedItem
from scout.blocks import BlockReader, exactly
from scout.collecting.examined import ExaminedHost
from scout.collecting.taking import ItemTaker
from scout.collecting.walk import explain, verdict_of
from scout.sources.partitions import partitions
from scout.sources.rawfile import RawFile, raw_status
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget

FIRST = 1 << 20
"""bytes from the beginning of a disk: table, boot loader, the gap before the first partition"""
LAST = 32 << 10
"""bytes of its end: the copy of the table (GPT)"""
BOOT = 16 << 10
"""bytes from the beginning of a partition"""
SECONDS = 30.0
"""time that a disk may take for an answer"""
Opener = Callable[[], BlockReader]


class _Sectors:
    """A part of a disk, read already: a disk that hangs must hang where its time is bounded."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        return self._data[offset : offset + length]

    def extents(self) -> None:
        """Return None: no part of a disk is a hole."""


def take(host: ExaminedHost, target: CollectionTarget, taker: ItemTaker, stopped: Callable[[], object]) -> None:
    """Take the sectors of each disk of the host. A disk that cannot be read has a line that says why."""
    method = "image" if host.imaged is not None else "raw disk"
    timed = TimedCalls(0 if host.imaged is not None else SECONDS)
    for number, (name, opener) in enumerate(_disks(host), 1):
        if stopped():
            break
        item = WantedItem(source=name, volume=f"disk{number}", target=target.id, type="sectors", method=method, path="sectors")
        try:
            blocks = timed.call(opener)
        except FileNotFoundError:
            continue
        except OSError as e:
            taker.refused(item, verdict_of(e), explain(e))
            continue
        try:
            for at, size in timed.call(lambda blocks=blocks: list(pieces(blocks))):
                data = timed.call(exactly, blocks, at, size)
                place = f"sectors/{at}-{at + size - 1}.bin"
                one = replace(item, source=f"{name}:{at}+{size}", path=place)
                status = raw_status(mode=stat.S_IFREG, ino=0, dev=0, size=size, allocated=size, times=(0, 0, 0))
                taker.running(one, target, RawFile(_Sectors(data), status, {}, method))
        except OSError as e:
            taker.refused(item, verdict_of(e), explain(e))
        finally:
            if host.imaged is None and not timed.given_up:
                blocks.close()  # not under a call that never came back
    timed.close()


def _disks(host: ExaminedHost) -> Iterable[tuple[str, Opener]]:
    if host.imaged is not None:
        return [(str(disk.path), lambda blocks=disk.blocks: blocks) for disk in host.imaged.disks]  # type: ignore[misc]
    if host.system.windows:
        from scout.live.windows import _disks as of_windows

        return of_windows.disks()
    from scout.live.linux import _disks as of_linux

    return of_linux.disks()


def pieces(blocks: BlockReader) -> Iterator[tuple[int, int]]:
    """Yield offset and size of each part of a disk that is taken, none of them twice. Raises OSError."""
    first = min(FIRST, blocks.size)
    if first:
        yield 0, first
    last = blocks.size // 512 * 512 - LAST
    starts = sorted({one.start for one in partitions(blocks).partitions})
    for start in starts:
        if first <= start < last:
            yield start, min(BOOT, last - start)
    if last >= first:
        yield last, blocks.size - last
