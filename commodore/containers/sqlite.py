"""SQLite databases: tables, with what the write-ahead log has committed. A database is opened once for all artefacts that read in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from commodore.artefact import Problem, Record
from commodore.container import Holds, Opened, UnreadableError
from commodore.evidence import Evidence, Group
from commodore.fence import fenced
from commodore.host import Host
from scout.formats.sqlite_memory import MAGIC, SqliteFile


class Tables(Holds):
    """Tables by name, with the columns that are read: `Tables({"wtmp": "ID, Login"}, match=("var/lib/wtmpdb/wtmp*.db",))`.

    An artefact gets a database that has one of them at least.
    """

    container = "sqlite"
    group = Group({"wal": "{name}-wal", "shm": "{name}-shm", "journal": "{name}-journal"})

    def __init__(self, tables: Mapping[str, str], match: tuple[str, ...]) -> None:
        self.tables, self._match = tables, match

    @property
    def match(self) -> tuple[str, ...]:
        return self._match

    @classmethod
    def open(cls, evidence: Evidence, host: Host) -> OpenedSqlite:  # noqa: ARG003
        """Read the list of tables."""
        content = evidence.data
        if not content.startswith(MAGIC):
            raise UnreadableError("it is no SQLite database" if content else "it is empty")
        log, journal = (c.data if (c := evidence.companions.get(role)) else b"" for role in ("wal", "journal"))
        return OpenedSqlite(SqliteFile(content, log, journal))

    def __str__(self) -> str:
        return ", ".join(f"`{name}`" for name in self.tables)


class OpenedSqlite(Opened):
    """One database."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._asked: dict[str, bool] = {}
        """table → whether it is there"""

    def offer(self, holds: Tables) -> TablesView | None:
        found = {name: columns for name, columns in holds.tables.items() if name in self._file.tables}
        self._asked |= {name: name in found for name in holds.tables}
        return TablesView(self._file, found) if found else None

    def problems(self) -> Iterator[Problem]:
        yield from map(Problem, self._file.notes)
        if not any(self._asked.values()):
            yield Problem(f"it has no table {' or '.join(self._asked)}")


class TablesView:
    """The tables of the database that an artefact reads. `names`: those that are there, in the order of the declaration."""

    def __init__(self, file: SqliteFile, tables: Mapping[str, str]) -> None:
        self._file, self._tables, self.names = file, tables, tuple(tables)

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Yield the declared columns of each row. Trouble with the database is told by the container."""
        return self._file.rows(table, self._tables[table])

    def each(self, table: str, *readers: Callable[[tuple[Any, ...]], Iterable[Record | Problem]]) -> Iterator[Record | Problem]:
        """Yield what the readers yield for each row, whose first column is its number. Where one raises, that alone is a problem."""
        parts = ((read, row) for row in self.rows(table) for read in readers)
        return fenced(parts, lambda part: f"{table} {part[1][0]}", lambda part: part[0](part[1]))
