"""A database of rpm whose packages are in its write-ahead log alone, as after an installation that SQLite has not merged yet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def in_log(content: bytes, folder: Path) -> tuple[bytes, bytes]:
    """Return (database without a package, its log with all packages of `content`), both as SQLite writes them."""
    path = folder / "made.sqlite"
    path.write_bytes(content)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        there = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        tables = sorted(there & {"Packages", "Basenames"})
        steps = ["PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0"]
        steps += [f"CREATE TEMP TABLE kept{table} AS SELECT * FROM {table}" for table in tables]
        steps += [*(f"DELETE FROM {table}" for table in tables), "PRAGMA wal_checkpoint(TRUNCATE)", "BEGIN"]
        for step in [*steps, *(f"INSERT INTO {table} SELECT * FROM kept{table}" for table in tables), "COMMIT"]:
            database.execute(step).fetchall()
        return path.read_bytes(), Path(f"{path}-wal").read_bytes()
