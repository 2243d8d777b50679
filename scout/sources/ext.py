"""A raw ext2, ext3 or ext4 volume as an evidence source: what is on the disk, whatever a kernel shows of it.

Deleted entries are not listed. Sources: those of scout.formats.ext.
"""

from __future__ import annotations

import base64
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from scout.archive import facts
from scout.blocks import BlockReader, DamagedVolume
from scout.formats.ext import layout
from scout.formats.ext.layout import ExtInode
from scout.formats.ext.volume import ROOT, ExtVolume
from scout.sources.directory import MAX_XATTRS
from scout.sources.rawfile import RawFile, raw_status
from scout.sources.source import Blocked, Parts, SourceEntry

KEPT_ENTRIES = 60_000
"""entries of folders that are kept, at least those of one folder"""
_KINDS = {1: "file", 2: "folder", 7: "link"}
_Table = dict[str, tuple[int, int]]


class ExtSource:
    """An ext volume, read from `blocks`, which it closes. Raises OSError where it is none, or damaged beyond reading.

    volume  name in the archive; method: how custody names the way of reading; path: the source for a person
    """

    windows = False
    fold = False
    answers = True
    streamed = False
    is_copy = False

    def __init__(self, blocks: BlockReader, *, volume: str = "root", method: str = "image", path: str = "") -> None:
        self._volume = ExtVolume(blocks)
        self.volume, self.method, self.path = volume, method, path
        self.uuid, self.label = self._volume.geometry.uuid, self._volume.geometry.label
        self.ino, self.dev = ROOT, int(self.uuid[:8], 16)
        self.users: dict[int, str] = {}
        self.groups: dict[int, str] = {}
        self._damaged: dict[Parts, str] = {}
        self._tables: OrderedDict[int, _Table] = OrderedDict()
        self._held = 0

    def close(self) -> None:
        """Close the volume."""
        self._volume.close()

    def forget(self) -> None:
        """Release what is only cached."""
        self._tables.clear()
        self._held = 0
        self._volume.forget()

    @property
    def problems(self) -> dict[Parts, str]:
        """Return folders that could not be listed completely, and why; () for the volume itself."""
        notes = self._volume.notes
        return {**({(): "; ".join(notes)} if notes else {}), **self._damaged}

    def native(self, parts: Parts) -> str:
        """Return the path as the host itself writes it."""
        return "/" + "/".join(parts)

    def refusal(self, parts: Parts) -> str:  # noqa: ARG002  (the protocol's)
        """Return '': a volume contains no mounts."""
        return ""

    def listable(self, parts: Parts) -> bool:  # noqa: ARG002  (the protocol's)
        """Return True."""
        return True

    def streams(self, parts: Parts) -> list[str]:  # noqa: ARG002  (the protocol's)
        """Return []: ext has no alternate streams."""
        return []

    # folders

    def identity(self, parts: Parts) -> tuple[int, int]:
        """Return (device, inode) of a folder. Raises OSError."""
        return self.dev, self._folder(parts)

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name. Damage is noted in `problems`."""
        table = self._table(self._folder(parts), parts)
        return sorted(SourceEntry(name, self._kind(*entry)) for name, entry in table.items() if keep(name))

    def _kind(self, number: int, kind: int) -> str:
        if kind:
            return _KINDS.get(kind, "other")
        try:
            mode = self._volume.inode(number).mode
        except OSError:
            return "file"  # its status gives the error
        return "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "file"

    def _folder(self, parts: Parts) -> int:
        """Return the inode of a folder, name by name. Raises OSError."""
        number = ROOT
        for depth, name in enumerate(parts, 1):
            entry = self._table(number, parts[: depth - 1]).get(name)
            if entry is None:
                raise FileNotFoundError(2, "no such folder on the volume", self.native(parts[:depth]))
            number = entry[0]
            mode = self._used(number).mode
            if stat.S_ISLNK(mode):
                raise Blocked("a link where a folder should be: never followed")
            if not stat.S_ISDIR(mode):
                raise NotADirectoryError(20, "not a folder", self.native(parts[:depth]))
        return number

    def _table(self, number: int, parts: Parts) -> _Table:
        table = self._tables.get(number)
        if table is None:
            problem: list[str] = []
            table = {
                name.decode("utf-8", "surrogateescape"): (inode, kind)
                for name, inode, kind in self._volume.entries(number, problem)
                if name not in (b".", b"..") and b"/" not in name and b"\0" not in name
            }
            if problem:
                more = f" (and {len(problem) - 1:,} more)" if len(problem) > 1 else ""
                self._damaged[parts] = f"the folder was not listed completely: {problem[0]}{more}"
            self._tables[number] = table
            self._held += len(table) + 1
            while self._held > KEPT_ENTRIES and len(self._tables) > 1:
                self._held -= len(self._tables.popitem(last=False)[1]) + 1
        self._tables.move_to_end(number)
        return table

    # names

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a link itself. FileNotFoundError also for what cannot be a name."""
        return self._status(self._inode(parts))

    def _status(self, inode: ExtInode) -> os.stat_result:
        return raw_status(
            mode=inode.mode,
            ino=inode.number,
            dev=self.dev,
            links=inode.links,
            size=inode.size,
            allocated=inode.size if inode.flags & layout.INLINE else inode.allocated,
            uid=inode.uid,
            gid=inode.gid,
            times=(inode.accessed, inode.modified, inode.changed),
        )

    def link(self, parts: Parts) -> str:
        """Return the text of a symbolic link."""
        return self._volume.link(self._inode(parts)).decode("utf-8", "surrogateescape")

    def open(self, parts: Parts) -> RawFile:
        """Open a regular file. Raises Blocked for everything else."""
        inode = self._inode(parts)
        if not stat.S_ISREG(inode.mode):
            raise Blocked(f"a {facts.type_of(inode.mode)} is never opened")
        known: dict[str, Any] = {"btime": facts.rfc3339(inode.born) if inode.born is not None else None, "xattrs": self._xattrs(inode)}
        if inode.flags & layout.ENCRYPTED:
            known["error"] = "encrypted by the file system (fscrypt): the content is cipher text"
        return RawFile(self._volume.content(inode), self._status(inode), known, self.method)

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name, None for what is unknown; see contracts. Owner names are those of the examined host."""
        known = facts.of_stat(status)
        known["parent_ino"], known["root_ino"] = self._folder(parts[:-1]), self.ino
        known["owner"], known["group_name"] = self.users.get(status.st_uid), self.groups.get(status.st_gid)
        return known

    def _inode(self, parts: Parts) -> ExtInode:
        if not parts:
            return self._volume.inode(ROOT)
        entry = self._table(self._folder(parts[:-1]), parts[:-1]).get(parts[-1])
        if entry is None:
            raise FileNotFoundError(2, "no such file on the volume", self.native(parts))
        return self._used(entry[0])

    def _used(self, number: int) -> ExtInode:
        inode = self._volume.inode(number)
        if not inode.links or not inode.mode:
            raise DamagedVolume(f"the folder names inode {number:,}, which is not in use")
        return inode

    def _xattrs(self, inode: ExtInode) -> dict[str, str] | None:
        """Return extended attributes as base64; None where they are damaged or too many."""
        try:
            found = {name: base64.b64encode(value).decode("ascii") for name, value in self._volume.xattrs(inode)}
        except OSError:
            return None
        return found if sum(map(len, found.values())) <= MAX_XATTRS else None
