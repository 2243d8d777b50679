"""Replace one entry of an open folder, from one state to another, so that a kill leaves exactly one of the two.

A new version is made in a private folder beside its place and moved there by one rename; removal is one unlink. In a folder that a user may
write, a name can mean another object from one system call to the next. So nothing is made under such a name. The private folder (mode 0700,
owned by the user who runs HUNTER) is created beside the target, held by descriptor and checked. In there the object gets its content,
owner, mode, attributes and times; then it is renamed.

Sources: rename(2), renameat2(2) RENAME_NOREPLACE, xattr(7), acl(5), ioctl_iflags(2), capabilities(7) (a chown or write clears file
capabilities, so they are set last).
"""

from __future__ import annotations

import base64
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hunter.host.files import Content, Described
from hunter.host.flags import set_attributes
from hunter.host.state import ObjectState, presence
from hunter.host.tree import state_at, xattrs_of
from hunter.unsafe import SurpriseError

_NOREPLACE = 1
_NEW = "new"
"""name of the object within the private folder"""
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_MADE = ("type", "sha256", "size", "link", "mode", "uid", "gid", "xattrs", "native", "attributes", "mtime_ns", "atime_ns")
"""what is compared of a new object before it takes its place"""


def replace_at(folder: int, name: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
    """Change one entry of an open folder from `now` to `then`. SurpriseError where it is not in the state `now` right before."""
    present = _expected(folder, name, now)
    if then is None:
        if present is not None:
            _check_unmoved(folder, name, present)
            os.unlink(name, dir_fd=folder)
    else:
        with _private_folder(folder, _temporary(mark)) as private:
            _make(private, ObjectState.from_json(then), content)
            if present is None:
                _place(private, _NEW, folder, name)
            else:
                _check_unmoved(folder, name, present)
                os.rename(_NEW, name, src_dir_fd=private, dst_dir_fd=folder)
    _sync(folder)


def clear_at(folder: int, mark: str) -> None:
    """Remove what a killed `replace_at` of this mark left in an open folder."""
    if _clear(folder, _temporary(mark)):
        _sync(folder)


def _temporary(mark: str) -> str:
    """Return a name that begins with a dot and has no known suffix: cron, systemd, sudo and shells ignore it."""
    return f".escadre-{mark}.tmp"


def _expected(folder: int, name: str, now: Described) -> os.stat_result | None:
    present = state_at(folder, name)
    if now is None:
        if present is not None:
            raise SurpriseError(presence(None, present.to_json()))
        return None
    if present is None:
        raise SurpriseError("it is gone")
    if not ObjectState.from_json(now).same(present):
        raise SurpriseError("; ".join(ObjectState.from_json(now).changes(present)))
    return os.lstat(name, dir_fd=folder)


def _check_unmoved(folder: int, name: str, seen: os.stat_result) -> None:
    """SurpriseError unless the name is still the same inode, not written to since its bytes were compared."""
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError as e:
        raise SurpriseError("it went away") from e
    if (status.st_ino, status.st_dev, status.st_ctime_ns) != (seen.st_ino, seen.st_dev, seen.st_ctime_ns):
        raise SurpriseError("it was replaced or changed a moment ago")


@contextmanager
def _private_folder(folder: int, name: str) -> Iterator[int]:
    """Make a folder that only we may enter, yield its descriptor, and remove it. What a failure leaves is removed by `tidy`."""
    _clear(folder, name)
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError as e:
        raise SurpriseError(f"somebody else made {name} beside it") from e
    private = _open_private(folder, name)
    try:
        yield private
    finally:
        os.close(private)
    _clear(folder, name)


def _open_private(folder: int, name: str) -> int:
    """Open our private folder. FileNotFoundError where there is none, SurpriseError where the name is something that others may enter.

    Group bits of 0 also close it to every entry of an ACL: they are the ACL's mask (acl(5)).
    """
    try:
        private = os.open(name, _FOLDER, dir_fd=folder)
    except OSError as e:
        if e.errno in (errno.ELOOP, errno.ENOTDIR):
            raise SurpriseError(f"{name}, the private folder of HUNTER, was replaced a moment ago") from e
        raise
    status = os.fstat(private)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077 or status.st_dev != os.fstat(folder).st_dev:
        os.close(private)
        raise SurpriseError(f"{name}, the private folder of HUNTER, was replaced a moment ago")
    return private


def _clear(folder: int, name: str) -> bool:
    """Remove our private folder with what is in it. False where there is none; a foreign object of that name is left alone."""
    try:
        private = _open_private(folder, name)
    except (FileNotFoundError, SurpriseError):
        return False
    try:
        with suppress(FileNotFoundError):
            os.unlink(_NEW, dir_fd=private)
    finally:
        os.close(private)
    with suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=folder)
    return True


def _make(private: int, state: ObjectState, content: Content | None) -> None:
    """Make the object in the private folder, with everything that a state describes. SurpriseError where it comes out otherwise."""
    if state.type == "link":
        _make_link(private, state)
    else:
        _make_file(private, state, content)
    made = state_at(private, _NEW)
    wrong = [name for name in _MADE if made is None or getattr(made, name) != getattr(state, name)]
    wrong = [name for name in wrong if (state.type, name) not in (("link", "mode"), ("link", "size"))]
    if wrong:
        raise SurpriseError(f"the new {state.type} does not come out as planned ({', '.join(wrong)})")


def _make_link(private: int, state: ObjectState) -> None:
    os.symlink(state.link, _NEW, dir_fd=private)
    os.chown(_NEW, state.uid, state.gid, dir_fd=private, follow_symlinks=False)
    for key, value in state.xattrs:
        os.setxattr(f"/proc/self/fd/{private}/{_NEW}", key, base64.b64decode(value), follow_symlinks=False)
    os.utime(_NEW, ns=(state.atime_ns, state.mtime_ns), dir_fd=private, follow_symlinks=False)


def _make_file(private: int, state: ObjectState, content: Content | None) -> None:
    fd = os.open(_NEW, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=private)
    with os.fdopen(fd, "wb") as stream:
        set_attributes(fd, state.attributes)  # some flags can be set on an empty file only
        if content is not None:
            content(stream)
        stream.flush()
        os.fchown(fd, state.uid, state.gid)
        os.fchmod(fd, int(state.mode, 8))
        _set_xattrs(fd, dict(state.xattrs))
        for name, value in state.native:
            os.setxattr(fd, name, base64.b64decode(value))
        os.utime(fd, ns=(state.atime_ns, state.mtime_ns))
        os.fsync(fd)


def _set_xattrs(fd: int, wanted: dict[str, str]) -> None:
    for name, _ in xattrs_of(fd):  # a default ACL of the folder gives a new file one
        if name not in wanted:
            os.removexattr(fd, name)
    for name, value in wanted.items():
        os.setxattr(fd, name, base64.b64decode(value))


def _place(source: int, made: str, folder: int, name: str) -> None:
    """Rename without replacing what may have come there meanwhile."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is not None:
        if rename(source, os.fsencode(made), folder, os.fsencode(name), _NOREPLACE) == 0:
            return
        error = ctypes.get_errno()
        if error == errno.EEXIST:
            raise SurpriseError("something came there meanwhile")
        if error not in (errno.EINVAL, errno.ENOSYS):  # a file system or kernel without this flag
            raise OSError(error, os.strerror(error), name)
    if state_at(folder, name) is not None:
        raise SurpriseError("something came there meanwhile")
    os.rename(made, name, src_dir_fd=source, dst_dir_fd=folder)


def _sync(folder: int) -> None:
    """Sync a directory of which we hold a path descriptor only."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
