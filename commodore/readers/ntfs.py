"""Entries of an NTFS master file table, from bytes: header, fixups, names, times, streams.

Times stay 100 ns ticks since 1601 UTC. All reads are bounded by the entry. An impossible value sets `damaged`; the rest is read.
Sources: NTFS documentation of the Linux-NTFS project (R. Russon, Y. Fledel), "FILE record", "Attributes"; [MS-FSCC] 2.6 for the flags.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

IN_USE, DIRECTORY = 1, 2
ROOT = 5
"""entry of the volume's root directory"""
DOS = 2
"""name space of a short name beside a long one"""

_HEADER = Struct("<4sHHQHHHHIIQ")  # signature, fixup offset, count, LSN, sequence, links, attributes, flags, used, allocated, base
_FIXUP = Struct("<HH")  # offset, count
_ATTRIBUTE = Struct("<IIBBHHHIH")  # type, length, non-resident, name length, name offset, flags, id, size and offset of content
_ZERO = bytes(8)
_NAME = Struct("<QQQQQQQIIBB")  # parent, four times, allocated, real size, flags, reparse, length, name space
_TIMES = Struct("<QQQQ")  # created, modified, changed, accessed
_END = b"\xff\xff\xff\xff"
"""The mark behind the last attribute."""
_REFERENCE = (1 << 48) - 1
_LINKS = {0xA0000003: 16, 0xA000000C: 20}
"""Reparse tag of junctions and of symbolic links → where the buffer of names begins."""
_UNIX_LINK = 0xA000001D
"""Reparse tag of a symbolic link of the Linux subsystem: a version, then the target in UTF-8."""
_FLAGS = {
    0x1: "readonly",
    0x2: "hidden",
    0x4: "system",
    0x20: "archive",
    0x40: "device",
    0x100: "temporary",
    0x200: "sparse",
    0x400: "reparse",
    0x800: "compressed",
    0x1000: "offline",
    0x2000: "not-indexed",
    0x4000: "encrypted",
    0x8000: "integrity",
    0x40000: "no-scrub",
    0x80000: "pinned",
    0x100000: "unpinned",
}


class Name(NamedTuple):
    """One $FILE_NAME: the directory's entry and sequence number, times in ticks."""

    parent: int
    parent_sequence: int
    name: str
    space: int
    created: int
    modified: int
    changed: int
    accessed: int


class MftEntry(NamedTuple):
    """One entry. `names` has a short name only where there is no long one.

    base    the entry that this one extends, and the sequence number that it had then; both 0 if it extends none
    times   $STANDARD_INFORMATION: created, modified, changed, accessed; () if it has none
    size    bytes of the unnamed stream, -1 unknown
    """

    sequence: int
    links: int
    flags: int
    base: int
    base_sequence: int
    names: tuple[Name, ...]
    times: tuple[int, ...]
    attributes: int
    size: int
    resident: bool
    streams: tuple[str, ...]
    damaged: bool
    short: str = ""
    """name of 8.3 characters beside a long one"""
    target: str = ""
    """what a junction or symbolic link leads to, as it is written"""
    mark: bytes = b""
    """content of the stream Zone.Identifier, where the entry holds it"""

    @property
    def extends(self) -> bool:
        """Return whether this is an extension entry. Entry 0, the table itself, has extensions too: its sequence number tells."""
        return bool(self.base or self.base_sequence)


@lru_cache(maxsize=4096)
def flag_names(flags: int) -> tuple[str, ...]:
    """Return the names of file attribute flags: `hidden`, `system` …"""
    return tuple(name for bit, name in _FLAGS.items() if flags & bit)


def entry_size(head: bytes) -> int:
    """Return bytes per entry, from the first entry; 1024 where its size is impossible."""
    allocated = int.from_bytes(head[28:32], "little") if head[:4] in (b"FILE", b"BAAD") else 0
    return allocated if allocated in (512, 1024, 2048, 4096) else 1024


def fixed(raw: bytes, used: int) -> tuple[bytes, bool]:
    """Return an entry with the last two bytes of its sectors restored, and whether all fixups matched.

    Sectors behind the `used` bytes are checked, but restored only when they are read.
    """
    offset, count = _FIXUP.unpack_from(raw, 4)
    if offset + 2 * count > len(raw) or count < 2:
        return raw, False
    mark = raw[offset : offset + 2]
    if count == 3 and len(raw) == 1024 and raw[510:512] == mark == raw[1022:1024]:  # as nearly all are
        return raw if used <= 510 else raw[:510] + raw[offset + 2 : offset + 4] + raw[512:1022] + raw[offset + 4 : offset + 6], True
    ends = range(512, min(512 * count, len(raw) + 1), 512)
    sound = True
    for end in ends:
        if raw[end - 2 : end] != mark:
            sound = False
    if used <= 510 and sound:
        return raw, True
    entry = bytearray(raw)
    for i, end in enumerate(ends, 1):
        if raw[end - 2 : end] == mark:
            entry[end - 2 : end] = raw[offset + 2 * i : offset + 2 * i + 2]
    return bytes(entry), sound


def read(raw: bytes, *, beyond: bool = False) -> MftEntry:
    """Return the entry in `raw`, whose signature is FILE or BAAD.

    The driver may shorten the used part of an entry that it frees, within an attribute. Where the end mark is not in the used part, the
    attributes are read to the end of the entry (`beyond`).
    """
    signature, _, _, _, sequence, links, position, flags, used, _, base = _HEADER.unpack_from(raw)
    limit = used if 56 <= used <= len(raw) and not beyond else len(raw)
    data, sound = fixed(raw, limit)
    damaged = not sound or signature != b"FILE"
    names: list[Name] = []
    streams: list[str] = []
    times: tuple[int, ...] = ()
    attributes, size, resident, short, target, mark = 0, -1, False, 0, "", b""
    unpack = _ATTRIBUTE.unpack_from
    while position + 24 <= limit:
        kind, length, far, name_length, name_offset, _, _, content_size, content = unpack(data, position)
        if kind == 0xFFFFFFFF:
            break
        end = position + length
        if length < 24 or end > limit:
            damaged = True
            break
        if kind == 0x30 and not far:
            content += position
            if content + 66 > end:
                damaged = True
            elif data[content + 65] == DOS:
                short = content
            else:
                names.append(_name(data, content, end))
        elif kind == 0x10 and not far:
            content += position
            if content + 36 <= end:
                times = _TIMES.unpack_from(data, content)
                attributes = int.from_bytes(data[content + 32 : content + 36], "little")
            else:
                damaged = True
        elif kind == 0x80:
            first = True
            if far:
                content_size = int.from_bytes(data[position + 48 : position + 56], "little") if length >= 64 else -1
                first = data[position + 16 : position + 24] == _ZERO  # a later piece of a scattered stream repeats no size
            if first and name_length:
                start = position + name_offset
                streams.append(data[start : min(start + 2 * name_length, end)].decode("utf-16-le", "backslashreplace"))
                if not far and streams[-1] == "Zone.Identifier":
                    mark = data[position + content : min(position + content + content_size, end)]
            elif first:
                size, resident = content_size, not far
        elif kind == 0xC0 and not far:
            target = _target(data[position + content : min(position + content + content_size, end)])
        position = end
    if limit < len(raw) and not flags & IN_USE and data[position : position + 4] != _END:
        return read(raw, beyond=True)
    if short and not names:  # a short name counts only without a long one
        names.append(_name(data, short, limit))
        short = 0
    eight = _name(data, short, limit).name if short else ""
    own = (sequence, links, flags, base & _REFERENCE, base >> 48, tuple(names), times, attributes, size, resident, tuple(streams), damaged)
    return MftEntry(*own, eight, target, mark)


def _target(point: bytes) -> str:
    """Return where a link leads, without the prefix of the NT name space; '' for a reparse point of another kind ([MS-FSCC] 2.1.2)."""
    tag = int.from_bytes(point[:4], "little")
    if tag not in _LINKS or len(point) < 16:
        return point[12:].decode("utf-8", "backslashreplace") if tag == _UNIX_LINK else ""
    start, length = int.from_bytes(point[8:10], "little"), int.from_bytes(point[10:12], "little")
    names = point[_LINKS[tag] :]
    return names[start : start + length].decode("utf-16-le", "backslashreplace").removeprefix("\\??\\")


def _name(data: bytes, content: int, end: int) -> Name:
    parent, created, modified, changed, accessed, _, _, _, _, length, space = _NAME.unpack_from(data, content)
    start = content + 66
    stop = start + 2 * length
    text = data[start : stop if stop < end else end].decode("utf-16-le", "backslashreplace")
    return Name(parent & _REFERENCE, parent >> 48, text, space, created, modified, changed, accessed)


def names_entry(reference: int, sequence: int, *, in_use: bool) -> bool:
    """Return whether the sequence number of a reference is that of an entry.

    An entry that is freed counts one up (from 65,535 to 1), so that references to its last life hold the number before.
    """
    return reference == sequence or (not in_use and reference == (sequence - 1 or 0xFFFF))


class Folders:
    """The directories of one table, to build paths from: entry → sequence, in use, name and parent."""

    def __init__(self, volume: str) -> None:
        """`volume` begins every path: `C:`."""
        self._volume = volume
        self._known: dict[int, tuple[int, bool, str, int, int]] = {}
        self._paths: dict[int, tuple[str, bool]] = {}
        self._asked: dict[tuple[int, int], tuple[str, bool]] = {}

    def add(self, number: int, entry: MftEntry, names: tuple[Name, ...]) -> None:
        """Remember a directory."""
        if names:
            name = long_names(names)[0]
            self._known[number] = (entry.sequence, bool(entry.flags & IN_USE), name.name, name.parent, name.parent_sequence)

    def folder(self, number: int, sequence: int) -> tuple[str, bool]:
        r"""(`C:\dir`, True) for a directory by entry and sequence number, or (`?\dir`, False) where one on the way is gone."""
        known = self._asked.get((number, sequence))
        if known is None:
            known = self._asked[number, sequence] = self._folder(number, sequence)
        return known

    def _folder(self, number: int, sequence: int) -> tuple[str, bool]:
        chain: list[tuple[int, str]] = []
        seen: set[int] = set()
        path, whole = "?", False
        while number not in seen:
            known = self._known.get(number)
            if number == ROOT and (known is None or names_entry(sequence, known[0], in_use=known[1])):
                path, whole = self._volume, True
                break
            if known is None or not names_entry(sequence, known[0], in_use=known[1]):
                break
            if number in self._paths:
                path, whole = self._paths[number]
                break
            seen.add(number)
            chain.append((number, known[2]))
            number, sequence = known[3], known[4]
        for step, name in reversed(chain):
            path = f"{path}\\{name}"
            if len(path) > 33_000:  # longer than any path that Windows can open: names that a forger chained
                path, whole = "?", False
            self._paths[step] = path, whole
        return path, whole


def long_names(names: tuple[Name, ...]) -> list[Name]:
    """Return the names, without short names that have a long one."""
    if len(names) == 1:
        return list(names)
    return [name for name in names if name.space != DOS] or list(names)
