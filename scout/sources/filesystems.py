"""Name what a volume contains, by the marks of its format. Sources: the specifications of the formats; blkid(8) lists the same places."""

from __future__ import annotations

from typing import NamedTuple

from scout.blocks import BlockReader

READ = frozenset({"ntfs", "ext"})
"""file systems that have a raw reader"""


class VolumeKind(NamedTuple):
    """`id` for programs, `name` for people, `why` it is not read."""

    id: str
    name: str
    why: str


_NO_READER = "no raw reader: mount it read-only and collect it with --root"
_LOCKED = "encrypted: not read. Unlock it and collect the opened volume, or mount it read-only and use --root"
_CONTAINER = "it contains volumes that are not opened here: activate them, and collect each with --image or --root"
_KINDS = (
    (3, b"-FVE-FS-", "bitlocker", "BitLocker", _LOCKED),
    (0x1A8, bytes.fromhex("3bd6674929 2ed84a8399f6a339e3d001".replace(" ", "")), "bitlocker", "BitLocker To Go", _LOCKED),
    (0, b"LUKS\xba\xbe", "luks", "LUKS", _LOCKED),
    (3, b"NTFS    ", "ntfs", "NTFS", ""),
    (3, b"EXFAT   ", "exfat", "exFAT", _NO_READER),
    (3, b"\0\0\0\0\0ReFS", "refs", "ReFS", _NO_READER),
    (3, b"ReFS\0", "refs", "ReFS", _NO_READER),
    (0, b"XFSB", "xfs", "XFS", _NO_READER),
    (0x10040, b"_BHRfS_M", "btrfs", "btrfs", _NO_READER),
    (512 + 24, b"LVM2 001", "lvm", "LVM physical volume", _CONTAINER),
    (24, b"LVM2 001", "lvm", "LVM physical volume", _CONTAINER),
    (32, b"NXSB", "apfs", "APFS", _NO_READER),
    (1024, b"H+\x00\x04", "hfs+", "HFS+", _NO_READER),
    (1024, b"HX\x00\x05", "hfs+", "HFS+", _NO_READER),
    (1024, b"\x10\x20\xf5\xf2", "f2fs", "F2FS", _NO_READER),
    (0x8001, b"CD001", "iso9660", "ISO 9660", _NO_READER),
    (4086, b"SWAPSPACE2", "swap", "Linux swap", "it contains no files"),
    (4096, b"\xfc\x4e\x2b\xa9", "raid", "Linux RAID member", _CONTAINER),
    (0, b"\xfc\x4e\x2b\xa9", "raid", "Linux RAID member", _CONTAINER),
    (0, b"hsqs", "squashfs", "SquashFS", _NO_READER),
    (0x100000, b"\x0d\xd0\x01\xc0", "vmfs", "VMFS of ESXi", _NO_READER),
    (1024 + 56, b"\x53\xef", "ext", "ext2/3/4", ""),
    (54, b"FAT1", "fat", "FAT", _NO_READER),
    (82, b"FAT32", "fat", "FAT32", _NO_READER),
)
UNKNOWN = VolumeKind("unknown", "unknown", "no known file system: damaged, encrypted as a whole, or of a kind that SCOUT does not know")
EMPTY = VolumeKind("empty", "empty", "its first 64 KiB are zeros")


def identify(blocks: BlockReader) -> VolumeKind:
    """Return what is in a volume. Raises OSError where its beginning cannot be read."""
    head = blocks.read_at(0, 0x10060)
    for at, magic, kind, name, why in _KINDS:
        found = head[at : at + len(magic)] if at + len(magic) <= len(head) else blocks.read_at(at, len(magic)) if at < blocks.size else b""
        if found == magic:
            return VolumeKind(kind, name, why)
    if _ntfs_copy(blocks):
        return VolumeKind("ntfs", "NTFS", "")
    return UNKNOWN if any(head) else EMPTY


def _ntfs_copy(blocks: BlockReader) -> bool:
    """Return whether the last sector is a copy of an NTFS boot sector, where the first is overwritten."""
    last = blocks.size // 512 * 512 - 512
    return last > 0 and blocks.read_at(last, 512)[3:11] == b"NTFS    "
