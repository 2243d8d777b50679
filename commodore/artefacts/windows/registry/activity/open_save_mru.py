r"""OpenSave MRU: files that a user chose in the dialogs to open or save a file, by extension."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, registry_artefact
from commodore.registry.mru import MRU_TIMES, PROVES_NO_TIME, mru
from commodore.registry.shell import SHELL_FIELDS, SHELL_SOURCES, SHELL_TIMES, item_fields
from scout.formats.regf import Value
from scout.formats.shell.items import shell_items


def _entry(at: At, value: Value) -> dict[str, Any]:
    made = {"file.path": value.text} if value.kind == 1 else item_fields(at, shell_items(value.raw))
    extension = at.parts[-1]
    return made if extension in ("*", "OpenSaveMRU", "OpenSavePidlMRU") else made | {"file.extension": extension}


_PARENT = r"Software\Microsoft\Windows\CurrentVersion\Explorer\ComDlg32"

ARTEFACT, parse, expected = registry_artefact(
    name="open_save_mru",
    title="Files chosen in open and save dialogs",
    about="Files that a user chose in the common dialogs, one list for each extension and one (`*`) of all. From Vista on an entry is "
    "a list of shell items with the times and the MFT reference of each folder.",
    proves_not=PROVES_NO_TIME,
    keys=tuple(f"{_PARENT}\\{name}{below}" for name in ("OpenSavePidlMRU", "OpenSaveMRU") for below in ("", "\\*")),
    read=mru(_entry),
    fields=(*SHELL_FIELDS, "file.extension"),
    times=MRU_TIMES | SHELL_TIMES,
    category=("file",),
    type=("access",),
    action="recent-item-observed",
    message="[{user.name}|The user] chose [{escadre.shell.path!q}|{file.path!q}|a file] in a dialog[, place {escadre.mru.position} of its "
    "list][, at {@timestamp}].",
    sources=SHELL_SOURCES,
)
