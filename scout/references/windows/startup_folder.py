"""Startup folders: what their shortcuts open."""

from __future__ import annotations

from collections.abc import Iterator

from scout.formats import shortcut
from scout.references.named import NamedFile, StartingFile
from scout.references.win32 import from_command, from_text


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that a shortcut and its arguments start, and programs that other parts of it name; nothing for other files."""
    try:
        found = shortcut.target(file.content)
    except ValueError:
        return
    yield from from_command(found.command_line, file)
    yield from from_text("\n".join(found.others), file)
