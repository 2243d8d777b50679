r"""A mounted directory as an evidence source: opened name by name, never through a link, never for writing.

On POSIX every step is `openat` with O_NOFOLLOW from the descriptor of the folder above, so that a link that appears meanwhile leads
nowhere. Windows has no such call: each component is checked for a reparse point before it is used.
"""

from __future__ import annotations

import base64
import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from scout.archive import facts, sparse
from scout.sources import driver_links, mounts
from scout.sources.source import Blocked, Parts, SourceEntry, SourceFile
from scout.sources.statx import birth

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NOATIME = getattr(os, "O_NOATIME", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
_FILE = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
KEPT_FOLDERS = 64
"""folders whose descriptors stay open"""
PIECE = 20_000
"""names of a folder that are ordered, and held, at once"""
_SOON = 1 << 20
"""bytes of a file that are read before its turn"""
MAX_XATTRS = 1 << 20
"""base64 characters of all extended attributes of one file: custody parts stay small"""


class DiskFile:
    """A file of the operating system, open for reading."""

    __slots__ = ("fd", "status")
    method = "api"

    def __init__(self, fd: int) -> None:
        self.fd, self.status = fd, os.fstat(fd)

    def read_soon(self) -> None:
        """Ask the system to read the beginning into its cache, without waiting for it."""
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):  # advice only
                os.posix_fadvise(self.fd, 0, min(self.status.st_size, _SOON), os.POSIX_FADV_WILLNEED)

    def renew(self) -> None:
        """Take the present status as that of opening."""
        self.status = os.fstat(self.fd)

    def read(self, n: int, /) -> bytes:
        """Return at most `n` bytes, b'' at the end."""
        return os.read(self.fd, n)

    def readinto(self, room: memoryview, /) -> int:
        """Fill the beginning of `room`; return the number of bytes."""
        if hasattr(os, "readv"):
            return os.readv(self.fd, [room])
        piece = os.read(self.fd, len(room))
        room[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, /) -> int:
        """Set the position, counted from the beginning."""
        return os.lseek(self.fd, offset, os.SEEK_SET)

    def status_now(self) -> os.stat_result:
        """Return the present status."""
        return os.fstat(self.fd)

    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """Return (offset, length) of the data of a sparse file; None where there are no holes. Sets the position to 0 where there are."""
        if getattr(self.status, "st_blocks", 1 << 60) * 512 >= self.status.st_size:
            return None
        here = os.lseek(self.fd, 0, os.SEEK_CUR)
        found = sparse.extents(self.fd, self.status.st_size)
        if found is None:
            self.seek(here)
        return found

    def facts(self) -> dict[str, Any]:
        """Return `btime` and `xattrs`, None where they are unknown."""
        return {"btime": _birth(self.fd), "xattrs": _xattrs(self.fd)}

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)


class DirectorySource:
    r"""The directory `path`, examined as the top folder of a host's volume.

    windows  the tree is a Windows volume: names compare without case, no owners and modes, paths begin with `C:\`
    Raises OSError where the directory cannot be opened.
    """

    method = "api"
    streamed = False
    is_copy = False

    def __init__(self, path: str | Path, *, windows: bool = False) -> None:
        self.path = os.path.realpath(path)
        self.windows = windows
        self.fds = os.open in os.supports_dir_fd and bool(_NOFOLLOW)
        status = Path(self.path).stat()
        self.ino, self.dev = status.st_ino, status.st_dev
        self._top = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)) if self.fds else -1
        self._folders: OrderedDict[Parts, tuple[int, int, int]] = OrderedDict()
        table = list(mounts.read())
        self._types = {mount.id: mount.fstype for mount in table}
        base = self.path.rstrip("/") + "/"
        self._points = {tuple(m.point[len(base) :].split("/")): m.fstype for m in table if m.point.startswith(base) and m.point != base}
        number = mounts.of_descriptor(self._top) if self.fds else None
        own = self._types.get(number, "") if number is not None else ""
        entered = [own, *(fstype for fstype in self._points.values() if not mounts.refuses(fstype))]
        self.answers = all(fstype in mounts.LOCAL for fstype in entered)
        self.problems: dict[Parts, str] = {}
        self.users: dict[int, str] = {}
        self.groups: dict[int, str] = {}

    @property
    def fold(self) -> bool:
        """Return whether names compare without case."""
        return self.windows

    def close(self) -> None:
        """Release descriptors."""
        self.forget()
        if self._top >= 0:
            os.close(self._top)
            self._top = -1

    def forget(self) -> None:
        """Close the folders that are kept open."""
        for fd, _, _ in self._folders.values():
            os.close(fd)
        self._folders.clear()

    def native(self, parts: Parts) -> str:
        """Return the path as the host itself writes it."""
        return "C:\\" + "\\".join(parts) if self.windows else "/" + "/".join(parts)

    @property
    def volume(self) -> str:
        """Name of the volume in the archive."""
        return "C" if self.windows else "root"

    # folders

    def identity(self, parts: Parts) -> tuple[int, int]:
        """Open a folder; return (device, inode). Raises Blocked for a folder that is never entered, OSError."""
        return self._folder(parts)[1:]

    def _folder(self, parts: Parts) -> tuple[int, int, int]:
        """Return (descriptor, device, inode) of a folder; the descriptor is -1 on Windows."""
        if not parts:
            return self._top, self.dev, self.ino
        known = self._folders.get(parts)
        if known is not None:
            self._folders.move_to_end(parts)
            return known
        if reason := self.refusal(parts):
            raise Blocked(reason)
        above, device, _ = self._folder(parts[:-1])
        if not self.fds:
            return self._unlinked(parts)
        fd = self._open(_checked(parts[-1]), _FOLDER, above)
        status = os.fstat(fd)
        reason = self._crossing(fd, parts) if status.st_dev != device or parts in self._points else ""
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
        """Return why the file system that begins here is not entered. devtmpfs is crossed by name to mounts below it, never listed."""
        number = mounts.of_descriptor(fd)
        fstype = self._types.get(number, "") if number is not None else self._points.get(parts, "")
        return "" if fstype == "devtmpfs" else mounts.refuses(fstype)

    def listable(self, parts: Parts) -> bool:
        """Return False for a device file system, which is only crossed."""
        return self._points.get(parts) != "devtmpfs"

    def refusal(self, parts: Parts) -> str:
        """Return why the mount on this path is not even looked at (a dead server would hang the call); '' where it may be entered."""
        fstype = self._points.get(parts, "")
        return "" if fstype in ("", "devtmpfs") else mounts.refuses(fstype)

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name."""
        fd = self._folder(parts)[0]
        with os.scandir(fd if self.fds else self._join(parts)) as entries:
            found = [SourceEntry(entry.name, _kind(entry)) for entry in entries if keep(entry.name)]
        return sorted(found)

    def pieces(self, parts: Parts, keep: Callable[[str], bool]) -> Iterator[tuple[list[SourceEntry], bool]]:
        """Yield what `scan` returns, for `PIECE` names at a time, each piece ordered by name; and whether another one follows."""
        fd = self._folder(parts)[0]
        with os.scandir(fd if self.fds else self._join(parts)) as entries:
            piece = list(islice(entries, PIECE))
            while True:
                following = list(islice(entries, PIECE)) if len(piece) == PIECE else []
                yield sorted(SourceEntry(entry.name, _kind(entry)) for entry in piece if keep(entry.name)), bool(following)
                if not following:
                    return
                piece = following

    def descriptor(self, parts: Parts) -> int:
        """Return an open descriptor of a folder, valid until the next call of this source; -1 where the system has none."""
        return self._folder(parts)[0]

    def streams(self, parts: Parts) -> list[str]:  # noqa: ARG002  (the protocol's)
        """Return []: a mounted tree shows streams as files, or not at all."""
        return []

    # names

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a link itself. FileNotFoundError also for what cannot be a name."""
        if not parts:
            return os.fstat(self._top) if self.fds else Path(self.path).stat()
        name = _checked(parts[-1])
        if reason := self.refusal(parts):
            raise Blocked(reason)
        fd = self._folder(parts[:-1])[0]
        return os.stat(name, dir_fd=fd, follow_symlinks=False) if self.fds else os.lstat(self._join(parts))

    def link(self, parts: Parts) -> str:
        """Return the text of a symbolic link; on a Windows volume that of its reparse point, where the driver gives it."""
        name = _checked(parts[-1])
        fd = self._folder(parts[:-1])[0]
        text = os.readlink(name, dir_fd=fd) if self.fds else str(Path(self._join(parts)).readlink())
        return driver_links.text(self.path, f"/proc/self/fd/{fd}/{name}", text) if self.windows and self.fds else text

    def open(self, parts: Parts) -> SourceFile:
        """Open a regular file for reading. Raises Blocked for everything else: a FIFO, a device, a socket is never opened."""
        status = self.status(parts)
        if not stat.S_ISREG(status.st_mode):
            raise Blocked(f"a {facts.type_of(status.st_mode)} is never opened")
        fd = self._open(parts[-1], _FILE, self._folder(parts[:-1])[0]) if self.fds else os.open(self._join(parts), _FILE)
        file = DiskFile(fd)
        if not stat.S_ISREG(file.status.st_mode):
            file.close()
            raise Blocked("it became something else while it was opened")
        return file

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name, None for what is unknown; see contracts. Owner names are those of the examined host."""
        known = facts.of_stat(status, posix=not self.windows)
        known["parent_ino"], known["root_ino"] = self._folder(parts[:-1])[2], self.ino
        if not self.windows:
            known["owner"], known["group_name"] = self.users.get(status.st_uid), self.groups.get(status.st_gid)
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


def _checked(name: str) -> str:
    """Return `name` if it can be one name of a folder; raise FileNotFoundError for text that would lead elsewhere or that no call takes.

    Names come from the examined host too (homes in passwd, ProfileList): `../../etc`, a NUL, a lone surrogate.
    """
    wrong = name in ("", ".", "..") or "/" in name or "\0" in name or (os.name == "nt" and "\\" in name)
    if not wrong and not name.isascii():
        try:
            os.fsencode(name)
        except UnicodeEncodeError:
            wrong = True
    if wrong:
        raise FileNotFoundError(errno.ENOENT, "it cannot be a name of a file", name)
    return name


def verbatim(path: str, parts: Parts) -> str:
    r"""Return a path that Windows takes literally: beyond 260 characters, with names such as `CON` or `ends with a dot.`

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
    """Return extended attributes as base64; {} where there are none, None where they are unknown or too many."""
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
