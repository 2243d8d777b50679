"""Files in the languages of `scout/formats/startup/languages.yaml`: rc files, at jobs, sudoers, PAM, udev and their like."""

from __future__ import annotations

from collections.abc import Iterator

from scout.formats.startup import languages
from scout.formats.textlines import lines_of, split
from scout.references.named import NamedFile, StartingFile
from scout.references.posix import from_command, from_setting


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that the entries of the file name, line by line. A compiled program in a place for scripts names nothing."""
    if file.content.startswith(b"\x7fELF"):
        return
    language = languages()[file.language]
    for _, entries in language.entries(split((file.content,)) if language.to_nul else lines_of(file.content)):
        for entry in entries:
            if command := entry.parts.get("command"):
                yield from from_command(command, file.home_of(entry.parts.get("user", "")) or file.home)
            if path := entry.parts.get("path"):
                yield NamedFile(path)
            if value := entry.parts.get("value"):
                yield from from_setting(value)
