"""Files and links: replaced by a temporary file in the same folder and one rename, removed by one unlink, each synced with the folder.

What a way back restores of a file: bytes, mode, owner, extended attributes with ACLs and capabilities, mtime in ns. Sources: rename(2),
renameat2(2) RENAME_NOREPLACE, xattr(7), acl(5), capabilities(7) (a chown or write clears file capabilities, so they are set last).
"""

from __future__ import annotations

import base64
import ctypes
import os
import stat
from contextlib import suppress
from typing import Any

from hunter.host.state import ObjectState
from hunter.host.tree import HostTree, state_at, xattrs_of
from hunter.objects import Content, Described, SurpriseError

_NOREPLACE = 1


class _Files:
    kind = "file"

    def observe(self, tree: HostTree, name: str) -> Described:
        state = tree.state(name)
        return state.to_json() if state else None

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return ObjectState.from_json(one).same(ObjectState.from_json(other))

    def changes(self, was: Described, now: Described) -> str:
        if was is None or now is None:
            return _presence(was, now)
        return "; ".join(ObjectState.from_json(was).changes(ObjectState.from_json(now)))

    def put(self, tree: HostTree, name: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
        with tree.parent(name) as (folder, last):
            present = _expected(folder, last, now)
            if then is None:
                if present is not None:
                    _unmoved(folder, last, present)
                    os.unlink(last, dir_fd=folder)
            else:
                temporary = _temporary(mark)
                _unlink(folder, temporary)
                _make(folder, temporary, ObjectState.from_json(then), content)
                if present is None:
                    _place(folder, temporary, last)
                else:
                    _unmoved(folder, last, present)
                    os.rename(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
            _sync(folder)

    def tidy(self, tree: HostTree, name: str, mark: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError), tree.parent(name) as (folder, _):
            if _unlink(folder, _temporary(mark)):
                _sync(folder)


OBJECT = _Files()


def _presence(was: Described, now: Described) -> str:
    if now is None:
        return "it was there, is gone" if was else ""
    state = ObjectState.from_json(now)
    detail = f", sha256 {state.sha256[:12]}…" if state.sha256 else f" to {state.link}" if state.link else ""
    return f"it was removed, a {state.type} is there (mode {state.mode}, owner {state.uid}:{state.gid}{detail})"


def _temporary(mark: str) -> str:
    """Begins with a dot and ends in no known suffix: cron, systemd, sudo and shells all pass over such a name."""
    return f".escadre-{mark}.tmp"


def _expected(folder: int, name: str, now: Described) -> os.stat_result | None:
    present = state_at(folder, name)
    if now is None:
        if present is not None:
            raise SurpriseError(_presence(None, present.to_json()))
        return None
    if present is None:
        raise SurpriseError("it is gone")
    if not ObjectState.from_json(now).same(present):
        raise SurpriseError("; ".join(ObjectState.from_json(now).changes(present)))
    return os.lstat(name, dir_fd=folder)


def _unmoved(folder: int, name: str, seen: os.stat_result) -> None:
    """The last look before the write: the same inode, not written to since its bytes were compared."""
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError as e:
        raise SurpriseError("it went away") from e
    if (status.st_ino, status.st_dev, status.st_ctime_ns) != (seen.st_ino, seen.st_dev, seen.st_ctime_ns):
        raise SurpriseError("it was replaced or changed a moment ago")


def _unlink(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _make(folder: int, name: str, state: ObjectState, content: Content | None) -> None:
    if state.type == "link":
        os.symlink(state.link, name, dir_fd=folder)
        os.chown(name, state.uid, state.gid, dir_fd=folder, follow_symlinks=False)
        for key, value in state.xattrs:
            os.setxattr(f"/proc/self/fd/{folder}/{name}", key, base64.b64decode(value), follow_symlinks=False)
        os.utime(name, ns=(state.mtime_ns, state.mtime_ns), dir_fd=folder, follow_symlinks=False)
        return
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(fd, "wb") as stream:
        if content is not None:
            content(stream)
        stream.flush()
        os.fchown(fd, state.uid, state.gid)
        os.fchmod(fd, int(state.mode, 8))
        _set_xattrs(fd, dict(state.xattrs))
        os.utime(fd, ns=(state.mtime_ns, state.mtime_ns))
        os.fsync(fd)
    made = state_at(folder, name)
    if made is None or (made.sha256, made.size, made.mode, made.xattrs) != (state.sha256, state.size, state.mode, state.xattrs):
        _unlink(folder, name)
        raise SurpriseError("the new file does not come out as planned")


def _set_xattrs(fd: int, wanted: dict[str, str]) -> None:
    for name, _ in xattrs_of(fd):  # a default ACL of the folder gives a new file one
        if name not in wanted:
            os.removexattr(fd, name)
    for name, value in wanted.items():
        os.setxattr(fd, name, base64.b64decode(value))


def _place(folder: int, temporary: str, name: str) -> None:
    """Rename without replacing what may have come there meanwhile."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is not None:
        if rename(folder, os.fsencode(temporary), folder, os.fsencode(name), _NOREPLACE) == 0:
            return
        error = ctypes.get_errno()
        if error == 17:  # EEXIST
            raise SurpriseError("something came there meanwhile")
        if error not in (22, 38):  # EINVAL, ENOSYS: a file system or kernel without this flag
            raise OSError(error, os.strerror(error), name)
    if state_at(folder, name) is not None:
        raise SurpriseError("something came there meanwhile")
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _sync(folder: int) -> None:
    """Sync a directory of which we hold a path handle only."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def restore_folder_times(tree: HostTree, path: str, times: tuple[int, int]) -> None:
    """Set (atime, mtime) in ns of a folder of the tree, by its handle."""
    with tree.directory(path) as fd:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            raise SurpriseError("it is no folder")
        os.utime(fd, ns=times)
        os.fsync(fd)
