r"""The list of all files of the examined host: `live/files.jsonl` (`files/1`), one object a name, folder by folder.

path             native path; bytes that are not UTF-8 are `\xNN`, and `path_bytes` has all of it in base64
type             file, directory, link, pipe, socket, block device, character device
size, mode (octal string), uid, gid, owner, group_name, ino, dev, nlink, mtime, ctime, atime, btime: as in custody
link             text of a symbolic link
flags            immutable, append-only, compressed, encrypted, no dump, verity
xattrs           names of extended attributes; capabilities: as getcap(8) writes them; selinux: the label
package          the package that owns the path, '' where none does; absent where the host has no package database that is read
not_entered      why a folder was not listed (a pseudo or network file system, a circle); error: why facts are missing

The facts are those of body files (mactime), with more. Nothing is opened but folders.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from scout.collecting.package_owners import PackageOwners
from scout.collecting.walk import MAX_DEPTH, explain
from scout.packed import PackedNames
from scout.sources.listing import ListedName, names
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls

PIECE = 1_000
"""names that are asked for at once where a call may hang"""
SCHEMA = 1
NAME = "files"
Step = Callable[[Parts], None]


class _Folder(NamedTuple):
    parts: Parts
    ancestors: tuple[tuple[int, int], ...]


def _below(folder: _Folder, identity: tuple[int, int], names: PackedNames) -> Iterator[_Folder]:
    """Yield the folders of these names, each when its turn comes."""
    ancestors = (*folder.ancestors, identity)
    for name in names:
        yield _Folder((*folder.parts, name), ancestors)


def volumes(sources: Sequence[EvidenceSource], timed: TimedCalls) -> list[EvidenceSource]:
    """Return the volumes that are listed: the root of Linux; of Windows those whose `$MFT`, itself such a list, cannot be read (ReFS, FAT,
    exFAT, an NTFS volume that Windows alone may read, a mounted tree).
    """
    if not sources[0].windows:
        return [sources[0]]
    return [source for source in sources if not _has_table(source, timed)]


def _has_table(source: EvidenceSource, timed: TimedCalls) -> bool:
    try:
        timed.call(source.open, ("$MFT",)).close()
    except OSError:
        return False
    return True


class FileList:
    """The list of the volumes. Iterate it once; `cut` then says which bound ended it, '' where it is complete.

    `count` names and `seconds` are its bounds. `step` is called before each folder; it may raise to end it.
    """

    def __init__(self, sources: Sequence[EvidenceSource], timed: TimedCalls, step: Step, *, count: int, seconds: float) -> None:
        self._sources, self._timed, self._step = sources, timed, step
        self._source = sources[0]
        self._left, self._until = count, time.monotonic() + seconds
        self._limits = (count, seconds)
        self.cut = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for source in self._sources:
            self._source = source
            yield from self._of_volume()

    def _of_volume(self) -> Iterator[dict[str, Any]]:
        owners = None if self._source.windows else PackageOwners(self._source, self._timed, self._step)
        todo: list[Iterator[_Folder]] = [iter((_Folder((), ()),))]
        while todo and not self.cut:
            folder = next(todo[-1], None)
            if folder is None:
                todo.pop()
                continue
            self._step(folder.parts)
            deeper = PackedNames()
            identity = yield from self._listed(folder, owners if owners is not None and owners.known else None, deeper)
            todo.append(_below(folder, identity, deeper))

    def _listed(
        self, folder: _Folder, owners: PackageOwners | None, deeper: PackedNames
    ) -> Generator[dict[str, Any], None, tuple[int, int]]:
        """Yield the names of one folder, put those of its folders into `deeper`, and return its identity."""
        identity = (0, 0)
        try:
            identity = self._timed.call(self._source.identity, folder.parts)
            if identity in folder.ancestors or len(folder.ancestors) > MAX_DEPTH:
                why = "the folder is its own ancestor: a mount in a circle" if identity in folder.ancestors else "too deep"
                yield self._place(folder.parts) | {"type": "directory", "not_entered": why}
                return identity
            if not self._source.listable(folder.parts):
                yield self._place(folder.parts) | {"type": "directory", "not_entered": "a device file system"}
                return identity
            for one in self._names(folder.parts):
                self._left -= 1
                if self._left < 0 or time.monotonic() > self._until:
                    self.cut = self._reason()
                    return identity
                parts = (*folder.parts, one.name)
                yield self._one(parts, one, owners)
                if one.kind == "directory":
                    if reason := self._source.refusal(parts):
                        yield self._place(parts) | {"type": "directory", "not_entered": reason}
                    else:
                        deeper.append(one.name)
        except OSError as e:
            yield self._place(folder.parts) | {"type": "directory", "not_entered": explain(e)}
        return identity

    def _names(self, folder: Parts) -> Iterator[ListedName]:
        """Yield the names of a folder: one after the other where no call can hang, else `PIECE` at a time, each within the time limit."""
        found = names(self._source, folder)
        if not self._timed.seconds:
            yield from found
            return
        while piece := self._timed.call(lambda: list(islice(found, PIECE))):
            yield from piece

    def _reason(self) -> str:
        count, seconds = self._limits
        return f"more than {count:,} names" if self._left < 0 else f"more than {seconds:,.0f} s"

    def _one(self, parts: Parts, one: ListedName, owners: PackageOwners | None) -> dict[str, Any]:
        out = self._place(parts)
        out["type"] = one.kind
        out.update(one.facts)
        if owners is not None and one.kind in ("file", "link"):
            out["package"] = owners.of("/" + "/".join(parts))
        return out

    def _place(self, parts: Parts) -> dict[str, Any]:
        path = self._source.native(parts)
        try:
            path.encode()
        except UnicodeEncodeError:
            raw = os.fsencode(path) if os.name != "nt" else path.encode("utf-8", "surrogatepass")
            return {"path": raw.decode("utf-8", "backslashreplace"), "path_bytes": base64.b64encode(raw).decode("ascii")}
        return {"path": path}
