"""$MFT: the files and directories that the volume has or had, from its master file table.

The table is read as one: a path is right only when all directories are known, and they lie anywhere in it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence, Group
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers import ntfs
from commodore.readers.ntfs import Folders, MftEntry, Name
from scout.formats.regf.data import filetime

ARTEFACT = Artefact(
    name="mft",
    title="$MFT",
    about="One record per entry of the master file table: path, size, streams, where a link leads, where a "
    "browser says that the file came from, the four times of $STANDARD_INFORMATION, which programs can "
    "set, and the four of $FILE_NAME, which only the system sets. The entry of a deleted file remains until it is used again.",
    match=("$MFT", "**/$MFT"),
    magic=((0, b"FILE0\x00"), (0, b"FILE*\x00"), (0, b"BAAD0\x00")),
    targets=("WN01",),
    group=Group({"mirror": "$MFTMirr"}, main="$MFT"),
    fields=(
        "file.name",
        "file.path",
        "file.directory",
        "file.extension",
        "file.size",
        "file.type",
        "file.inode",
        "file.attributes",
        "file.target_path",
        "file.origin_url",
        "file.origin_referrer_url",
        "file.created",
        "file.mtime",
        "file.ctime",
        "file.accessed",
        "escadre.mft.sequence",
        "escadre.mft.parent_entry",
        "escadre.mft.parent_sequence",
        "escadre.mft.base_entry",
        "escadre.mft.base_sequence",
        "escadre.mft.links",
        "escadre.mft.paths",
        "escadre.mft.path_orphan",
        "escadre.mft.resident",
        "escadre.mft.streams",
        "escadre.mft.short_name",
        "escadre.settings",
        "escadre.mft.damaged",
        "escadre.mft.fn_created",
        "escadre.mft.fn_modified",
        "escadre.mft.fn_changed",
        "escadre.mft.fn_accessed",
    ),
    times={
        "@timestamp": "birth by $STANDARD_INFORMATION, else by $FILE_NAME",
        "file.created": "$STANDARD_INFORMATION, birth: any program may set it",
        "file.mtime": "$STANDARD_INFORMATION, change of the content: any program may set it",
        "file.ctime": "$STANDARD_INFORMATION, change of the entry",
        "file.accessed": "$STANDARD_INFORMATION, access; often switched off or an hour late",
        "escadre.mft.fn_created": "$FILE_NAME, birth: set when the name was made, moved or renamed",
        "escadre.mft.fn_modified": "$FILE_NAME, change of the content as it was when the name was made",
        "escadre.mft.fn_changed": "$FILE_NAME, change of the entry as it was when the name was made",
        "escadre.mft.fn_accessed": "$FILE_NAME, access as it was when the name was made",
    },
    kind="state",
    category=("file",),
    type=("info",),
    action="file-observed",
    message="MFT entry {file.inode} [is {file.path!q}|extends entry {escadre.mft.base_entry} "
    "(sequence {escadre.mft.base_sequence})|has no name].",
    version=4,
    sources=("NTFS documentation of the Linux-NTFS project, R. Russon and Y. Fledel", "[MS-FSCC] File System Control Codes, section 2.6"),
)

_BLOCK = 1 << 20
_NO_BASE = bytes(8)
_MOST = (1 << 63) - 1
_SIGNATURES = (b"FILE", b"BAAD")
_SI = ("file.created", "file.mtime", "file.ctime", "file.accessed")
_FN = ("escadre.mft.fn_created", "escadre.mft.fn_modified", "escadre.mft.fn_changed", "escadre.mft.fn_accessed")
_SETTING = re.compile(r"^(\w+)=(.*?)\r?$", re.MULTILINE)
_MARK = {"HostUrl": "file.origin_url", "ReferrerUrl": "file.origin_referrer_url"}
"""Settings of a stream Zone.Identifier, which browsers and mail programs write to what comes from elsewhere ([MS-FSCC] 5.6.1)."""
_MOST_EXTENSIONS = 100_000
"""Most extension entries that are joined to their base; more are a forgery and become records of their own."""
_MOST_KNOWN = 20_000
"""Most directories that stay in memory after they were read, about 12 MB."""

_MIRRORED = 4
"""entries of which $MFTMirr has a copy"""
_NUMBERED = 48
"""offset of the fixups in an entry that has its own number before them (NTFS 3.1)"""
_CHANGED = "mft-changed"

Extensions = dict[int, list[MftEntry]]


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield one record per entry, in order. The table is read twice: for its directories, then for the records."""
    with evidence.open() as stream:
        size = ntfs.entry_size(stream.read(64))
    volume = evidence.source[:2] if evidence.source[1:2] == ":" else ""
    folders, extensions, known = _directories(evidence, size, volume)
    strange = damaged = 0
    strays: dict[int, int] = {}

    def entry(numbered: tuple[int, bytes]) -> tuple[Record | Problem, ...]:
        nonlocal damaged, strange
        number, raw = numbered
        if raw[:4] in _SIGNATURES and len(raw) == size:
            entry = known.pop(number, None) or ntfs.read(raw)
            state = "allocated" if entry.flags & ntfs.IN_USE else "deleted"
            own = int.from_bytes(raw[44:48], "little") if raw[4] >= _NUMBERED else 0
            if own and own != number & 0xFFFFFFFF and state == "allocated" and len(strays) < _MOST_KNOWN:
                strays[number] = own
            damaged += entry.damaged and state == "allocated"
            fields = _fields(number, entry, _own(entry, extensions.get(number)), folders)
            return (Record(fields["file.inode"], fields, state),)
        if len(raw) < size:
            return (Problem(f"entry {number} is cut: {len(raw)} of {size} bytes", str(number), lost=int(raw[:4] in _SIGNATURES)),)
        strange += any(raw)
        return ()

    yield from fenced(_entries(evidence, size), lambda numbered: str(numbered[0]), entry)
    if evidence.offset == 0:
        yield from _unlike_mirror(evidence, size)
    if strange:
        yield Problem(f"{strange} entries are neither FILE nor BAAD nor empty", kind=_CHANGED)
    if moved := sum(own in strays for own in strays.values()):  # else it is a remnant: the entry of that number is at its place
        yield Problem(f"{moved} entries have the number of another place in the table", kind=_CHANGED)
    if damaged:
        reason = f"{damaged} entries in use hold what cannot be, or sectors of another write (fixups): `escadre.mft.damaged` marks them"
        yield Problem(reason, kind=_CHANGED)


def _unlike_mirror(evidence: Evidence, size: int) -> Iterator[Problem]:
    """Compare the first entries with $MFTMirr. The driver writes both at once, byte for byte."""
    mirror = evidence.companions.get("mirror")
    if mirror is None:
        return
    with evidence.open() as stream, mirror.open() as copied:
        for number in range(_MIRRORED):
            own, copy = stream.read(size), copied.read(size)
            if len(copy) < size:
                yield Problem(f"$MFTMirr is cut: its copy of entry {number} has {len(copy)} of {size} bytes", str(number))
                return
            if own != copy:
                reason = f"entry {number} is not what $MFTMirr has of it: one of the two was changed by other means"
                yield Problem(reason, str(number), kind=_CHANGED)


def _entries(evidence: Evidence, size: int, *, directories: bool = False) -> Iterator[tuple[int, bytes]]:
    """Yield (number, bytes) of every entry; the last may be cut. With `directories`: only complete directories and extension entries."""
    number = evidence.offset // size
    with evidence.open() as stream:
        while block := stream.read(_BLOCK):
            for start in range(0, len(block), size):
                if not directories or (
                    start + size <= len(block)
                    and block[start : start + 4] in _SIGNATURES
                    and (block[start + 22] & ntfs.DIRECTORY or block[start + 32 : start + 40] != _NO_BASE)
                ):
                    yield number, block[start : start + size]
                number += 1


def _directories(evidence: Evidence, size: int, volume: str) -> tuple[Folders, Extensions, dict[int, MftEntry]]:
    """Return the tree of directories, the extension entries by base entry, and the first directories as they were read."""
    folders = Folders(volume)
    extensions: Extensions = {}
    known: dict[int, MftEntry] = {}
    late: dict[int, MftEntry] = {}
    for number, raw in _entries(evidence, size, directories=True):
        try:
            entry = ntfs.read(raw)
        except (ValueError, IndexError, OverflowError, struct.error):
            continue  # `parse` reads it again and reports it
        if entry.extends and len(extensions) < _MOST_EXTENSIONS:
            extensions.setdefault(entry.base, []).append(entry)
        else:
            folders.add(number, entry, entry.names)
            if len(known) < _MOST_KNOWN:
                known[number] = entry
            if not entry.names:
                late[number] = entry
    for number, entry in late.items():
        folders.add(number, entry, tuple(n for e in _own(entry, extensions.get(number)) for n in e.names))
    return folders, extensions, known


def _own(entry: MftEntry, extensions: list[MftEntry] | None) -> list[MftEntry]:
    """Return the extensions whose reference has the sequence number of the entry; others are left from a deleted file."""
    return [e for e in extensions or () if ntfs.names_entry(e.base_sequence, entry.sequence, in_use=bool(entry.flags & ntfs.IN_USE))]


def _fields(number: int, entry: MftEntry, extensions: list[MftEntry], folders: Folders) -> dict[str, Any]:
    size, resident, streams, names = entry.size, entry.resident, entry.streams, entry.names
    eight, target, mark = entry.short, entry.target, entry.mark
    for other in extensions:
        eight, target, mark = eight or other.short, target or other.target, mark or other.mark
        names += other.names
        streams += other.streams
        if size < 0:
            size, resident = other.size, other.resident
    fields: dict[str, Any] = {
        "file.type": "dir" if entry.flags & ntfs.DIRECTORY else "file",
        "file.inode": str(number),
        "escadre.mft.sequence": entry.sequence,
        "escadre.mft.links": entry.links,
    }
    if entry.times:
        for name, ticks in zip(_SI, entry.times, strict=True):
            if text := filetime(ticks):
                fields[name] = text
        if entry.attributes:
            fields["file.attributes"] = list(ntfs.flag_names(entry.attributes))
    if names:
        _named(fields, names, folders)
    if created := fields.get("file.created") or fields.get("escadre.mft.fn_created"):
        fields["@timestamp"] = created
    if size >= 0:
        fields["file.size"], fields["escadre.mft.resident"] = min(size, _MOST), resident
    if streams:
        fields["escadre.mft.streams"] = list(streams)
    if eight:
        fields["escadre.mft.short_name"] = eight
    if target:
        fields["file.target_path"] = target
    if said := _SETTING.findall(mark.decode("utf-8", "backslashreplace")):
        fields["escadre.settings"] = [f"{key}={value}" for key, value in said]
        fields |= {_MARK[key]: value for key, value in said if key in _MARK}
    if entry.extends:
        fields["escadre.mft.base_entry"], fields["escadre.mft.base_sequence"] = entry.base, entry.base_sequence
    if entry.damaged:
        fields["escadre.mft.damaged"] = True
    return fields


def _named(fields: dict[str, Any], names: tuple[Name, ...], folders: Folders) -> None:
    """Add the fields of the first long $FILE_NAME, and all paths if there are several."""
    long = ntfs.long_names(names)
    first = long[0]
    folder, whole = folders.folder(first.parent, first.parent_sequence)
    path = f"{folder}\\{first.name}"
    if first.name == "." and first.parent == ntfs.ROOT:
        path = f"{folder}\\"  # the root of the volume is its own directory
    fields["file.name"], fields["file.path"] = first.name, path
    fields["file.directory"] = folder if len(folder) > 2 else f"{folder}\\"
    dot = first.name.rfind(".")
    if 0 < dot < len(first.name) - 1:
        fields["file.extension"] = first.name[dot + 1 :]
    fields["escadre.mft.parent_entry"], fields["escadre.mft.parent_sequence"] = first.parent, first.parent_sequence
    if not whole:
        fields["escadre.mft.path_orphan"] = True
    for name, ticks in zip(_FN, first[4:], strict=True):
        if text := filetime(ticks):
            fields[name] = text
    if len(long) > 1:
        fields["escadre.mft.paths"] = [f"{folders.folder(name.parent, name.parent_sequence)[0]}\\{name.name}" for name in long]


def expected(evidence: Evidence) -> int | None:
    """Count the entries with the signature FILE or BAAD in the raw bytes."""
    total = 0
    with evidence.open() as stream:
        size = ntfs.entry_size(stream.read(64))
        stream.seek(0)
        while block := stream.read(_BLOCK):
            total += sum(block[start : start + 4] in _SIGNATURES for start in range(0, len(block), size))
    return total
