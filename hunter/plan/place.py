"""Find who else may write a plan or a journal: HUNTER does as root what these files contain."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from scout.console import WRONG_USE, Complaint

_ACL = "system.posix_acl_access"
_NFS4 = "system.nfs4_acl"
_NFS4_WRITES = 0x2 | 0x4 | 0x40 | 0x10000 | 0x40000 | 0x80000
"""write data or add a file, append or add a folder, delete a child, delete, write the ACL, take ownership"""
_WORD = struct.Struct(">I")
_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _GROUP_OBJ, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 0x02


def guarded(path: Path) -> None:
    """Complaint where somebody else may write the file or its folder, or exchange a folder above it, by mode bits or by an ACL."""
    if sys.platform == "win32":
        _guarded_there(path)
        return
    real = Path(os.path.realpath(path))
    for place in (real.parent, *real.parents, real):
        status = _status(place)
        if who := _others(place, status, swap_only=place not in (real, real.parent)):
            cure = _cure(real, status) if place == real else _move(real)
            raise Complaint(
                f"{place} can be written by {who} (mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}).",
                f"{cure} Then read what it says before you go on.",
                WRONG_USE,
            )


def _guarded_there(path: Path) -> None:
    """The same on Windows, by the descriptors."""
    from hunter.host.windows.access import other_writer

    real = Path(os.path.realpath(path))
    for place in (real.parent, *real.parents, real):
        try:
            who = other_writer(place, swap_only=place not in (real, real.parent))
        except OSError as e:
            raise Complaint(f"{place} cannot be read: {e.strerror or e}.", "Give the path of a plan.", WRONG_USE) from e
        if who:
            grant = 'icacls C:\\removal /inheritance:r /grant "*S-1-5-32-544:(OI)(CI)F"'
            do = f"Copy it into a folder of administrators alone: mkdir C:\\removal, then {grant}."
            raise Complaint(f"{place} can be written by {who}.", f"{do} Then read what it says before you go on.", WRONG_USE)


def _status(place: Path) -> os.stat_result:
    try:
        return place.stat()
    except OSError as e:
        raise Complaint(f"{place} cannot be read: {e.strerror}.", "Give the path of a plan.", WRONG_USE) from e


def _others(place: Path, status: os.stat_result, *, swap_only: bool) -> str:
    """Return who else may write, as words for a message, '' for nobody. `swap_only`: a sticky bit is enough."""
    if status.st_uid not in (0, os.geteuid()):
        return "others"
    if swap_only and status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "others"
    if who := next(_nfs4_writers(place), ""):
        return who
    entries = access_list(place)
    if entries is None:
        return "others" if status.st_mode & stat.S_IWGRP and not _private(status.st_gid, status.st_uid) else ""
    return next(_writers(entries, status), "")


def access_list(place: Path) -> list[tuple[int, int, int]] | None:
    """Return the entries of the access ACL (tag, permissions, id), None without one. Source: linux/posix_acl_xattr.h and acl(5).

    Where there is an ACL, the group bits of the mode are its mask and do not say what the group may do.
    """
    try:
        raw = os.getxattr(place, _ACL)
    except OSError as e:
        if e.errno in (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS):
            return None
        raise Complaint(f"The ACL of {place} cannot be read: {e.strerror}.", "Copy the plan to a local file system.", WRONG_USE) from e
    if len(raw) < _HEADER.size or _HEADER.unpack_from(raw)[0] != 2 or (len(raw) - _HEADER.size) % _ENTRY.size:
        raise Complaint(f"The ACL of {place} has an unknown form.", f"Remove it: setfacl -b {shlex.quote(str(place))}", WRONG_USE)
    return list(_ENTRY.iter_unpack(raw[_HEADER.size :]))


def _writers(entries: list[tuple[int, int, int]], status: os.stat_result) -> Iterator[str]:
    """Yield each user or group, apart from root and the caller, that an ACL lets write."""
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 7)
    for tag, permissions, who in entries:
        if not permissions & mask & _WRITE:
            continue
        if tag == _USER and who not in (0, os.geteuid()):
            yield f"the user {who}, by an ACL,"
        group = status.st_gid if tag == _GROUP_OBJ else who
        if tag in (_GROUP_OBJ, _GROUP) and not _private(group, status.st_uid):
            yield f"the group {group}, by an ACL,"


def _nfs4_writers(place: Path) -> Iterator[str]:
    """Yield whom an NFSv4 ACL lets write beside the owner: there the mode bits do not say it."""
    try:
        raw = os.getxattr(place, _NFS4)
    except OSError as e:
        if e.errno in (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS):
            return
        raise Complaint(f"The ACL of {place} cannot be read: {e.strerror}.", "Copy the plan to a local file system.", WRONG_USE) from e
    try:
        entries = nfs4_entries(raw)
    except ValueError as e:
        raise Complaint(f"The ACL of {place} has an unknown form.", "Copy the plan to a local file system.", WRONG_USE) from e
    for kind, mask, who in entries:
        if kind == 0 and mask & _NFS4_WRITES and who not in ("OWNER@", "root") and not who.startswith("root@"):
            yield f"{who}, by an ACL,"


def nfs4_entries(raw: bytes) -> list[tuple[int, int, str]]:
    """Return (type, access mask, who) of each entry of an NFSv4 ACL; type 0 allows. ValueError for another form.

    Source: RFC 7530, 6.2.1 (acl attribute) in XDR: a count, then type, flags, mask and the name, padded to four bytes.
    """
    try:
        (count,) = _WORD.unpack_from(raw, 0)
        found, at = [], 4
        for _ in range(count):
            kind, _, mask, length = struct.unpack_from(">IIII", raw, at)
            name = raw[at + 16 : at + 16 + length]
            if len(name) < length:
                raise ValueError("the name of an entry is cut")
            found.append((kind, mask, name.decode("utf-8", "replace")))
            at += 16 + -(-length // 4) * 4
    except struct.error as e:
        raise ValueError("the list of entries is cut") from e
    return found


def _cure(plan: Path, status: os.stat_result) -> str:
    named = shlex.quote(str(plan))
    cure = [f"chown root {named}"] * (status.st_uid not in (0, os.geteuid())) + [f"setfacl -b {named}"] * (access_list(plan) is not None)
    return f"Make it yours alone: {'; '.join([*cure, f'chmod go-w {named}'])}."


def _move(plan: Path) -> str:
    """A folder that others use stays as it is: `chmod` on /tmp or `chown` on a home would break what runs there."""
    name = plan.name.removesuffix(".journal.jsonl")
    return f"Copy it into a folder of yours alone: mkdir -m 700 ~/removal && cp -r {shlex.quote(str(plan.with_name(name)))}* ~/removal/."


def _private(gid: int, owner: int) -> bool:
    """Return True where only the owner is in this group (a user's own group, as most distributions make them)."""
    import grp
    import pwd

    try:
        name, group = pwd.getpwuid(owner).pw_name, grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == name and set(group.gr_mem) <= {name} and {p.pw_uid for p in pwd.getpwall() if p.pw_gid == gid} <= {owner}
