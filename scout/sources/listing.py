"""List a folder with all facts of each name, without opening a file.

On Linux one `statx` a name gives mode, owner, times with the birth time, and attributes; extended attributes are read by name. Elsewhere
the listing has what the source's `status` and `facts` give.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from scout.archive.facts import rfc3339, type_of
from scout.formats import capabilities
from scout.sources import statx
from scout.sources.directory import DirectorySource
from scout.sources.source import EvidenceSource, Parts

MAX_XATTR = 4096
"""bytes of an extended attribute whose value is read"""


class ListedName(NamedTuple):
    """One name of a folder. `kind` as in custody; `facts` without what is unknown."""

    name: str
    kind: str
    facts: dict[str, Any]


def names(source: EvidenceSource, folder: Parts) -> Iterator[ListedName]:
    """Yield all names of a folder, in the order of the file system where that is Linux. Raises OSError where it cannot be listed.

    A name that vanishes meanwhile, or whose facts are refused, has the fact `error`.
    """
    if isinstance(source, DirectorySource) and source.fds and sys.platform.startswith("linux"):
        yield from _fast(source, folder)
        return
    for entry in source.scan(folder, lambda _: True):
        parts = (*folder, entry.name)
        try:
            status = source.status(parts)
            facts = {key: value for key, value in source.facts(parts, status).items() if value is not None}
            facts["size"] = status.st_size
            kind = type_of(status.st_mode)
            if kind == "link":
                facts["link"] = source.link(parts)
        except OSError as e:
            kind, facts = {"folder": "directory"}.get(entry.kind, entry.kind), {"error": e.strerror or str(e)}
        yield ListedName(entry.name, kind, facts)


def _fast(source: DirectorySource, folder: Parts) -> Iterator[ListedName]:
    fd = os.dup(source.descriptor(folder))
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                yield _named(source, fd, entry.name)
    finally:
        os.close(fd)


def _named(source: DirectorySource, fd: int, name: str) -> ListedName:
    try:
        status = statx.of_name(fd, os.fsencode(name))
        if status is None:
            return ListedName(name, "unknown", {"error": "this system has no statx"})
        kind = type_of(status.mode)
        facts = _facts(source, status)
        if kind == "link":
            facts["link"] = os.readlink(name, dir_fd=fd)
        else:
            facts.update(_attributes(f"/proc/self/fd/{fd}/{name}"))
    except OSError as e:
        return ListedName(name, "unknown", {"error": e.strerror or str(e)})
    return ListedName(name, kind, facts)


def _facts(source: DirectorySource, status: statx.StatxResult) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "size": status.size,
        "mode": f"{stat.S_IMODE(status.mode):04o}",
        "uid": status.uid,
        "gid": status.gid,
        "ino": status.ino,
        "dev": os.makedev(*status.device),
        "nlink": status.nlink,
        "mtime": rfc3339(status.mtime),
        "ctime": rfc3339(status.ctime),
        "atime": rfc3339(status.atime),
    }
    if status.btime:
        facts["btime"] = rfc3339(status.btime)
    if status.attributes:
        facts["flags"] = list(status.attributes)
    if owner := source.users.get(status.uid):
        facts["owner"] = owner
    if group := source.groups.get(status.gid):
        facts["group_name"] = group
    return facts


def _attributes(path: str) -> dict[str, Any]:
    """Return `xattrs` (names), `capabilities` and `selinux` of a name that is no link; {} where there are none or they are not known."""
    try:
        found = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return {}
    if not found:
        return {}
    facts: dict[str, Any] = {"xattrs": found}
    for name, key in (("security.capability", "capabilities"), ("security.selinux", "selinux")):
        if name in found:
            try:
                raw = os.getxattr(path, name, follow_symlinks=False)[:MAX_XATTR]
            except OSError:
                continue
            text = capabilities.text(raw) if key == "capabilities" else raw.rstrip(b"\0").decode("utf-8", "backslashreplace")
            facts[key] = text or "not readable"
    return facts
