"""An ext2, ext3 or ext4 volume by inode numbers: inodes, content, entries of folders, extended attributes.

Source: the kernel's documentation, "ext4 Data Structures and Algorithms" (block groups, extent tree, direct and indirect blocks).
"""

from __future__ import annotations

import stat
import struct
from collections import OrderedDict
from collections.abc import Iterator

from scout.blocks import BlockCache, BlockReader, DamagedVolume, exactly
from scout.formats.ext import layout
from scout.formats.ext.layout import ExtInode
from scout.formats.runs import ClusterRun, ResidentContent, RunContent

ROOT = 2
"""inode of the top folder"""
MAX_RUNS = 300_000
"""runs of one file"""
MAX_NODES = 300_000
"""blocks of pointers of one file"""
KEPT_INODES = 1024
_LEVELS = 6
Content = ResidentContent | RunContent


class ExtVolume:
    """An ext2, ext3 or ext4 volume. `notes`: sentences about its state. Raises DamagedVolume, OSError."""

    def __init__(self, blocks: BlockReader) -> None:
        self._blocks = BlockCache(blocks)
        self.geometry = layout.geometry(exactly(self._blocks, 1024, 1024))
        self.notes: list[str] = []
        if self.geometry.incompatible & layout.RECOVER:
            self.notes.append("it was not unmounted: the last changes are in its journal, which is not replayed")
        self._kept: OrderedDict[int, ExtInode] = OrderedDict()

    def close(self) -> None:
        """Close the reader under it."""
        self._blocks.close()

    def forget(self) -> None:
        """Release what is only cached."""
        self._kept.clear()
        self._blocks.forget()

    # inodes

    def inode(self, number: int) -> ExtInode:
        """Return an inode, in use or not. Raises DamagedVolume."""
        known = self._kept.get(number)
        if known is not None:
            self._kept.move_to_end(number)
            return known
        of = self.geometry
        if not 0 < number <= of.inodes:
            raise DamagedVolume(f"inode {number:,} does not exist: the volume has {of.inodes:,}")
        group, index = divmod(number - 1, of.inodes_per_group)
        table = self._table(group)
        found = layout.inode(exactly(self._blocks, table * of.block + index * of.inode, of.inode), number)
        while len(self._kept) >= KEPT_INODES:
            self._kept.popitem(last=False)
        self._kept[number] = found
        return found

    def _table(self, group: int) -> int:
        """Return the block where the inodes of a group begin."""
        of = self.geometry
        per_block = of.block // of.descriptor
        meta, within = divmod(group, per_block)
        if of.incompatible & layout.META_BG and meta >= of.first_meta:
            first = meta * per_block
            block = of.first + first * of.per_group + self._has_super(first)
        else:
            block = of.first + 1 + meta
        data = exactly(self._blocks, block * of.block + within * of.descriptor, of.descriptor)
        low = int(struct.unpack_from("<I", data, 8)[0])
        high = int(struct.unpack_from("<I", data, 40)[0]) if of.incompatible & layout.WIDE and of.descriptor >= 64 else 0
        return low | high << 32

    def _has_super(self, group: int) -> bool:
        if group < 2 or not self.geometry.sparse:
            return True
        for base in (3, 5, 7):
            power = base
            while power < group:
                power *= base
            if power == group:
                return True
        return False

    # content

    def content(self, inode: ExtInode) -> Content:
        """Return the content of a file, a folder, or a long symbolic link. Raises DamagedVolume."""
        if inode.flags & layout.INLINE:
            rest = next((value for name, value in self._raw_xattrs(inode) if name == "system.data"), b"")
            return ResidentContent((inode.area + rest)[: inode.size])
        what = f"inode {inode.number:,}"
        mapped = inode.flags & layout.EXTENTS
        found = list(self._extents(inode.area, what, _LEVELS, [0])) if mapped else self._pointed(inode, what)
        size = self.geometry.block
        blocks = -(-inode.size // size)
        return RunContent(self._blocks, size, _filled(found, blocks, what), inode.size, inode.size, what)

    def _extents(self, node: bytes, what: str, depth: int, seen: list[int]) -> Iterator[ClusterRun]:
        """Yield the runs of an extent tree. Blocks that are reserved but not written read as zeros, as holes do."""
        magic, count, _, level = struct.unpack_from("<HHHH", node)
        seen[0] += 1
        if magic != 0xF30A or 12 + 12 * count > len(node) or level >= depth or seen[0] > MAX_NODES:
            raise DamagedVolume(f"{what} has a damaged tree of extents")
        for at in range(12, 12 + 12 * count, 12):
            if level == 0:
                first, length, high, low = struct.unpack_from("<IHHI", node, at)
                written = length <= 32_768
                yield ClusterRun(first, length if written else length - 32_768, (low | high << 32) if written else -1)
                continue
            _, low, high = struct.unpack_from("<IIH", node, at)
            yield from self._extents(self._block(low | high << 32), what, level, seen)

    def _pointed(self, inode: ExtInode, what: str) -> list[ClusterRun]:
        """Return the runs of a file with direct and indirect blocks."""
        out: list[ClusterRun] = []
        end = -(-inode.size // self.geometry.block)
        budget = [MAX_NODES]

        def add(first: int, pointers: tuple[int, ...]) -> None:
            for number, block in enumerate(pointers[: end - first], first):
                last = out[-1] if out else None
                if not block:
                    continue
                if last and last.first + last.length == number and last.cluster + last.length == block:
                    out[-1] = last._replace(length=last.length + 1)
                elif len(out) >= MAX_RUNS:
                    raise DamagedVolume(f"{what} has more than {MAX_RUNS:,} pieces")
                else:
                    out.append(ClusterRun(number, 1, block))

        def descend(block: int, first: int, level: int) -> None:
            if not block or first >= end:
                return
            budget[0] -= 1
            if budget[0] < 0:
                raise DamagedVolume(f"{what} has more than {MAX_NODES:,} blocks of pointers")
            pointers = struct.unpack(f"<{self.geometry.block // 4}I", self._block(block))
            if level == 1:
                add(first, pointers)
                return
            span = (self.geometry.block // 4) ** (level - 1)
            for number, pointer in enumerate(pointers):
                descend(pointer, first + number * span, level - 1)

        top = struct.unpack("<15I", inode.area)
        add(0, top[:12])
        first = 12
        for level in (1, 2, 3):
            descend(top[11 + level], first, level)
            first += (self.geometry.block // 4) ** level
        return out

    def _block(self, number: int) -> bytes:
        return exactly(self._blocks, number * self.geometry.block, self.geometry.block)

    # folders, links, attributes

    def entries(self, number: int, problem: list[str]) -> Iterator[tuple[bytes, int, int]]:
        """Yield (name, inode, type) of the entries of a folder, `.` and `..` too. Damage of a part goes to `problem`; DamagedVolume."""
        inode = self.inode(number)
        what = f"folder {number:,}"
        if inode.flags & layout.INLINE:
            data = self.content(inode).read_at(0, inode.size)
            yield from layout.names(data[4:60], what, problem)
            yield from layout.names(data[60:], what, problem)
            return
        content, size = self.content(inode), self.geometry.block
        if isinstance(content, RunContent) and content.size > content.allocated:
            problem.append(f"{what} claims {content.size:,} bytes and has {content.allocated:,}")
        for at in range(0, min(content.size, content.allocated), size):
            try:
                block = content.read_at(at, size)
            except OSError as e:
                problem.append(str(e))
                return
            yield from layout.names(block, what, problem)

    def link(self, inode: ExtInode) -> bytes:
        """Return the text of a symbolic link, of at most a block."""
        if not inode.flags & (layout.EXTENTS | layout.INLINE) and inode.size < 60:
            return inode.area[: inode.size]
        return self.content(inode).read_at(0, min(inode.size, 4096))

    def xattrs(self, inode: ExtInode) -> Iterator[tuple[str, bytes]]:
        """Yield names and values of the extended attributes that programs see."""
        for name, value in self._raw_xattrs(inode):
            if name != "system.data":
                yield name, value

    def _raw_xattrs(self, inode: ExtInode) -> Iterator[tuple[str, bytes]]:
        yield from layout.inner_xattrs(inode.tail)
        if inode.attributes and stat.S_IFMT(inode.mode):
            yield from layout.block_xattrs(self._block(inode.attributes))


def _filled(found: list[ClusterRun], blocks: int, what: str) -> list[ClusterRun]:
    """Return the runs in order with the holes between them, up to `blocks`."""
    out: list[ClusterRun] = []
    at = 0
    if len(found) > MAX_RUNS:
        raise DamagedVolume(f"{what} has more than {MAX_RUNS:,} pieces")
    for run in sorted(found):
        if run.first < at:
            raise DamagedVolume(f"{what}: its blocks overlap")
        if run.first > at:
            out.append(ClusterRun(at, run.first - at, -1))
        out.append(run)
        at = run.first + run.length
    if at < blocks:
        out.append(ClusterRun(at, blocks - at, -1))
    return out
