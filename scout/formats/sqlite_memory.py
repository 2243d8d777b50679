"""Tables of a SQLite database in memory, with its write-ahead log. Nothing is written to a disk.

Sources: SQLite, Database File Format, sections 1.3 and 3 (rollback journal). The database is evidence: only a plain table is read, because
a view could compute forever, and steps and sizes are bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from scout.formats import sqlite_wal

MAGIC = b"SQLite format 3\0"
STEPS = 20_000_000
"""steps of SQLite's machine for all rows of a table"""
LONGEST = 1 << 20
"""bytes of a value, unless the caller needs longer ones"""
_JOURNAL = bytes.fromhex("d9d505f920a163d7")


class SqliteFile:
    """A database. `log`: its write-ahead log (`-wal`), which is applied as far as it is valid; `journal`: its rollback journal."""

    def __init__(self, content: bytes, log: bytes = b"", journal: bytes = b"", longest: int = LONGEST) -> None:
        import sqlite3  # the agent goes without this library until a host has such a database

        self._errors = (sqlite3.Error, UnicodeDecodeError)  # the latter for a message of an error that is no text
        self.notes: list[str] = []
        """what does not read, each once"""
        size, pages = struct.unpack_from(">H10xI", content.ljust(100, b"\0"), 16)
        if pages * (65_536 if size == 1 else size) > len(content):
            self.notes.append(f"it is cut: {pages:,} pages were promised")
        if journal.startswith(_JOURNAL):
            self.notes.append(
                f"it has a rollback journal of {len(journal):,} bytes: its last change was not finished, and was not taken back"
            )
        plain = bytearray(content)
        if refused := sqlite_wal.apply(plain, log):
            self.notes.append(f"{refused}: the newest rows may be there alone")
        plain[18:20] = b"\1\1"  # a file in WAL mode cannot be opened from memory
        self._left = STEPS
        self._database = sqlite3.connect(":memory:")
        self._database.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
        self.tables: frozenset[str] = frozenset()
        """names of the plain tables"""
        try:
            self._database.deserialize(plain)
            self._database.set_progress_handler(self._step, 10_000)
            for statement in ("PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON"):
                self._database.execute(statement)
            named = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            self.tables = frozenset(name for (name,) in named if isinstance(name, str))
        except self._errors as e:
            self._failed(e)

    def rows(self, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield the columns (SQL of the caller's code) of a table, in the order of its rows, up to where it does not read."""
        self._left = STEPS
        try:
            yield from self._database.execute(f'SELECT {columns} FROM "{table}" ORDER BY rowid')  # noqa: S608  (both are of the caller's code)
        except self._errors as e:
            self._failed(e)

    def close(self) -> None:
        """Free the database."""
        self._database.close()

    def _failed(self, error: Exception) -> None:
        note = f"the database does not read to its end: {error}"
        if note not in self.notes:
            self.notes.append(note)

    def _step(self) -> bool:
        self._left -= 10_000
        return self._left < 0


def rows(content: bytes, table: str, columns: str, note: Callable[[str], object], longest: int = LONGEST) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of one table; `note` gets what does not read."""
    file = SqliteFile(content, longest=longest)
    try:
        if table in file.tables:
            yield from file.rows(table, columns)
        elif not any("does not read" in one for one in file.notes):
            note(f"it has no table {table}")
        for one in file.notes:
            note(one)
    finally:
        file.close()
