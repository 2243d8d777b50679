"""Rows of a table of a SQLite database in memory. Nothing is written to a disk. Source: SQLite, Database File Format, section 1.3.

The database is evidence: only a plain table is read, because a view could compute forever, and steps and sizes are bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

MAGIC = b"SQLite format 3\0"
STEPS = 20_000_000
"""steps of SQLite's machine for all rows of a table"""


def rows(content: bytes, table: str, columns: str, note: Callable[[str], object], longest: int = 1 << 20) -> Iterator[tuple[Any, ...]]:
    """Yield the columns (SQL) of a table, in the order of its rows; `note` gets what does not read. `longest`: bytes of a value."""
    import sqlite3

    size, pages = struct.unpack_from(">H10xI", content.ljust(100, b"\0"), 16)
    if pages * (65_536 if size == 1 else size) > len(content):
        note(f"it is cut: {pages:,} pages were promised")
    plain = bytearray(content)
    plain[18:20] = b"\1\1"  # a file in WAL mode cannot be opened from memory; its log is another file
    left = [STEPS]

    def step() -> int:
        left[0] -= 10_000
        return left[0] < 0

    database = sqlite3.connect(":memory:")
    database.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
    try:
        database.deserialize(bytes(plain))
        database.set_progress_handler(step, 10_000)
        for statement in ("PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON"):
            database.execute(statement)
        kinds = database.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchall()
        if kinds == [("table",)]:
            yield from database.execute(f'SELECT {columns} FROM "{table}" ORDER BY rowid')  # noqa: S608  (both are of the caller's code)
        else:
            note(f"it has no table {table}")
    except (sqlite3.Error, UnicodeDecodeError) as e:  # the latter for an error message that is no text
        note(f"the database does not read to its end: {e}")
    finally:
        database.close()
