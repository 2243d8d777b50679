"""Shortcuts (`.lnk`): target and arguments. Source: [MS-SHLLINK], read by `scout.formats.shortcut`."""

from __future__ import annotations

import re

from commodore.readers.documents.model import Document
from scout.formats import shortcut

NAME = "shortcut"
MAGIC = ((0, b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F"),)
ENDINGS: tuple[str, ...] = ()
_PADDED = re.compile(r"\s{40,}\S")


def read(data: bytes, document: Document) -> None:
    """Read what a shortcut opens."""
    document.format = "shortcut"
    found = shortcut.target(data[: shortcut.LARGEST])
    line = found.command_line or found.arguments
    if found.path:
        document.facts["file.target_path"] = found.path
    if line:
        document.facts["process.command_line"] = line
        document.texts.append(("command", line))
    if _PADDED.search(found.arguments):
        document.trait("padded-arguments", found.arguments)
