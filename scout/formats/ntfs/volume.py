"""An NTFS volume by numbers of file records: records, content of attributes, entries of folders. Names and paths are left to the source.

Sources: the documentation of the Linux-NTFS project (attribute list, $INDEX_ROOT, $INDEX_ALLOCATION), Microsoft `FILE_NAME`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from scout.blocks import BlockCache, BlockReader, DamagedVolume, exactly
from scout.formats.ntfs import records
from scout.formats.ntfs.records import STRIDE, NtfsAttribute, NtfsGeometry, NtfsRecord, attribute_list, geometry, repaired
from scout.formats.ntfs.runs import CompressedContent, NtfsContent, runs
from scout.formats.runs import ClusterRun, ResidentContent, RunContent

ROOT = 5
"""number of the top folder's record"""
MAX_LIST = 1 << 20
"""bytes of an attribute list; Windows writes at most 256 KiB"""
KEPT_RECORDS = 512
MAX_SPOILED = 1_000
"""damaged blocks after which the rest of an index is not read"""
_BITMAP = 4_096
"""bytes of the bitmap of an index that are read at once"""
MAX_LEVELS = 32
"""levels of an index that a look-up descends"""
_UPCASE = 10
_MIRRORED = 4
"""records that $MFTMirr repeats"""
_ENTRY = struct.Struct("<QHHHxx")
_DOS = 2
_FOLDER, _LINK = 0x1000_0000, 0x400


class NtfsEntry(NamedTuple):
    """A name in a folder: the record that it names, with the sequence number that this record should have."""

    name: str
    record: int
    sequence: int
    folder: bool
    reparse: bool


class NtfsVolume:
    """An NTFS volume. `notes` are sentences about what was damaged and repaired at the start. Raises DamagedVolume, OSError."""

    def __init__(self, blocks: BlockReader) -> None:
        self._blocks = BlockCache(blocks)
        self.notes: list[str] = []
        self.geometry = self._geometry()
        self._kept: OrderedDict[int, NtfsRecord] = OrderedDict()
        self._upper: array[int] | None = None
        self._mft: NtfsContent = ResidentContent(b"")
        self._mft = self._bootstrap()

    def close(self) -> None:
        """Close the reader under it."""
        self._blocks.close()

    def forget(self) -> None:
        """Release what is only cached."""
        self._kept.clear()
        self._blocks.forget()

    def _geometry(self) -> NtfsGeometry:
        try:
            return geometry(self._blocks.read_at(0, 512))
        except DamagedVolume:
            last = self._blocks.size // 512 * 512 - 512
            found = geometry(exactly(self._blocks, max(last, 0), 512))
        self.notes.append("the boot sector is damaged: its copy at the end of the volume was used")
        return found

    def _bootstrap(self) -> NtfsContent:
        """Return the content of $MFT, which may itself be continued in records that only its first runs lead to."""
        size = self.geometry.record
        try:
            first = records.record(exactly(self._blocks, self.geometry.mft, size), 0)
        except DamagedVolume as e:
            first = records.record(exactly(self._blocks, self.geometry.mirror, size), 0)
            self.notes.append(f"{e}: its copy in $MFTMirr was used")
        own = next((one for one in first.attributes if one.type == records.DATA and not one.name), None)
        if own is None or own.resident is not None or own.unit:
            raise DamagedVolume("the record of $MFT has no content in clusters")
        self._mft = self._in_clusters([own], own, "$MFT")
        return self.content(first, records.DATA, "")

    @property
    def count(self) -> int:
        """Number of file records."""
        return self._mft.size // self.geometry.record

    # records

    def record(self, number: int) -> NtfsRecord:
        """Return a file record, in use or not. Raises DamagedVolume."""
        known = self._kept.get(number)
        if known is not None:
            self._kept.move_to_end(number)
            return known
        if not 0 <= number < self.count:
            raise DamagedVolume(f"file record {number:,} is beyond the end of $MFT ({self.count:,} records)")
        found = self._read(number)
        while len(self._kept) >= KEPT_RECORDS:
            self._kept.popitem(last=False)
        self._kept[number] = found
        return found

    def _read(self, number: int) -> NtfsRecord:
        size = self.geometry.record
        data = self._mft.read_at(number * size, size)
        try:
            return records.record(data, number)
        except DamagedVolume as e:
            if number >= _MIRRORED:
                raise
            found = records.record(exactly(self._blocks, self.geometry.mirror + number * size, size), number)
            self.notes.append(f"{e}: its copy in $MFTMirr was used")
            return found

    def attributes(self, record: NtfsRecord) -> Iterator[NtfsAttribute]:
        """Yield all attributes of a base record, those in its other records too. Raises DamagedVolume."""
        yield from record.attributes
        listed = next((one for one in record.attributes if one.type == records.LIST), None)
        if listed is None:
            return
        what = f"the attribute list of file record {record.number:,}"
        content = self._content([listed], what)
        if content.size > MAX_LIST:
            raise DamagedVolume(f"{what} has {content.size:,} bytes")
        entries = attribute_list(content.read_at(0, content.size), record.number)
        for number in dict.fromkeys(one.record for one in entries if one.record != record.number):
            other = self.record(number)
            if other.base != record.number or not other.used:
                raise DamagedVolume(f"file record {number:,} does not continue file record {record.number:,}")
            yield from other.attributes

    def content(self, record: NtfsRecord, kind: int, name: str) -> NtfsContent:
        """Return the content of an attribute. Raises FileNotFoundError where there is none, DamagedVolume."""
        pieces = [one for one in self.attributes(record) if one.type == kind and one.name == name]
        if not pieces:
            raise FileNotFoundError(2, "the file has no such stream", name)
        return self._content(pieces, f"file record {record.number:,}")

    def _content(self, pieces: list[NtfsAttribute], what: str) -> NtfsContent:
        pieces.sort(key=lambda one: one.first)
        first = pieces[0]
        if first.resident is not None:
            return ResidentContent(first.resident)
        if first.first:
            raise DamagedVolume(f"{what}: the beginning of its list of clusters is missing")
        return self._in_clusters(pieces, first, what)

    def _in_clusters(self, pieces: list[NtfsAttribute], first: NtfsAttribute, what: str) -> NtfsContent:
        found: list[ClusterRun] = []
        for piece in pieces:
            for run in runs(piece.runs, piece.first, what):
                if found and run.first < found[-1].first + found[-1].length:
                    raise DamagedVolume(f"{what}: its clusters overlap")
                found.append(run)
        common = (self._blocks, self.geometry.cluster, found, first.size, first.valid, what)
        return CompressedContent(*common, unit=first.unit) if first.unit else RunContent(*common)

    # folders

    def entries(self, number: int, problem: list[str]) -> Iterator[NtfsEntry]:
        """Yield the entries of a folder, unordered, without the DOS names of others. Damage of a part goes to `problem`; DamagedVolume
        where nothing can be read.

        Only blocks in use are read, as far as they are in use: entries of deleted files remain behind that.
        """
        record = self.record(number)
        top = self.content(record, records.INDEX_ROOT, "$I30")
        what = f"the index of folder {number:,}"
        data = top.read_at(0, self.geometry.record)
        if len(data) < 32:
            raise DamagedVolume(f"{what} is too short")
        named: set[int] = set()
        dos: list[NtfsEntry] = []
        nodes = [data[16:]]
        for node in self._nodes(record, nodes[0], int.from_bytes(data[8:12], "little"), what, problem):
            for entry, space, _ in _entries(node, what, problem):
                if entry is None:
                    continue
                if space == _DOS:
                    dos.append(entry)
                else:
                    named.add(entry.record)
                    yield entry
        yield from (entry for entry in dos if entry.record not in named)

    def index_size(self, number: int) -> int:
        """Return the bytes of the blocks of a folder's index; 0 where its entries are in its record."""
        try:
            return self.content(self.record(number), records.INDEX, "$I30").size
        except FileNotFoundError:
            return 0

    def find(self, number: int, name: str) -> NtfsEntry | None:
        """Look a name up in the tree of a folder's index, with case. None where it is not at its place."""
        record = self.record(number)
        top = self.content(record, records.INDEX_ROOT, "$I30")
        data = top.read_at(0, self.geometry.record)
        size, node = int.from_bytes(data[8:12], "little"), data[16:]
        key, what = self._key(name), f"the index of folder {number:,}"
        for _ in range(MAX_LEVELS):
            child = -1
            for entry, _, below in _entries(node, what, []):
                own = self._key(entry.name) if entry is not None else None
                if own == key:
                    return entry
                if own is None or own > key:
                    child = below
                    break
            if child < 0 or not 512 <= size <= 65_536:
                return None
            tree = self.content(record, records.INDEX, "$I30")
            at = child * (self.geometry.cluster if self.geometry.cluster <= size else STRIDE)
            node = bytes(repaired(exactly_of(tree, at, size), b"INDX", f"a block of {what}"))[24:]
        return None

    def _key(self, name: str) -> tuple[bytes, bytes]:
        """Return what names are ordered by: capital letters of $UpCase, then the name itself."""
        if self._upper is None:
            self._upper = self._capitals()
        units = array("H", name.encode("utf-16-le", "surrogatepass"))
        if sys.byteorder == "big":
            units.byteswap()
        capitals = array("H", [self._upper[unit] for unit in units])
        units.byteswap()
        capitals.byteswap()
        return capitals.tobytes(), units.tobytes()

    def _capitals(self) -> array[int]:
        try:
            data = self.content(self.record(_UPCASE), records.DATA, "").read_at(0, 1 << 17)
        except OSError:
            data = b""
        found = array("H", data if len(data) == 1 << 17 else b"")
        return found or array("H", [ord(chr(unit).upper()) if len(chr(unit).upper()) == 1 else unit for unit in range(0x10000)])

    def _nodes(self, record: NtfsRecord, root: bytes, size: int, what: str, problem: list[str]) -> Iterator[bytes]:
        yield root
        if not root[12] & 1:
            return
        if not 512 <= size <= 65_536 or size & (size - 1):
            problem.append(f"{what} has blocks of {size:,} bytes: only its first part was read")
            return
        try:
            tree = self.content(record, records.INDEX, "$I30")
            used = self.content(record, records.BITMAP, "$I30")
        except FileNotFoundError:
            problem.append(f"{what} has no blocks though it says so: only its first part was read")
            return
        yield from self._blocks_in_use(tree, used, size, what, problem)

    def _blocks_in_use(self, tree: NtfsContent, used: NtfsContent, size: int, what: str, problem: list[str]) -> Iterator[bytes]:
        count, spoiled = min(tree.size, tree.allocated, self._blocks.size) // size, 0
        if count > 8 * used.size or count < tree.size // size:
            problem.append(f"{what} has fewer blocks, or a shorter bitmap of them, than it claims")
        for start in range(0, count, 8 * _BITMAP):
            bits = used.read_at(start // 8, _BITMAP)
            for number in range(start, min(start + 8 * len(bits), count)) if any(bits) else ():
                if not bits[(number - start) // 8] >> number % 8 & 1:
                    continue
                try:
                    yield bytes(repaired(exactly_of(tree, number * size, size), b"INDX", f"block {number:,} of {what}"))[24:]
                except OSError as e:
                    problem.append(str(e))
                    spoiled += 1
                    if spoiled >= MAX_SPOILED:
                        return


def exactly_of(content: NtfsContent, offset: int, length: int) -> bytes:
    """Return `length` bytes of a content. Raises DamagedVolume where it ends before."""
    data = content.read_at(offset, length)
    if len(data) < length:
        raise DamagedVolume("the content ends too early")
    return data


def _entries(node: bytes, what: str, problem: list[str]) -> Iterator[tuple[NtfsEntry | None, int, int]]:
    """Yield entries, name spaces, and the blocks with smaller names (-1: none) of one node, from its header on; None for its end."""
    if len(node) < 16:
        problem.append(f"{what}: a block is too short")
        return
    at, end = struct.unpack_from("<II", node)
    if end > len(node):
        problem.append(f"{what}: a block claims more than it has")
        end = len(node)
    while at + 16 <= end:
        reference, length, key, flags = _ENTRY.unpack_from(node, at)
        if length < 16 or length % 8 or at + length > end:
            break
        child = int.from_bytes(node[at + length - 8 : at + length], "little") if flags & 1 and length >= 24 else -1
        if flags & 2:
            yield None, 0, child
            return
        if key < 68 or 16 + key > length:
            break
        letters, space = node[at + 80], node[at + 81]
        if 66 + 2 * letters > key or not letters:
            break
        kind, name = struct.unpack_from("<I", node, at + 72)[0], node[at + 82 : at + 82 + 2 * letters]
        text = name.decode("utf-16-le", "surrogatepass")
        entry = NtfsEntry(text, reference & 0xFFFFFFFFFFFF, reference >> 48, bool(kind & _FOLDER), bool(kind & _LINK))
        yield entry, space, child
        at += length
    problem.append(f"{what}: a damaged entry ends a block; names behind it are not known")
