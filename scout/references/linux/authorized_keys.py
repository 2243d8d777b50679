"""Keys that may log in: the program that a key starts in place of a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.formats.textlines import decode, lines_of
from scout.references.named import NamedFile, StartingFile
from scout.references.posix import from_command

_COMMAND = re.compile(r'(?i:\bcommand)="((?:[^"\\]|\\.)*)')


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that forced commands start."""
    for line in lines_of(file.content):
        bare = decode(line.raw).strip()
        if not bare.startswith("#") and (found := _COMMAND.search(bare[: 1 << 16])):
            yield from from_command(found[1].replace('\\"', '"'), file.home)
