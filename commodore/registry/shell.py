"""Fields of a list of shell items."""

from __future__ import annotations

import re
from typing import Any

from commodore.registry import At
from scout.formats.shell.items import ShellItem, shell_path

SHELL_FIELDS = (
    "escadre.shell.path",
    "escadre.shell.items",
    "escadre.mft.sequence",
    "file.path",
    "file.name",
    "file.type",
    "file.size",
    "file.inode",
    "file.created",
    "file.mtime",
    "file.accessed",
)
SHELL_TIMES = {
    "file.created": "birth of the last item's file when the list was written, from its directory entry (two seconds' precision)",
    "file.mtime": "last change of that file, at the same moment",
    "file.accessed": "last access to that file, at the same moment",
}
SHELL_SOURCES = ("Windows Shell Item format, libfwsi documentation, J. Metz", "[MS-SHLLINK] 2.2 LinkTargetIDList", "[MS-PROPSTORE]")
_TYPES = {"directory": "dir", "file": "file"}


def item_fields(at: At, items: list[ShellItem]) -> dict[str, Any]:
    """Return the fields of a list: its path, each item in words, the file facts of the last item. Raises ValueError for an empty one."""
    if not items:
        raise ValueError("the list of shell items is empty")
    last, path = items[-1], shell_path(items)
    made: dict[str, Any] = {"escadre.shell.path": path, "escadre.shell.items": [str(item) for item in items]}
    if re.match(r"[A-Za-z]:\\|\\\\", full := at.path(path)):
        made["file.path"] = full
    if last.kind in _TYPES:
        made |= {"file.name": last.name, "file.type": _TYPES[last.kind]}
        if last.kind == "file":
            made["file.size"] = last.size
    if last.entry:
        made |= {"file.inode": str(last.entry), "escadre.mft.sequence": last.sequence}
    times = {"file.created": last.created, "file.mtime": last.modified, "file.accessed": last.accessed}
    return made | {name: time for name, time in times.items() if time}
