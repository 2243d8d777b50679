"""Read the superblock, inodes and folders' blocks of ext2, ext3, ext4.

Source: the kernel's documentation, "ext4 Data Structures and Algorithms" (super block, inode, directory entries, extended attributes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from scout.blocks import DamagedVolume

META_BG, RECOVER, WIDE = 0x10, 0x4, 0x80
"""incompatible features: descriptors in meta groups, a journal to replay, 64-bit block numbers"""
ENCRYPTED, EXTENTS, INLINE = 0x800, 0x80000, 0x1000_0000
"""flags of an inode"""
_SUPER = struct.Struct("<7I")
_INODE = struct.Struct("<HHIIIIIHHII4x60sIII4xHHHH4x")
_PREFIXES = ("", "user.", "system.posix_acl_access", "system.posix_acl_default", "trusted.", "", "security.", "system.", "system.richacl")
_XATTRS = b"\x00\x00\x02\xea"


class ExtGeometry(NamedTuple):
    """Sizes in bytes, counts, features of a volume."""

    block: int
    blocks: int
    inodes: int
    first: int
    """block of group 0"""
    per_group: int
    inodes_per_group: int
    inode: int
    descriptor: int
    first_meta: int
    incompatible: int
    sparse: bool
    """copies of the super block are in groups 0, 1 and powers of 3, 5, 7 only"""
    uuid: str
    label: str


class ExtInode(NamedTuple):
    """An inode. Times in nanoseconds since 1970; `born` None where the inode is too small for it. `area`: 60 bytes of block pointers."""

    number: int
    mode: int
    uid: int
    gid: int
    size: int
    links: int
    flags: int
    allocated: int
    accessed: int
    modified: int
    changed: int
    born: int | None
    area: bytes
    attributes: int
    """block with extended attributes, 0 for none"""
    tail: bytes
    """extended attributes within the inode"""


def geometry(data: bytes) -> ExtGeometry:
    """Read a super block (1,024 bytes). Raises DamagedVolume."""
    if len(data) < 1024 or data[56:58] != b"\x53\xef":
        raise DamagedVolume("it has no super block of ext2, ext3 or ext4")
    inodes, blocks, _, _, _, first, log = _SUPER.unpack_from(data)
    per_group, inodes_per_group = struct.unpack_from("<I4xI", data, 32)
    revision, inode_size = struct.unpack_from("<I", data, 76)[0], struct.unpack_from("<H", data, 88)[0]
    incompatible, read_only = struct.unpack_from("<II", data, 96)
    wide = bool(incompatible & WIDE)
    block = 1024 << log if log <= 6 else 0
    size = inode_size if revision else 128
    descriptor = struct.unpack_from("<H", data, 254)[0] if wide else 32
    good = 0 < per_group <= 8 * 65_536 * 64 and 0 < inodes_per_group <= 8 * block and inodes > 0
    if not block or not good or not 128 <= size <= block or size & (size - 1) or not 32 <= descriptor <= 1024:
        raise DamagedVolume("the super block has impossible sizes")
    raw = data[104:120].hex()
    return ExtGeometry(
        block=block,
        blocks=blocks + (struct.unpack_from("<I", data, 0x150)[0] << 32 if wide else 0),
        inodes=inodes,
        first=first,
        per_group=per_group,
        inodes_per_group=inodes_per_group,
        inode=size,
        descriptor=descriptor,
        first_meta=struct.unpack_from("<I", data, 0x104)[0],
        incompatible=incompatible,
        sparse=bool(read_only & 1),
        uuid=f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}",
        label=data[120:136].split(b"\0")[0].decode("utf-8", "replace"),
    )


def inode(data: bytes, number: int) -> ExtInode:
    """Read an inode."""
    mode, uid, size, accessed, changed, modified, _, gid, links, blocks, flags, area, _, acl, high, _, acl_high, uid_high, gid_high = (
        _INODE.unpack_from(data)
    )
    extra = int.from_bytes(data[128:130], "little") if len(data) >= 160 else 0
    more = struct.unpack_from("<IIIII", data, 132) if extra >= 24 else (0, 0, 0, 0, 0)
    return ExtInode(
        number=number,
        mode=mode,
        uid=uid | uid_high << 16,
        gid=gid | gid_high << 16,
        size=size | high << 32,
        links=links,
        flags=flags,
        allocated=blocks * 512,
        accessed=_time(accessed, more[2]),
        modified=_time(modified, more[1]),
        changed=_time(changed, more[0]),
        born=_time(more[3], more[4]) if extra >= 24 else None,
        area=area,
        attributes=acl | acl_high << 32,
        tail=data[128 + extra :] if 4 <= extra <= len(data) - 128 else b"",
    )


def _time(seconds: int, extra: int) -> int:
    """Return nanoseconds since 1970: 32 signed bits, two more above them, and the fraction."""
    signed = seconds - (1 << 32) if seconds >= 1 << 31 else seconds
    return (signed + ((extra & 3) << 32)) * 1_000_000_000 + (extra >> 2)


def names(block: bytes, what: str, problem: list[str]) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, inode, type) of the entries of one block of a folder; type 0 where it is unknown. Deleted entries are skipped."""
    at = 0
    while at + 8 <= len(block):
        number, length, letters, kind = struct.unpack_from("<IHBB", block, at)
        length = length or 65_536
        if length < 8 or length % 4 or at + length > len(block) or (number and 8 + letters > length):
            problem.append(f"{what}: a damaged entry ends a block; names behind it are not known")
            return
        if number and letters and kind != 0xDE:
            yield block[at + 8 : at + 8 + letters], number, kind
        at += length


def xattrs(data: bytes, start: int, origin: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and values of extended attributes whose entries begin at `start`; values are counted from `origin`."""
    at = start
    while at + 16 <= len(data):
        letters, prefix, offset, outside, size, _ = struct.unpack_from("<BBHIII", data, at)
        if not letters and not prefix and not offset:
            return
        name = data[at + 16 : at + 16 + letters].decode("utf-8", "surrogateescape")
        value = data[origin + offset : origin + offset + size]
        if prefix < len(_PREFIXES) and not outside and len(value) == size:
            yield _PREFIXES[prefix] + name, _acl(value) if prefix in (2, 3) else value
        at += -(-(16 + letters) // 4) * 4


def inner_xattrs(tail: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the extended attributes within an inode."""
    return xattrs(tail, 4, 4) if tail[:4] == _XATTRS else iter(())


def block_xattrs(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the extended attributes of a block of them."""
    return xattrs(block, 32, 0) if block[:4] == _XATTRS else iter(())


def _acl(value: bytes) -> bytes:
    """Return an access list in the form in which the kernel gives it to programs (posix_acl_xattr.h)."""
    if value[:4] != b"\x01\0\0\0":
        return value
    out, at = [b"\x02\0\0\0"], 4
    while at + 4 <= len(value):
        tag, rights = struct.unpack_from("<HH", value, at)
        named = tag in (2, 8) and at + 8 <= len(value)
        out.append(struct.pack("<HHI", tag, rights, struct.unpack_from("<I", value, at + 4)[0] if named else 0xFFFFFFFF))
        at += 8 if named else 4
    return b"".join(out)
