r"""LastVisited MRU: programs that showed a dialog to open or save a file, and the folder of it."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, registry_artefact
from commodore.registry.mru import MRU_TIMES, PROVES_NO_TIME, mru
from commodore.registry.shell import SHELL_FIELDS, SHELL_SOURCES, SHELL_TIMES, item_fields
from scout.formats.regf import Value
from scout.formats.regf.data import text
from scout.formats.shell.items import shell_items


def _entry(at: At, value: Value) -> dict[str, Any]:
    raw = value.raw
    program = text(raw)
    rest = raw[2 * len(program) + 2 :]
    made: dict[str, Any] = {"process.name": program}
    if at.parts[-1].lower() == "lastvisitedmru":  # Windows XP: the folder as text
        return made | ({"file.path": text(rest)} if text(rest) else {})
    return made | (item_fields(at, shell_items(rest)) if rest[:2].strip(b"\0") else {})


_PARENT = r"Software\Microsoft\Windows\CurrentVersion\Explorer\ComDlg32"

ARTEFACT, parse, expected = registry_artefact(
    name="last_visited_mru",
    title="Programs that opened files, and their last folders",
    about="Programs in which a user chose a file with a common dialog, and the last folder of each. Some programs have an id in place "
    "of their name.",
    proves_not=PROVES_NO_TIME,
    keys=tuple(f"{_PARENT}\\{name}" for name in ("LastVisitedPidlMRU", "LastVisitedPidlMRULegacy", "LastVisitedMRU")),
    read=mru(_entry),
    fields=("process.name", *SHELL_FIELDS),
    times=MRU_TIMES | SHELL_TIMES,
    category=("process", "file"),
    type=("access",),
    action="recent-item-observed",
    message="[{user.name}|The user] chose a file in {process.name!q}[, last in {escadre.shell.path!q}|, last in {file.path!q}]"
    "[, at {@timestamp}].",
    sources=SHELL_SOURCES,
)
