r"""RecentDocs: files and folders that a user opened through Explorer, in all and by extension."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, registry_artefact
from commodore.registry.mru import MRU_TIMES, PROVES_NO_TIME, mru
from scout.formats.regf import Value
from scout.formats.regf.data import text
from scout.formats.shell.items import shell_items


def _entry(at: At, value: Value) -> dict[str, Any]:
    raw = value.raw
    name = text(raw)
    if not name:
        raise ValueError("recent document without a name")
    kind = at.parts[-1]
    made: dict[str, Any] = {"file.name": name, "escadre.shell.items": [str(item) for item in shell_items(raw[2 * len(name) + 2 :])]}
    return made | ({"file.extension": kind[1:]} if kind.startswith(".") else {})


_KEY = r"Software\Microsoft\Windows\CurrentVersion\Explorer\RecentDocs"

ARTEFACT, parse, expected = registry_artefact(
    name="recent_docs",
    title="Recent documents",
    about="Names of files and folders that a user opened through Explorer, in the order of use: one list of all, and one for each "
    "extension. The item names the link in the Recent folder, which has the path.",
    proves_not=f"{PROVES_NO_TIME} A list per extension has a time of its own for its first entry.",
    keys=(_KEY, f"{_KEY}\\*"),
    read=mru(_entry),
    fields=("file.name", "file.extension", "escadre.shell.items"),
    times=MRU_TIMES,
    category=("file",),
    type=("access",),
    action="recent-item-observed",
    message="[{user.name}|The user] opened {file.name!q}[, place {escadre.mru.position} of the recent documents][, at {@timestamp}].",
    sources=("Most recently used keys, libyal winreg-kb",),
)
