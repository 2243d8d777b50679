r"""Amcache: shortcuts of the Start menu and the desktop."""

from __future__ import annotations

from commodore.readers.hives.amcache import FILES, SOURCES, TIMES
from commodore.registry import each_key, registry_artefact, restated

_VALUES = {"ShortcutPath": "file.path", "ShortcutTargetPath": "file.target_path", "ShortcutProgramId": "escadre.amcache.program_id"}

ARTEFACT, parse, expected = registry_artefact(
    name="amcache_shortcuts",
    title="Amcache: shortcuts",
    about="Shortcuts to programs that were there when the inventory was taken, and what they start. From Windows 10 1709 on.",
    proves_not="That the shortcut is still there, or that anybody used it.",
    keys=(r"Root\InventoryApplicationShortcut\*",),
    files=FILES,
    targets=("WR06",),
    read=each_key(restated(_VALUES, also=("ShortcutAumid",), needs=("ShortcutPath",))),
    fields=(*_VALUES.values(), "escadre.settings"),
    times=TIMES,
    category=("file",),
    action="program-presence-observed",
    message="The inventory has the shortcut {file.path!q}[, which starts {file.target_path!q}].",
    sources=SOURCES,
)
