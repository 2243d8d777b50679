"""The examined root: names below it, opened component by component, never through a link, never for writing.

On POSIX every step is `openat` with O_NOFOLLOW from a descriptor of the folder above: a link that appears while we look leads nowhere.
Windows has no such call; there each component is checked for a reparse point before it is used.
"""

from __future__ import annotations

import base64
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from scout.archive import facts
from scout.sources import mounts
from scout.sources.statx import birth

Parts = tuple[str, ...]
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NOATIME = getattr(os, "O_NOATIME", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
_FILE = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
KEPT_FOLDERS = 64
MAX_XATTRS = 1 << 20
"""characters of all values of one file; the parts of custody stay small"""


class Blocked(OSError):  # noqa: N818  (it is a rule, not a defect)
    """Not entered by rule: a pseudo or network file system, a link where a folder should be."""


class DirectoryEntry(NamedTuple):
    """One name of a folder. `kind`: file, folder, link, other."""

    name: str
    kind: str


class DirectorySource:
    r"""A directory that stands for the whole of a host.

    fold     names compare without case (Windows trees)
    windows  the tree is a Windows volume: no owners and modes, `C:\` before its paths
    Raises OSError where it cannot be opened.
    """

    def __init__(self, path: str | Path, *, windows: bool) -> None:
        self.path = os.path.realpath(path)
        self.windows = self.fold = windows
        self.fds = os.open in os.supports_dir_fd and bool(_NOFOLLOW)
        status = Path(self.path).stat()
        self.ino, self.dev = status.st_ino, status.st_dev
        self._top = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)) if self.fds else -1
        self._folders: OrderedDict[Parts, tuple[int, int, int]] = OrderedDict()
        self._types = {mount.id: mount.fstype for mount in mounts.read()}
        base = self.path.rstrip("/")
        self._points = {mount.point: mount.fstype for mount in mounts.read() if mount.point.startswith(base + "/")}
        number = mounts.of_descriptor(self._top) if self.fds else None
        own = self._types.get(number, "") if number is not None else ""
        entered = [own, *(fstype for fstype in self._points.values() if not mounts.refuses(fstype))]
        self.answers = all(fstype in mounts.LOCAL for fstype in entered)
        """every file system that may be entered is a local one, whose calls come back"""
        self.users: dict[int, str] = {}
        self.groups: dict[int, str] = {}

    def close(self) -> None:
        """Give the descriptors back."""
        for fd, _, _ in self._folders.values():
            os.close(fd)
        self._folders.clear()
        if self._top >= 0:
            os.close(self._top)
            self._top = -1

    def native(self, parts: Parts) -> str:
        """The path as the host itself writes it."""
        return "C:\\" + "\\".join(parts) if self.windows else "/" + "/".join(parts)

    @property
    def volume(self) -> str:
        """The volume's name in the archive."""
        return "C" if self.windows else "root"

    # folders

    def mounted(self, parts: Parts) -> str | None:
        """File system type, where something is mounted on exactly this path."""
        return self._points.get(self.path.rstrip("/") + "/" + "/".join(parts)) if self._points else None

    def folder(self, parts: Parts) -> tuple[int, int, int]:
        """(descriptor, device, inode) of a folder; descriptor -1 on Windows. Raises Blocked for what is not entered, or OSError."""
        if not parts:
            return self._top, self.dev, self.ino
        known = self._folders.get(parts)
        if known is not None:
            self._folders.move_to_end(parts)
            return known
        above, device, _ = self.folder(parts[:-1])
        if not self.fds:
            return self._unlinked(parts)
        fd = self._open(parts[-1], _FOLDER, above)
        status = os.fstat(fd)
        reason = self._crossing(fd, parts) if status.st_dev != device or self.mounted(parts) else ""
        if reason:
            os.close(fd)
            raise Blocked(reason)
        while len(self._folders) >= KEPT_FOLDERS:
            os.close(self._folders.popitem(last=False)[1][0])
        self._folders[parts] = (fd, status.st_dev, status.st_ino)
        return self._folders[parts]

    def _unlinked(self, parts: Parts) -> tuple[int, int, int]:
        status = os.lstat(self._join(parts))
        if stat.S_ISLNK(status.st_mode) or getattr(status, "st_file_attributes", 0) & 0x400:
            raise Blocked("a reparse point: never followed")
        return -1, status.st_dev, status.st_ino

    def _crossing(self, fd: int, parts: Parts) -> str:
        """Why the file system that begins here is not entered. devtmpfs may be crossed by name to what is mounted below, never listed."""
        number = mounts.of_descriptor(fd)
        fstype = self._types.get(number, "") if number is not None else (self.mounted(parts) or "")
        return "" if fstype == "devtmpfs" else mounts.refuses(fstype)

    def listable(self, parts: Parts) -> bool:
        """False for a device file system, which is only crossed."""
        return self.mounted(parts) != "devtmpfs"

    def refusal(self, parts: Parts) -> str:
        """Why what is mounted on this path is not even looked at (a dead server would hang the look); '' where it is fine."""
        fstype = self.mounted(parts)
        return "" if fstype in (None, "devtmpfs") else mounts.refuses(fstype or "")

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[DirectoryEntry]:
        """Names of a folder for which `keep(name)` is true, in the order of the names."""
        fd = self.folder(parts)[0]
        with os.scandir(fd if self.fds else self._join(parts)) as entries:
            found = [DirectoryEntry(entry.name, _kind(entry)) for entry in entries if keep(entry.name)]
        return sorted(found)

    def status(self, parts: Parts) -> os.stat_result:
        """Status of a name below the root, of a link itself."""
        if not parts:
            return os.fstat(self._top) if self.fds else Path(self.path).stat()
        fd = self.folder(parts[:-1])[0]
        return os.stat(parts[-1], dir_fd=fd, follow_symlinks=False) if self.fds else os.lstat(self._join(parts))

    def link(self, parts: Parts) -> str:
        """Text of a symbolic link."""
        fd = self.folder(parts[:-1])[0]
        return os.readlink(parts[-1], dir_fd=fd) if self.fds else str(Path(self._join(parts)).readlink())

    def open(self, parts: Parts) -> tuple[int, os.stat_result]:
        """Descriptor of a regular file, for reading, and its status.

        Raises Blocked for anything else: a FIFO, a device, a socket is never opened.
        """
        status = self.status(parts)
        if not stat.S_ISREG(status.st_mode):
            raise Blocked(f"a {facts.type_of(status.st_mode)} is never opened")
        fd = self._open(parts[-1], _FILE, self.folder(parts[:-1])[0]) if self.fds else os.open(self._join(parts), _FILE)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise Blocked("it became something else while it was opened")
        return fd, status

    def bytes(self, parts: Parts, limit: int = 1 << 20) -> bytes:
        """The beginning of a small file; OSError where it cannot be read."""
        fd = self.open(parts)[0]
        try:
            return os.read(fd, limit)
        finally:
            os.close(fd)

    def find(self, *names: str) -> Parts | None:
        """Real parts of a path, without case on Windows trees; None where it does not exist or a link is on the way."""
        parts: Parts = ()
        for name in names:
            try:
                found = self.spellings(parts, name)
            except OSError:
                return None
            if not found:
                return None
            parts = (*parts, found[0])
        return parts

    def spellings(self, parts: Parts, name: str) -> list[str]:
        """Names in a folder that are this one: the exact one first (it may be there without being listed, as $MFT), then other cases."""
        exact = []
        with suppress(FileNotFoundError):
            self.status((*parts, name))
            exact = [name]
        if not self.fold:
            return exact
        key = name.lower()
        return exact + [entry.name for entry in self.scan(parts, lambda other: other.lower() == key) if entry.name != name]

    def resolve(self, parts: Parts) -> Parts | None:
        """Parts with links resolved inside the root, as the host itself would; None where it does not exist or turns in circles."""
        done: Parts = ()
        todo = list(parts)
        for _ in range(200):
            if not todo:
                return done
            name = todo.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                done = done[:-1]
                continue
            try:
                status = self.status((*done, name))
                if not stat.S_ISLNK(status.st_mode):
                    done = (*done, name)
                    continue
                text = self.link((*done, name))
            except OSError:
                return None
            todo = text.split("/") + todo
            if text.startswith("/"):
                done = ()
        return None

    # facts

    def facts(self, parts: Parts, status: os.stat_result, fd: int | None = None) -> dict[str, Any]:
        """What custody says of a file beyond size and hash, None where it is not known; see contracts. Owner names are those of the
        examined host.
        """
        known = facts.of_stat(status, posix=not self.windows)
        known["parent_ino"], known["root_ino"] = self.folder(parts[:-1])[2], self.ino
        if not self.windows:
            known["owner"], known["group_name"] = self.users.get(status.st_uid), self.groups.get(status.st_gid)
        if fd is not None:
            known.setdefault("btime", _birth(fd))
            known["xattrs"] = _xattrs(fd)
        return known

    def _open(self, name: str, flags: int, above: int) -> int:
        try:
            return os.open(name, flags | _NOATIME, dir_fd=above)
        except PermissionError:
            return os.open(name, flags, dir_fd=above)  # O_NOATIME is for owners and root only

    def _join(self, parts: Parts) -> str:
        if os.name == "nt":
            return verbatim(self.path, parts)
        return "/".join((self.path.rstrip("/"), *parts))


def verbatim(path: str, parts: Parts) -> str:
    r"""A path that Windows takes letter by letter: beyond 260 characters, with names such as `CON` or `ends with a dot.`

    Source: Microsoft, "Naming Files, Paths, and Namespaces", Win32 file namespaces.
    """
    whole = "\\".join((path.replace("/", "\\").rstrip("\\"), *parts)) + ("" if parts else "\\")
    if whole.startswith("\\\\?\\"):
        return whole
    return "\\\\?\\UNC" + whole[1:] if whole.startswith("\\\\") else "\\\\?\\" + whole


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_symlink():
            return "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "other"
    except OSError:
        return "other"


def _xattrs(fd: int) -> dict[str, str] | None:
    """Extended attributes, base64; an empty mapping says that there are none, None that they are not known, or too many."""
    if not hasattr(os, "listxattr"):
        return None
    found: dict[str, str] = {}
    left = MAX_XATTRS
    try:
        for name in os.listxattr(fd):
            found[name] = base64.b64encode(os.getxattr(fd, name)).decode("ascii")
            left -= len(found[name])
            if left < 0:
                return None
    except OSError:
        return None
    return found


def _birth(fd: int) -> str | None:
    moment = birth(fd)
    return facts.rfc3339(moment) if moment is not None else None
