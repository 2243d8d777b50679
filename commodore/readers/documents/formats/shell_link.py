"""Shortcuts (`.lnk`): target and arguments. Source: [MS-SHLLINK], read by `scout.formats.shortcut`."""

from __future__ import annotations

from commodore.readers.documents.model import Document
from commodore.readers.shortcuts import shortcut_fields
from scout.formats import shortcut

NAME = "shortcut"
MAGIC = ((0, b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F"),)
ENDINGS: tuple[str, ...] = ()


def read(data: bytes, document: Document) -> None:
    """Read what a shortcut opens."""
    document.format = "shortcut"
    found = shortcut.target(data[: shortcut.LARGEST])
    document.facts |= shortcut_fields(found, data)
    if line := document.facts.get("process.command_line"):
        document.text("command", line)
    if found.padded:
        document.trait("padded-arguments", found.arguments)
    if other := found.disguise:
        document.trait("two-targets", f"{found.path} and {other}")
    if behind := found.behind + max(0, len(data) - shortcut.LARGEST):
        document.trait("data-behind-link", f"{behind:,} bytes")
        document.embed("(behind the link)", data[-behind:])
    document.troubles |= dict.fromkeys(found.problems)
