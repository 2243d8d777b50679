"""The list of all files of a host that SCOUT writes: one record a name, with times, mode, owner, flags, capabilities and package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.json_lines import JsonLinesView, Schema, locator
from commodore.host import Host

ARTEFACT = Artefact(
    name="file_listing",
    title="File listing",
    about="Every name of the local file systems as the kernel listed it while SCOUT ran: times with the birth time, mode, owner, flags, "
    "capabilities, links, and whether a package of the host owns it. What a rootkit hides from the kernel's list is missing here. Whoever "
    "is root can set the times of the content and of access, and can change the package database.",
    holds=Schema("files", 1),
    targets=("LF01", "WN12"),
    fields=(
        "file.path",
        "file.name",
        "file.type",
        "file.size",
        "file.mode",
        "file.uid",
        "file.gid",
        "file.owner",
        "file.group",
        "file.inode",
        "file.mtime",
        "file.ctime",
        "file.accessed",
        "file.created",
        "file.target_path",
        "package.name",
        "escadre.file.capabilities",
        "escadre.file.flags",
        "escadre.file.in_package",
        "escadre.file.label",
        "escadre.file.xattrs",
        "event.reason",
    ),
    times={
        "@timestamp": "last change of the metadata, which no ordinary call can set back",
        "file.mtime": "last change of the content: its owner may set it",
        "file.ctime": "last change of the metadata",
        "file.accessed": "last read, as far as the mount options keep it: its owner may set it",
        "file.created": "birth, where the file system keeps it",
    },
    kind="state",
    category=("file",),
    type=("info",),
    action="file-observed",
    message="{file.path!q} is a [{file.type}|name][ to {file.target_path!q}][ of {file.size} bytes][, mode {file.mode}]"
    "[, owner {file.owner!q}][, capabilities {escadre.file.capabilities}][, flags {escadre.file.flags}][, not listed: {event.reason}].",
    sources=("scout.collecting.filelist: live/files.jsonl, schema files/1", "statx(2), inode(7), xattr(7), capabilities(7)"),
)

_TEXTS = (
    ("type", "file.type"),
    ("mode", "file.mode"),
    ("owner", "file.owner"),
    ("group_name", "file.group"),
    ("mtime", "file.mtime"),
    ("ctime", "file.ctime"),
    ("atime", "file.accessed"),
    ("btime", "file.created"),
    ("link", "file.target_path"),
    ("capabilities", "escadre.file.capabilities"),
    ("selinux", "escadre.file.label"),
)
_NUMBERS = (("uid", "file.uid"), ("gid", "file.gid"), ("ino", "file.inode"))
_TYPES = {"directory": "dir", "link": "symlink"}


def expected(listing: JsonLinesView) -> int:
    """Count the lines after the first that are not blank."""
    return listing.expected()


def parse(listing: JsonLinesView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    yield from listing.each(_record)


def _record(numbered: tuple[int, dict[str, Any]]) -> Iterator[Record | Problem]:
    one = numbered[1]
    path = one.get("path")
    if not isinstance(path, str) or not path:
        yield Problem("object has no path", locator(numbered), 1)
        return
    out: dict[str, Any] = {"file.path": path, "file.name": path.rsplit("\\" if path[1:3] == ":\\" else "/", 1)[-1]}
    for key, field in _TEXTS:
        if isinstance(value := one.get(key), str) and value:
            out[field] = value
    for key, field in _NUMBERS:
        if type(value := one.get(key)) is int:
            out[field] = str(value)
    if type(size := one.get("size")) is int and one.get("type") == "file":
        out["file.size"] = size
    if "file.type" in out:
        out["file.type"] = _TYPES.get(out["file.type"], out["file.type"])
    if flags := _words(one.get("flags")):
        out["escadre.file.flags"] = ", ".join(flags)
    if xattrs := _words(one.get("xattrs")):
        out["escadre.file.xattrs"] = xattrs
    if isinstance(package := one.get("package"), str):
        out["escadre.file.in_package"] = bool(package)
        if package:
            out["package.name"] = package
    if isinstance(reason := one.get("not_entered") or one.get("error"), str):
        out["event.reason"] = reason
    if "file.ctime" in out:
        out["@timestamp"] = out["file.ctime"]
    yield Record(locator(numbered), out, "live")


def _words(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
