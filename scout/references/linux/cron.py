"""Tables of cron and anacron, and the scripts of the periodic folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scout.formats.crontab import PERIODIC, entry_of, table_of, without_input
from scout.formats.textlines import decode, lines_of
from scout.references.linux import startup_files
from scout.references.named import NamedFile, StartingFile
from scout.references.posix import from_command


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that the entries start. Entries that cron ignores count too."""
    table = table_of(file.path)
    if table.kind == PERIODIC:
        yield from startup_files.names(replace(file, language="shell"))
        return
    for line in lines_of(file.content):
        entry = entry_of(line.raw, table)
        if entry is not None:
            command = decode(entry.command).strip()
            yield from from_command(command if entry.job else without_input(command)[0], file.home_of(decode(entry.user)))
        elif b"=" in line.raw:
            yield from from_command(decode(line.raw))
