"""Read a file system tree, live or mounted, so that no link leads out: each component is opened by the descriptor of its folder.

Nothing here writes. `HostTree.parent` yields the descriptor on which the writers act. While HUNTER reads, others may exchange names, so
every operating system error of a look is an `UnsafeError`, never a crash.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from hunter.host.flags import attributes, fixed_flags, locking_flags
from hunter.host.mounts import is_subvolume, mount_id, mounts_of_process
from hunter.host.ntfs import ntfs_facts
from hunter.host.state import ObjectState
from hunter.unsafe import UnsafeError
from scout.archive.facts import type_of

FILE_LIMIT = 64 << 30
"""largest file in bytes that is hashed and backed up; reading a sparse giant would take days"""
TEXT_LIMIT = 64 << 20
"""largest file in bytes from which lines are removed; a larger one is not a configuration file"""

EVERYBODY = -1
"""in place of a uid: more than one user"""

_PATH = getattr(os, "O_PATH", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_READ = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_NOATIME = getattr(os, "O_NOATIME", 0)


def parts(path: str) -> list[str]:
    """Return the components of an absolute path. ValueError for `..`, `.`, empty components, NUL and relative paths."""
    if not path.startswith("/"):
        raise ValueError("not an absolute path")
    found = path[1:].split("/")
    if any(p in ("", ".", "..") for p in found) or "\0" in path:
        raise ValueError("empty, `.` or `..` component in the path")
    return found


class HostTree:
    """The live root (`root=None`, or `/` itself) or a mounted one. Use as a context manager."""

    def __init__(self, root: Path | None = None) -> None:
        self.live = root is None or root.samefile("/")
        self.fd = os.open(root or "/", os.O_RDONLY | _DIRECTORY | getattr(os, "O_CLOEXEC", 0))
        self.root_ino = os.fstat(self.fd).st_ino
        self.native = os.path.realpath(root or "/")
        self._accepted: frozenset[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor of the root back."""
        os.close(self.fd)

    def accept(self, mounts: Iterable[str]) -> None:
        """Enter from now on no mount of a single folder (a bind mount) but these: one that appears leads to what was never meant."""
        self._accepted = frozenset(mounts)

    def _check_mount(self, fd: int, before: int, path: str) -> int:
        """Return the mount of an open object. UnsafeError where it is another one than `before` and was not accepted."""
        mount = mount_id(fd)
        if mount == before or path in self._accepted:  # type: ignore[operator]
            return mount
        for number, point, inner, _, kind in mounts_of_process():
            if number == mount and (inner == b"/" or is_subvolume(point, kind)):
                return mount
        raise UnsafeError(f"{path} is another folder that is mounted there")

    @contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Yield (descriptor of the folder of `path`, last component). FileNotFoundError, UnsafeError where a component is a link."""
        *folders, name = parts(path)
        fd = os.dup(self.fd)
        try:
            mount = -1 if self._accepted is None else mount_id(fd)
            for i, folder in enumerate(folders):
                fd = _step(fd, folder, "/" + "/".join(folders[: i + 1]))
                mount = mount if mount < 0 else self._check_mount(fd, mount, "/" + "/".join(folders[: i + 1]))
            yield fd, name
        finally:
            os.close(fd)

    def _check_object(self, parent: int, name: str, path: str) -> None:
        """UnsafeError where an object is mounted over another one and was not accepted."""
        fd = os.open(name, _PATH | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0), dir_fd=parent)
        try:
            self._check_mount(fd, mount_id(parent), path)
        finally:
            os.close(fd)

    def open_file(self, parent: int, name: str, path: str) -> int:
        """Return a readable descriptor of an object, of which the mount was checked: one may appear after the look at the name."""
        fd = open_read(parent, name)
        if self._accepted is not None:
            try:
                self._check_mount(fd, mount_id(parent), path)
            except UnsafeError:
                os.close(fd)
                raise
        return fd

    @contextmanager
    def directory(self, path: str) -> Iterator[int]:
        """Yield a readable descriptor of a directory of the tree, `/` included."""
        if path == "/":
            yield self.fd
            return
        with self.parent(path) as (parent, name):
            held = os.dup(parent)
            try:
                held = _step(held, name, path)
                if self._accepted is not None:
                    self._check_mount(held, mount_id(parent), path)
                fd = os.open(f"/proc/self/fd/{held}", _READ & ~_NOFOLLOW | _DIRECTORY)  # the very object that was checked
            finally:
                os.close(held)
        try:
            yield fd
        finally:
            os.close(fd)

    def state(self, path: str) -> ObjectState | None:
        try:
            with self.parent(path) as (fd, name):
                if self._accepted is not None:
                    with suppress(FileNotFoundError):
                        self._check_object(fd, name, path)
                found = state_at(fd, name, lambda parent, name: self.open_file(parent, name, path))
                if found is None:
                    return None
                mounts = self.mounts(path, os.lstat(name, dir_fd=fd).st_dev)
                return _placed(found, os.fstat(fd).st_ino, self.root_ino, mounts)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as e:
            raise UnsafeError(f"no permission to read it: {e.strerror}") from e
        except OSError as e:
            raise UnsafeError(f"it cannot be looked at: {e.strerror or e}") from e

    def read(self, path: str) -> bytes:
        try:
            with self.parent(path) as (parent, name), os.fdopen(self.open_file(parent, name, path), "rb") as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise UnsafeError(f"it is a {type_of(status.st_mode)}")
                if status.st_size > TEXT_LIMIT:
                    raise UnsafeError(f"it is larger than {TEXT_LIMIT >> 20} MiB")
                return stream.read(TEXT_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as e:
            raise UnsafeError(f"it cannot be read: {e.strerror or e}") from e

    def names(self, directory: str) -> list[tuple[str, str]]:
        try:
            with self.directory(directory) as fd, os.scandir(fd) as entries:
                return sorted((e.name, type_of(e.stat(follow_symlinks=False).st_mode)) for e in entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as e:
            if e.errno == errno.ELOOP:
                return []
            raise UnsafeError(f"{directory}: {e.strerror}") from e

    def controller(self, path: str) -> int:
        """Return the uid of an unprivileged user who may exchange or change what is at `path`; 0 for nobody, `EVERYBODY` for several.

        The caller's own uid counts as 0: nobody is protected from himself.
        """
        try:
            if found := next((who for who in map(_controller, self._folders(path)) if who), 0):
                return found
            with self.parent(path) as (fd, name):
                owner = os.lstat(name, dir_fd=fd).st_uid
                return 0 if owner == os.geteuid() else owner
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as e:
            raise UnsafeError(f"it cannot be looked at: {e.strerror or e}") from e

    def _folders(self, path: str) -> Iterator[os.stat_result]:
        """Yield the status of every folder above `path` that exists, from the root."""
        fd = os.dup(self.fd)
        try:
            yield os.fstat(fd)
            folders = parts(path)[:-1]
            for i, folder in enumerate(folders):
                fd = _step(fd, folder, "/" + "/".join(folders[: i + 1]))
                yield os.fstat(fd)
        except (FileNotFoundError, NotADirectoryError):
            return
        finally:
            os.close(fd)

    def mounts(self, path: str, device: int) -> tuple[str, ...]:
        """Return mount points at or above `path`, below the root, except whole file systems (of `device`, or btrfs subvolumes)."""
        prefix = "" if self.native == "/" else self.native
        full = os.fsencode(prefix + path)
        found = []
        for _, point, inner, dev, kind in mounts_of_process():
            within = point != b"/" and point.startswith(os.fsencode(prefix) + b"/") and (full + b"/").startswith(point + b"/")
            if within and (point == full or not ((inner == b"/" and dev == device) or is_subvolume(point, kind))):
                found.append(os.fsdecode(point[len(os.fsencode(prefix)) :]))
        return tuple(found)

    def read_only(self, path: str) -> bool:
        """Return True where the file system of `path` is mounted read-only."""
        with self.parent(path) as (fd, _):
            return bool(os.fstatvfs(fd).f_flag & os.ST_RDONLY)


def _controller(folder: os.stat_result) -> int:
    """Return who else may replace entries of a folder: its owner; several where group or others may write and no sticky bit is set."""
    if folder.st_uid not in (0, os.geteuid()):
        return folder.st_uid
    loose = folder.st_mode & stat.S_IWOTH or (folder.st_mode & stat.S_IWGRP and folder.st_gid != 0)
    return EVERYBODY if loose and not folder.st_mode & stat.S_ISVTX else 0


def _step(fd: int, folder: str, path: str) -> int:
    following = os.open(folder, _PATH | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0), dir_fd=fd)
    mode = os.fstat(following).st_mode
    if stat.S_ISDIR(mode):
        os.close(fd)
        return following
    os.close(following)
    if stat.S_ISLNK(mode):
        raise UnsafeError(f"{path} is a link: name the real path")
    raise NotADirectoryError(path)


def open_read(parent: int, name: str) -> int:
    """Return a readable descriptor. Follows no link and, where the system allows it, leaves the access time alone."""
    try:
        return os.open(name, _READ | _NOATIME, dir_fd=parent)
    except PermissionError:
        return os.open(name, _READ, dir_fd=parent)
    except OSError as e:
        if e.errno == errno.ELOOP:
            raise UnsafeError("it is a link") from e
        raise


def state_at(parent: int, name: str, opener: Callable[[int, str], int] = open_read) -> ObjectState | None:
    """Return the state of one directory entry, None where there is none. A regular file is opened and read completely for its hash."""
    try:
        status = os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return None
    kind = type_of(status.st_mode)
    if kind == "file":
        return _file_state(opener(parent, name), status)
    link = os.readlink(name, dir_fd=parent) if kind == "link" else ""
    xattrs = xattrs_of(f"/proc/self/fd/{parent}/{name}") if kind in ("directory", "link") else ()
    return _made(kind, status, link=link, xattrs=xattrs)


def _file_state(fd: int, seen: os.stat_result) -> ObjectState:
    with os.fdopen(fd, "rb", buffering=0) as stream:
        status = os.fstat(fd)
        if (status.st_ino, status.st_dev) != (seen.st_ino, seen.st_dev):
            raise UnsafeError("it was replaced while it was read")
        if status.st_size > FILE_LIMIT:
            raise UnsafeError(f"it is larger than {FILE_LIMIT >> 30} GiB: too large to be backed up")
        digest, size = hashlib.sha256(), 0
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
        after = os.fstat(fd)
        if (after.st_mtime_ns, after.st_size) != (status.st_mtime_ns, status.st_size):
            raise UnsafeError("it changed while it was read")
        xattrs = xattrs_of(fd)
        return replace(_made("file", status, sha256=digest.hexdigest(), size=size, xattrs=xattrs, fd=fd), native=ntfs_facts(fd, xattrs))


def _made(
    kind: str,
    status: os.stat_result,
    *,
    sha256: str = "",
    size: int = 0,
    link: str = "",
    xattrs: tuple[tuple[str, str], ...] = (),
    fd: int = -1,
) -> ObjectState:
    return ObjectState(
        kind,
        f"{stat.S_IMODE(status.st_mode):04o}",
        status.st_uid,
        status.st_gid,
        status.st_nlink,
        status.st_mtime_ns,
        sha256=sha256,
        size=size,
        link=link,
        xattrs=xattrs,
        flags=locking_flags(fd) if fd >= 0 else "",
        attributes=attributes(fd) if fd >= 0 else "",
        fixed=fixed_flags(fd) if fd >= 0 else "",
        atime_ns=status.st_atime_ns,
        dev=status.st_dev,
    )


def _placed(state: ObjectState, parent_ino: int, root_ino: int, mounts: tuple[str, ...]) -> ObjectState:
    return replace(state, parent_ino=parent_ino, root_ino=root_ino, mounts=mounts)


def xattrs_of(where: int | str) -> tuple[tuple[str, str], ...]:
    """Return extended attributes with POSIX ACLs as (name, base64), sorted; () where the file system has none.

    `where` is a descriptor, or a path whose last component is not followed.
    """
    try:
        names = os.listxattr(where, follow_symlinks=isinstance(where, int))
    except OSError as e:
        if e.errno in (errno.ENOTSUP, errno.ENOSYS):
            return ()
        raise UnsafeError(f"its extended attributes cannot be read: {e.strerror}") from e
    found = []
    for name in names:
        with suppress(FileNotFoundError):
            found.append((name, base64.b64encode(os.getxattr(where, name, follow_symlinks=isinstance(where, int))).decode()))
    return tuple(sorted(found))


def folder_flags(path_handle: int) -> str:
    """Return `immutable`, `append`, both or '' for a folder: with one of them, nothing in it can be replaced or removed."""
    fd = os.open(".", _READ | _DIRECTORY, dir_fd=path_handle)
    try:
        return locking_flags(fd)
    finally:
        os.close(fd)
