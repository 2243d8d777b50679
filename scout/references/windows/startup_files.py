"""Scripts of PowerShell and of group policy."""

from __future__ import annotations

from collections.abc import Iterator

from scout.formats.startup import languages
from scout.formats.textlines import lines_of
from scout.references.named import NamedFile, StartingFile
from scout.references.win32 import from_command, from_text


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that the lines of a script name."""
    for _, entries in languages()[file.language].entries(lines_of(file.content)):
        for entry in entries:
            text = entry.parts.get("command") or entry.parts.get("value") or entry.parts.get("path") or ""
            yield from from_command(text, file)
            yield from from_text(text, file)
