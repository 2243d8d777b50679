"""The files of a Linux root, or of a mounted root on Linux: read without following links (`tree.py`), written by one rename (`replace.py`).

The digest of an entry of a folder covers type, mode, owner, number of names, size, mtime in ns, extended attributes, link text, and the
bytes of files up to `HASHED` (for larger ones the change time, which every write sets, instead of the bytes). Of a subfolder, its content
does not count.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hunter.host.area import Area
from hunter.host.files import Content, Described
from hunter.host.locks import tool_lock
from hunter.host.ntfs import open_to_all
from hunter.host.replace import clear_at, replace_at
from hunter.host.tree import HostTree, folder_flags, state_at, xattrs_of
from hunter.unsafe import SurpriseError, UnsafeError
from scout.archive.facts import type_of
from scout.console import Complaint

HASHED = 8 << 20
ENTRIES = 20_000
"""a folder with more entries is compared by its listing and times alone"""


class PosixFiles(HostTree):
    """`hunter.host.files.HostFiles` on Linux."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the root folder itself, which writes nothing and ends with the process."""
        import fcntl

        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            who = self._holder()
            what = f"Another hunter{who and f' (process {who})'} is at work on {self.native}: it holds the lock on that folder."
            do = "Wait until it has ended. If it is no hunter, end it: nobody else has reason to lock that folder."
            raise Complaint(what, do) from e
        try:
            yield
        finally:
            fcntl.flock(self.fd, fcntl.LOCK_UN)

    def _holder(self) -> str:
        """Return the id of the process that holds the lock on the root, '' where it is not known. Source: proc(5), /proc/locks."""
        with suppress(OSError):
            for line in Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines():
                fields = line.split()
                if "->" not in fields and len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(f":{self.root_ino}"):
                    return fields[4]
        return ""

    def barrier(self, path: str) -> str:
        with self.parent(path) as (fd, _):
            if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
                why = "the file system is read-only"
            elif flags := folder_flags(fd):
                why = f"the folder is {flags} (chattr): clear the flag first"
            elif open_to_all(fd):
                why = "the NTFS volume is mounted so that every user of this machine may write there: mount it with umask=077"
            elif not os.access(".", os.W_OK | os.X_OK, dir_fd=fd, effective_ids=True):
                why = "no right to write there: run as root"
            else:
                return ""
        return f"{posixpath.dirname(path)}: {why}"

    @contextmanager
    def content(self, path: str) -> Iterator[BinaryIO]:
        with self.parent(path) as (parent, last), os.fdopen(self.open_file(parent, last, path), "rb") as source:
            yield source

    def put(self, path: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
        with self.parent(path) as (folder, last), tool_lock(folder, path):
            replace_at(folder, last, now, then, content, mark)

    def tidy(self, path: str, mark: str) -> None:
        with self.parent(path) as (folder, _):
            clear_at(folder, mark)

    def area(self, folder: str) -> Area | None:
        try:
            with self.directory(folder) as fd:
                status = os.fstat(fd)
                names = sorted(os.listdir(fd))
                shallow = len(names) > ENTRIES
                entries = {name: digest for name in names if (digest := _digest(fd, name, shallow=shallow))}
                return Area(status.st_mtime_ns, status.st_atime_ns, entries)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def set_times(self, path: str, times: tuple[int, int]) -> None:
        with self.parent(path) as (folder, name):
            os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)

    def set_folder_times(self, folder: str, times: tuple[int, int]) -> None:
        with self.directory(folder) as fd:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                raise SurpriseError("it is not a folder")
            os.utime(fd, ns=times)
            os.fsync(fd)


def _digest(folder: int, name: str, *, shallow: bool) -> str:
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return ""
    kind = type_of(status.st_mode)
    facts: list[object] = [kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
    if kind != "directory":
        facts += [status.st_nlink, status.st_size, status.st_mtime_ns]
    try:
        if kind in ("file", "link") and not shallow and status.st_size <= HASHED:
            state = state_at(folder, name)
            facts += [state.sha256, state.link, state.xattrs] if state else []
        else:
            facts += [xattrs_of(f"/proc/self/fd/{folder}/{name}")] if kind == "directory" else [status.st_ctime_ns]
    except (UnsafeError, OSError):  # a file that changes all the time or cannot be read: use its change time
        facts.append(status.st_ctime_ns)
    return hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest()[:24]
