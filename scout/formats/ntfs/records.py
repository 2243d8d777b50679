"""Read the boot sector and file records of NTFS.

Every length and offset is checked against the record. Sources: the documentation of the Linux-NTFS project (boot sector, FILE record,
attribute headers, update sequence), Microsoft "Master File Table" and `STANDARD_INFORMATION`, `FILE_NAME`, `ATTRIBUTE_LIST_ENTRY`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from scout.blocks import DamagedVolume

STANDARD, LIST, NAME, DATA, INDEX_ROOT, INDEX, BITMAP, REPARSE = 0x10, 0x20, 0x30, 0x80, 0x90, 0xA0, 0xB0, 0xC0
COMPRESSED, ENCRYPTED, SPARSE = 0x00FF, 0x4000, 0x8000
"""flags of an attribute"""
STRIDE = 512
"""bytes that one number of the update sequence protects"""
_BOOT = struct.Struct("<3s8sHB26xQQQb3xb3xQ")
_HEAD = struct.Struct("<4sHHQHHHHIIQ")
_RESIDENT, _OUTSIDE = struct.Struct("<IH"), struct.Struct("<QQHH4xQQQ")


class NtfsGeometry(NamedTuple):
    """Sizes and places of a volume, in bytes; `serial` is the volume's number."""

    sector: int
    cluster: int
    record: int
    block: int
    size: int
    mft: int
    mirror: int
    serial: int


class NtfsAttribute(NamedTuple):
    """One attribute of a file record. `resident` is its content, None where `runs` say where it is."""

    type: int
    name: str
    flags: int
    id: int
    resident: bytes | None
    first: int = 0
    """virtual cluster with which `runs` begin"""
    runs: bytes = b""
    size: int = 0
    valid: int = 0
    """initialised bytes: what comes behind reads as zeros"""
    unit: int = 0
    """clusters of a compression unit, 0 where it is not compressed"""


class NtfsRecord(NamedTuple):
    """One record of the MFT. `base` is the number of the record that this one continues, 0 where it is a base record."""

    number: int
    sequence: int
    links: int
    used: bool
    folder: bool
    base: int
    attributes: tuple[NtfsAttribute, ...]


def geometry(sector: bytes) -> NtfsGeometry:
    """Read a boot sector (512 bytes). Raises DamagedVolume."""
    if len(sector) < 512 or sector[3:11] != b"NTFS    ":
        raise DamagedVolume("it has no NTFS boot sector")
    _, _, bytes_per_sector, per_cluster, sectors, mft, mirror, record, index, serial = _BOOT.unpack_from(sector)
    clusters = per_cluster if per_cluster <= 0x80 else 1 << 256 - per_cluster if per_cluster >= 0xF0 else 0
    cluster = bytes_per_sector * clusters
    found = NtfsGeometry(
        sector=bytes_per_sector,
        cluster=cluster,
        record=_unit(record, cluster),
        block=_unit(index, cluster),
        size=sectors * bytes_per_sector,
        mft=mft * cluster,
        mirror=mirror * cluster,
        serial=serial,
    )
    sizes = ((found.sector, 256, 4096), (cluster, 256, 2 << 20), (found.record, 512, 65_536), (found.block, 512, 65_536))
    if any(not low <= size <= high or size & (size - 1) for size, low, high in sizes):
        raise DamagedVolume("the boot sector of NTFS has impossible sizes")
    return found


def _unit(number: int, cluster: int) -> int:
    """Return bytes: positive numbers count clusters, negative ones are powers of two."""
    return number * cluster if number > 0 else 1 << -number if -31 < number < 0 else 0


def repaired(data: bytes, magic: bytes, what: str) -> bytearray:
    """Return a record with its update sequence put back. Raises DamagedVolume where a sector was torn or overwritten."""
    if data[:4] != magic:
        raise DamagedVolume(f"{what} does not begin with {magic.decode()}" + (" (marked as bad: BAAD)" if data[:4] == b"BAAD" else ""))
    offset, count = struct.unpack_from("<HH", data, 4)
    if count != len(data) // STRIDE + 1 or offset + 2 * count > STRIDE - 2:
        raise DamagedVolume(f"{what} has an impossible update sequence")
    out = bytearray(data)
    mark = data[offset : offset + 2]
    for number in range(1, count):
        end = number * STRIDE
        if data[end - 2 : end] != mark:
            raise DamagedVolume(f"{what} is torn: the update sequence of its sector {number} differs")
        out[end - 2 : end] = data[offset + 2 * number : offset + 2 * number + 2]
    return out


def record(data: bytes, number: int) -> NtfsRecord:
    """Read one record of the MFT. Raises DamagedVolume."""
    what = f"file record {number:,}"
    whole = bytes(repaired(data, b"FILE", what))
    _, _, _, _, sequence, links, at, flags, used, _, base = _HEAD.unpack_from(whole)
    attributes: list[NtfsAttribute] = []
    end = min(used, len(whole))
    while at + 4 <= end:
        kind, length = struct.unpack_from("<I", whole, at)[0], int.from_bytes(whole[at + 4 : at + 8], "little")
        if kind == 0xFFFFFFFF:
            return NtfsRecord(number, sequence, links, bool(flags & 1), bool(flags & 2), base & 0xFFFFFFFFFFFF, tuple(attributes))
        if length < 24 or length % 8 or at + length > end:
            break
        attributes.append(_attribute(whole[at : at + length], kind, what))
        at += length
    raise DamagedVolume(f"{what} has an attribute that ends outside of it")


def _attribute(data: bytes, kind: int, what: str) -> NtfsAttribute:
    outside, letters, begin, flags, number = data[8], data[9], *struct.unpack_from("<HHH", data, 10)
    if begin + 2 * letters > len(data):
        raise DamagedVolume(f"{what} has a name of an attribute outside of it")
    name = data[begin : begin + 2 * letters].decode("utf-16-le", "surrogatepass") if letters else ""
    if not outside:
        length, at = _RESIDENT.unpack_from(data, 16)
        if at + length > len(data):
            raise DamagedVolume(f"{what} has content of an attribute outside of it")
        return NtfsAttribute(kind, name, flags, number, data[at : at + length])
    if len(data) < 64:
        raise DamagedVolume(f"{what} has an attribute that is too short")
    first, _, runs, unit, _, size, valid = _OUTSIDE.unpack_from(data, 16)
    if runs > len(data) or (first == 0 and (unit > 16 or size >> 63 or valid > size)):
        raise DamagedVolume(f"{what} has an attribute with impossible sizes")
    packed = flags & COMPRESSED and unit
    return NtfsAttribute(kind, name, flags, number, None, first, data[runs:], size, valid, 1 << unit if packed else 0)


class ListEntry(NamedTuple):
    """One line of an attribute list: an attribute and the record that holds it."""

    type: int
    name: str
    first: int
    record: int
    id: int


def attribute_list(data: bytes, number: int) -> list[ListEntry]:
    """Read an attribute list. Raises DamagedVolume."""
    out, at = [], 0
    while at + 26 <= len(data):
        kind, length, letters, begin, first, reference, identity = struct.unpack_from("<IHBBQQH", data, at)
        if length < 26 or at + length > len(data) or begin + 2 * letters > length:
            raise DamagedVolume(f"file record {number:,} has a damaged attribute list")
        name = data[at + begin : at + begin + 2 * letters].decode("utf-16-le", "surrogatepass")
        out.append(ListEntry(kind, name, first, reference & 0xFFFFFFFFFFFF, identity))
        at += length
    return out
