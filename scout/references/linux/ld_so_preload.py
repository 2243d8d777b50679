"""Libraries that the dynamic loader loads into every program."""

from __future__ import annotations

from collections.abc import Iterator

from scout.formats.preload import names_in
from scout.formats.textlines import decode, lines_of
from scout.references.named import NamedFile, StartingFile


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the libraries; a name without a folder is searched as the loader does."""
    for line in lines_of(file.content):
        yield from (NamedFile(decode(name)) for name in names_in(line.raw))
