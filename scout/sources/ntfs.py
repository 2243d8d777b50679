r"""A raw NTFS volume as an evidence source: what a running Windows locks, metadata files, alternate streams, compressed files.

Paths may name a stream: `$Extend\$UsnJrnl:$J`, `a.txt:evil`, and an index: `Windows\Temp:$I30`. Deleted files are not listed: an entry
counts only where its record is in use and has the sequence number that the entry names.

Sources: those of scout.formats.ntfs; Microsoft [MS-FSCC] 2.1.2 (reparse points), `FILE_ATTRIBUTE_*`.
"""

from __future__ import annotations

import os
import stat
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from scout.archive import facts
from scout.blocks import BlockReader, DamagedVolume
from scout.formats.ntfs import records, reparse
from scout.formats.ntfs.records import NtfsRecord
from scout.formats.ntfs.runs import NtfsContent
from scout.formats.ntfs.volume import ROOT, NtfsEntry, NtfsVolume
from scout.formats.runs import ResidentContent
from scout.sources.rawfile import RawFile, raw_status
from scout.sources.source import Blocked, Parts, SourceEntry

KEPT_ENTRIES = 60_000
"""entries of folders that are kept"""
LARGE = 4 << 20
"""bytes of an index from which on a folder is not kept: its names are looked up in the tree of the index"""
MAX_REREAD = 64
"""times that a large folder is read from end to end for a name that is not at its place in the tree"""
KEPT_FOLDERS = 4_096
MAX_PROBLEMS = 1_000
_EPOCH = 116_444_736_000_000_000
"""100 ns between 1601 and 1970"""
_Table = dict[str, NtfsEntry]


class NtfsSource:
    r"""An NTFS volume, read from `blocks`, which it closes. Raises OSError where it is none, or damaged beyond reading.

    letter   drive letter; `name`: name of the volume in the archive where it is not the letter (`C@vss1`)
    method   how custody names the way of reading: `raw volume`, `image`
    path     the source for a person
    is_copy  it is a shadow copy
    partition  id of its partition (see `DiskPartition.id`), b'' where there is none
    """

    windows = True
    fold = True
    answers = True
    streamed = True

    def __init__(
        self, blocks: BlockReader, *, letter: str = "C", name: str = "", method: str = "image", path: str = "", is_copy: bool = False
    ) -> None:
        self._volume = NtfsVolume(blocks)
        self.letter, self.volume, self.method, self.path = letter, name or letter, method, path
        self.is_copy, self.partition = is_copy, b""
        self.ino, self.dev = ROOT, self._volume.geometry.serial
        self.users: dict[int, str] = {}
        self.groups: dict[int, str] = {}
        self._damaged: dict[Parts, str] = {}
        self._tables: OrderedDict[int, _Table] = OrderedDict()
        self._held = self._reread = 0
        self._folders: OrderedDict[Parts, int] = OrderedDict()

    def close(self) -> None:
        """Close the volume."""
        self._volume.close()

    def forget(self) -> None:
        """Release what is only cached."""
        self._tables.clear()
        self._folders.clear()
        self._held = 0
        self._volume.forget()

    @property
    def problems(self) -> dict[Parts, str]:
        """Return folders that could not be listed completely, and why; () for the volume itself."""
        notes = self._volume.notes
        return {**({(): "; ".join(notes[:8])} if notes else {}), **self._damaged}

    def native(self, parts: Parts) -> str:
        """Return the path as the host itself writes it."""
        return f"{self.letter}:\\" + "\\".join(parts)

    def refusal(self, parts: Parts) -> str:  # noqa: ARG002  (the protocol's)
        """Return '': a volume contains no mounts that are entered."""
        return ""

    def listable(self, parts: Parts) -> bool:  # noqa: ARG002  (the protocol's)
        """Return True."""
        return True

    # folders

    def identity(self, parts: Parts) -> tuple[int, int]:
        """Return (device, record number) of a folder. Raises Blocked for a link, OSError."""
        return self.dev, self._folder(parts)

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name. Damage is noted in `problems`."""
        number = self._folder(parts)
        table = self._table(number, parts)
        entries = self._all(number, parts) if table is None else iter(table.values())
        return sorted(SourceEntry(entry.name, self._kind(entry)) for entry in entries if keep(entry.name))

    def streams(self, parts: Parts) -> list[str]:
        """Return the names of the alternate streams of a file or folder. Raises OSError."""
        record = self._record(self._entry(parts)) if parts else self._volume.record(ROOT)
        return sorted({one.name for one in self._volume.attributes(record) if one.type == records.DATA and one.name})

    def _folder(self, parts: Parts) -> int:
        if not parts:
            return ROOT
        known = self._folders.get(parts)
        if known is not None:
            return known
        record = self._record(self._entry(parts))
        if self._tag(record) in reparse.LINKS:
            raise Blocked("a reparse point: never followed")
        if not record.folder:
            raise NotADirectoryError(20, "not a folder", self.native(parts))
        while len(self._folders) >= KEPT_FOLDERS:
            self._folders.popitem(last=False)
        self._folders[parts] = record.number
        return record.number

    def _table(self, number: int, parts: Parts) -> _Table | None:
        """Return the entries of a folder by name; None where it is too large to be kept."""
        table = self._tables.get(number)
        if table is None:
            if self._volume.index_size(number) > LARGE:
                return None
            table = {entry.name: entry for entry in self._all(number, parts)}
            self._tables[number] = table
            self._held += len(table) + 1
            while self._held > KEPT_ENTRIES and len(self._tables) > 1:
                self._held -= len(self._tables.popitem(last=False)[1]) + 1
        self._tables.move_to_end(number)
        return table

    def _all(self, number: int, parts: Parts) -> Iterator[NtfsEntry]:
        problem: list[str] = []
        for entry in self._volume.entries(number, problem):
            if entry.name not in (".", "..") and entry.record != number:
                yield entry
        if problem and len(self._damaged) < MAX_PROBLEMS:
            more = f" (and {len(problem) - 1:,} more)" if len(problem) > 1 else ""
            self._damaged[parts] = f"the folder was not listed completely: {problem[0]}{more}"

    def _entry(self, parts: Parts) -> NtfsEntry:
        """Return the entry of a path without a stream. Raises FileNotFoundError."""
        number, name = self._folder(parts[:-1]), parts[-1]
        found = self._listed(number, parts[:-1], name)
        if found is None:
            raise FileNotFoundError(2, "no such file on the volume", self.native(parts))
        return found

    def _listed(self, number: int, parts: Parts, name: str) -> NtfsEntry | None:
        table = self._table(number, parts)
        if table is not None:
            return table.get(name)
        found = self._volume.find(number, name)
        if found is None and self._reread < MAX_REREAD:
            self._reread += 1
            found = next((entry for entry in self._all(number, parts) if entry.name == name), None)
        return found

    def _kind(self, entry: NtfsEntry) -> str:
        if entry.reparse:
            try:
                if self._tag(self._record(entry)) in reparse.LINKS:
                    return "link"
            except OSError:
                return "file"  # its status gives the error
        return "folder" if entry.folder else "file"

    # names

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a link itself. FileNotFoundError also for what cannot be a name."""
        record, stream = self._named(parts)
        return self._status(record, stream)

    def link(self, parts: Parts) -> str:
        """Return where a symbolic link or a junction leads."""
        return reparse.target(self._reparse(self._named(parts)[0])) or ""

    def open(self, parts: Parts) -> RawFile:
        """Open a file or a stream. Raises Blocked for a folder, a link, and a file whose content is elsewhere."""
        record, stream = self._named(parts)
        status = self._status(record, stream)
        if not stat.S_ISREG(status.st_mode):
            raise Blocked(f"a {facts.type_of(status.st_mode)} is never opened")
        if not stream and (why := reparse.elsewhere(self._tag(record), self._attributes(record))):
            raise Blocked(why)
        content = self._content(record, stream)
        known: dict[str, Any] = {"btime": facts.rfc3339(self._times(record)[3]), "xattrs": None}
        if any(one.flags & records.ENCRYPTED for one in record.attributes if one.type == records.DATA and one.name == stream):
            known["error"] = "encrypted by the file system (EFS): the content is cipher text"
        return RawFile(content, status, known, self.method)

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name, None for what is unknown; see contracts."""
        known = facts.of_stat(status, posix=False)
        known["btime"] = facts.rfc3339(self._times(self._named(parts)[0])[3])
        known["parent_ino"], known["root_ino"] = self._folder(parts[:-1]), self.ino
        return known

    def _named(self, parts: Parts) -> tuple[NtfsRecord, str]:
        """Return the record of a path and the stream that its last name asks for, '' for the content itself."""
        if not parts:
            return self._volume.record(ROOT), ""
        if not parts[-1] or parts[-1] in (".", "..") or "\\" in parts[-1] or "/" in parts[-1]:
            raise FileNotFoundError(2, "it cannot be a name of a file", parts[-1])
        number = self._folder(parts[:-1])
        found = self._listed(number, parts[:-1], parts[-1])
        if found is not None:
            return self._record(found), ""
        name, colon, stream = parts[-1].rpartition(":")
        found = self._listed(number, parts[:-1], name) if colon and stream else None
        if found is None:
            raise FileNotFoundError(2, "no such file on the volume", self.native(parts))
        return self._record(found), stream

    def _record(self, entry: NtfsEntry) -> NtfsRecord:
        record = self._volume.record(entry.record)
        if not record.used or record.sequence != entry.sequence or record.base:
            raise DamagedVolume(f"the folder names file record {entry.record:,}, which is not in use by this name")
        return record

    def _content(self, record: NtfsRecord, stream: str) -> NtfsContent:
        try:
            return self._volume.content(record, records.DATA, stream)
        except FileNotFoundError:
            if not stream:
                return ResidentContent(b"")  # a metadata file that has only streams
            return self._volume.content(record, records.INDEX, stream)

    def _status(self, record: NtfsRecord, stream: str) -> os.stat_result:
        changed, mode = self._times(record), stat.S_IFREG
        if not stream and self._tag(record) in reparse.LINKS:
            mode = stat.S_IFLNK
        elif record.folder and not stream:
            mode = stat.S_IFDIR
        size = allocated = 0
        if mode == stat.S_IFREG:
            content = self._content(record, stream)
            size, allocated = content.size, content.allocated
        return raw_status(mode=mode, ino=record.number, dev=self.dev, links=record.links, size=size, allocated=allocated, times=changed[:3])

    def _times(self, record: NtfsRecord) -> tuple[int, int, int, int]:
        """Return access, modification, record change and birth in nanoseconds since 1970."""
        born, written, changed, read, _ = self._standard(record)
        return _unix(read), _unix(written), _unix(changed), _unix(born)

    def _attributes(self, record: NtfsRecord) -> int:
        return self._standard(record)[4]

    def _standard(self, record: NtfsRecord) -> tuple[int, int, int, int, int]:
        """Return birth, modification, record change and access as they are stored, and the file attributes."""
        standard = next((one.resident for one in record.attributes if one.type == records.STANDARD and one.resident), b"")
        if len(standard) < 36:
            raise DamagedVolume(f"file record {record.number:,} has no standard information")
        born, written, changed, read, attributes = struct.unpack_from("<QQQQI", standard)
        return born, written, changed, read, attributes

    def _reparse(self, record: NtfsRecord) -> bytes:
        try:
            content = self._volume.content(record, records.REPARSE, "")
        except FileNotFoundError:
            return b""
        return content.read_at(0, min(content.size, reparse.MAX))

    def _tag(self, record: NtfsRecord) -> int:
        return int.from_bytes(self._reparse(record)[:4], "little")


def _unix(moment: int) -> int:
    return (moment - _EPOCH) * 100
