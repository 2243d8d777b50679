"""Read partition tables: MBR with logical partitions, GPT with its copy. What is broken is said, and the rest is read.

Sources: UEFI specification 2.10, chapter 5 (GPT, protective MBR); Microsoft, "Basic Disks" (MBR, extended boot records).
"""

from __future__ import annotations

import struct
import uuid
import zlib
from typing import NamedTuple

from scout.blocks import BlockReader, BlockWindow
from scout.sources.filesystems import identify

MAX_PARTITIONS = 512
MAX_LOGICAL = 128
_EXTENDED = frozenset({0x05, 0x0F, 0x85})
_PROTECTIVE = 0xEE
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_SIZES = (512, 4096)


class DiskPartition(NamedTuple):
    """A partition, in bytes. `id` as Windows stores it in MountedDevices: disk signature and offset (MBR), or the GUID (GPT); else b''."""

    number: int
    start: int
    size: int
    id: bytes = b""
    label: str = ""


class PartitionTable(NamedTuple):
    """`scheme` is MBR, GPT, or none: one volume on the whole disk. `problems` are sentences."""

    scheme: str
    partitions: list[DiskPartition]
    problems: list[str]


def partitions(disk: BlockReader) -> PartitionTable:
    """Return the partitions of a disk. Raises OSError where its first sector cannot be read."""
    if identify(disk).id not in ("unknown", "empty"):
        return PartitionTable("none", [DiskPartition(0, 0, disk.size)], [])
    first = disk.read_at(0, 512)
    entries = _entries(first) if first[510:512] == b"\x55\xaa" else []
    found = _gpt(disk, damaged=any(kind == _PROTECTIVE for kind, _, _ in entries))
    if found is not None:
        return found
    if not entries:
        return PartitionTable("none", [DiskPartition(0, 0, disk.size)], ["no partition table was found: the disk is read as one volume"])
    return _mbr(disk, first, entries)


def _entries(sector: bytes) -> list[tuple[int, int, int]]:
    """Return (type, first sector, sectors) of the four entries that are in use."""
    found = [(sector[at + 4], *struct.unpack_from("<II", sector, at + 8)) for at in range(446, 510, 16)]
    return [(kind, start, count) for kind, start, count in found if kind and count]


def _mbr(disk: BlockReader, first: bytes, entries: list[tuple[int, int, int]]) -> PartitionTable:
    out, problems = list[DiskPartition](), list[str]()
    signature = first[440:444]

    def add(number: int, sector: int, count: int) -> None:
        start, size = sector * 512, count * 512
        if start >= disk.size:
            problems.append(f"partition {number} begins behind the end of the disk: not read")
            return
        if start + size > disk.size:
            problems.append(f"partition {number} ends behind the end of the disk: the image is cut, or the table is damaged")
            size = disk.size - start
        out.append(DiskPartition(number, start, size, signature + struct.pack("<Q", start)))

    extended = [(start, count) for kind, start, count in entries if kind in _EXTENDED]
    for number, (kind, start, count) in enumerate(entries, 1):
        if kind not in _EXTENDED:
            add(number, start, count)
    for start, _ in extended[:1]:
        for number, (sector, count) in enumerate(_logical(disk, start, problems), 5):
            add(number, sector, count)
    return PartitionTable("MBR", out, problems)


def _logical(disk: BlockReader, begin: int, problems: list[str]) -> list[tuple[int, int]]:
    """Follow the chain of extended boot records; each is read once."""
    out: list[tuple[int, int]] = []
    here, seen = begin, set[int]()
    while here not in seen and len(seen) < MAX_LOGICAL:
        seen.add(here)
        sector = disk.read_at(here * 512, 512) if here * 512 < disk.size else b""
        if sector[510:512] != b"\x55\xaa":
            problems.append(f"the extended partition is broken at sector {here:,}: logical partitions behind it are not known")
            return out
        entries = _entries(sector)
        out.extend((here + start, count) for kind, start, count in entries if kind not in _EXTENDED)
        following = [begin + start for kind, start, _ in entries if kind in _EXTENDED]
        if not following:
            return out
        here = following[0]
    problems.append("the extended partition is a circle, or too long: the rest of it was not read")
    return out


def _gpt(disk: BlockReader, *, damaged: bool) -> PartitionTable | None:
    """Return the partitions of a GPT, from its copy where the first is broken. `damaged`: the MBR says that there is one."""
    problems: list[str] = []
    for sector in _SIZES:
        copies = (
            (sector, "the partition table (GPT)"),
            (disk.size // sector * sector - sector, "the copy of the partition table at the end"),
        )
        wrong: list[str] = []
        for at, what in copies:
            found, problem = _table(disk, at, sector)
            if found is not None and not problem:
                return PartitionTable("GPT", found, [*wrong, *problems])
            if found is not None:
                wrong.append(f"{what} is damaged: {problem}")
                problems.append(wrong[-1])
        if wrong:
            best = next(found for at, _ in copies if (found := _table(disk, at, sector)[0]) is not None)
            return PartitionTable("GPT", best, problems)
    if damaged:
        return PartitionTable("GPT", [], ["the disk has a partition table of type GPT, but neither it nor its copy can be read"])
    return None


def _table(disk: BlockReader, at: int, sector: int) -> tuple[list[DiskPartition] | None, str]:
    """Return (partitions, what is wrong) of the table whose header is at an offset; (None, …) where there is none."""
    head = disk.read_at(at, 512) if 0 < at < disk.size else b""
    if len(head) < 512 or head[:8] != b"EFI PART":
        return None, ""
    _, _, length, crc, _, _, _, _, _, _, entries, count, size, entries_crc = _HEADER.unpack_from(head)
    problem = ""
    if not 92 <= length <= 512 or zlib.crc32(head[:16] + bytes(4) + head[20:length]) != crc:
        problem = "the checksum of its header differs"
    if not 128 <= size <= 4096 or size % 8 or not 0 < count <= MAX_PARTITIONS:
        return None, "its header has impossible sizes"
    table = disk.read_at(entries * sector, count * size) if entries * sector < disk.size else b""
    if len(table) < count * size or zlib.crc32(table) != entries_crc:
        problem = problem or "the checksum of its entries differs"
    found = []
    for number in range(len(table) // size):
        entry = table[number * size : (number + 1) * size]
        first, last = struct.unpack_from("<QQ", entry, 32)
        start, end = first * sector, (last + 1) * sector
        if not any(entry[:16]) or first > last or start >= disk.size:
            continue
        if end > disk.size:
            problem = problem or f"partition {number + 1} ends behind the end of the disk"
            end = disk.size
        label = entry[56:128].decode("utf-16-le", "replace").split("\0")[0]
        found.append(DiskPartition(number + 1, start, end - start, entry[16:32], label))
    return found, problem


def window(disk: BlockReader, partition: DiskPartition) -> BlockReader:
    """Return the bytes of a partition."""
    return BlockWindow(disk, partition.start, partition.size)


def guid(raw: bytes) -> str:
    """Return the GUID of a GPT partition as text; '' for anything else."""
    return str(uuid.UUID(bytes_le=raw)) if len(raw) == 16 else ""
