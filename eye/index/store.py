"""An open index: hits, histogram, facets, rows and records of one case, by DuckDB over the Parquet parts and tantivy over their words.

A `Store` is safe to use from several threads: each question runs on its own cursor, is stopped after `seconds` where a page waits for it,
and its memory is bounded.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import tantivy

from commodore.schema import registry
from eye.case import open_case, sources
from eye.index.columns import RECORD, ROW, TIME
from eye.index.parts import fresh, index
from eye.index.slices import open_words, words_schema
from eye.query.compile import Compiler
from eye.query.lucene import Node, parse
from eye.query.tokens import fold
from eye.query.values import NS_MAX, NS_MIN
from scout.console import COULD_NOT, Complaint

MEMORY = "384MB"
"""What DuckDB may hold; beyond it, it writes to `index/.scratch`."""
CACHED_WORDS = 64
LINES_AT_ONCE, BYTES_AT_ONCE = 200_000, 32_000_000
"""Hits, and bytes of their lines, that are read in one pass over the index when all are wanted."""
REGEX_LIMIT = 300
"""Longest wildcard pattern over words, in characters: a bound for the automaton."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query made ready: its condition, the values in it, and the row sets of its words."""

    query: str
    condition: str
    parameters: tuple[Any, ...]
    tables: tuple[tuple[str, pa.Table], ...]


class Store:
    """The index of one case, opened for reading; built first where it is not up to date."""

    def __init__(self, path: str | Path, *, build: bool = True, seconds: float | None = None) -> None:
        self.case, self.seconds = open_case(path), seconds
        self.home = self.case / "index"
        if build and any(fresh(self.home, source) is None for source in sources(self.case)):
            index(self.case)
        self._lock = threading.Lock()
        self._words: OrderedDict[tuple[str, str, tuple[str, ...]], pa.Table] = OrderedDict()
        self._load()

    def _load(self) -> None:
        parts = [(self.home / "parts" / s.dataset / s.collection, fresh(self.home, s)) for s in sources(self.case)]
        known = [(folder, part) for folder, part in parts if part]
        if len(known) < len(parts):
            raise Complaint(f"the index of {self.case} is not up to date.", f"eye index {self.case}", COULD_NOT)
        self.records = sum(int(part["records"]) for _, part in known)
        self.columns = frozenset(name for _, part in known for name in part["fields"])
        self.files = [str(folder / name) for folder, part in known for name in part["files"]]
        self._schema = words_schema()
        try:
            self._searchers = [self._words_of(folder / name) for folder, part in known for name in part["words"]]
            if (there := sum(one.num_docs for one in self._searchers)) != self.records:
                raise self._damaged(f"words of {there:,} records are there, of {self.records:,}")
            self._db = self._database()
        except (ValueError, OSError, duckdb.Error) as e:
            raise self._damaged(e) from e

    def _damaged(self, why: object) -> Complaint:
        said = str(why).splitlines()[0][:300]
        return Complaint(f"the index of {self.case} does not read: {said}.", f"Delete {self.home} and run `eye index` again.", COULD_NOT)

    def _words_of(self, folder: Path) -> tantivy.Searcher:
        """A searcher. tantivy locks a folder to read it: where nothing may be written, it gets a folder of links to the files."""
        try:
            return open_words(folder).searcher()
        except ValueError as e:
            if "Lockfile" not in str(e):
                raise
        with TemporaryDirectory(prefix="eye-") as aside:  # needed until the files are open
            for file in folder.resolve().iterdir():
                if file.suffix != ".lock":
                    (Path(aside) / file.name).symlink_to(file)
            return open_words(Path(aside)).searcher()

    def _database(self) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect(
            ":memory:", config={"memory_limit": MEMORY, "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        db.execute(f"SET temp_directory = {_quoted(str(self.home / '.scratch'))}")
        db.execute("SET enable_progress_bar = false")
        if self.files:
            listed = ", ".join(_quoted(f) for f in self.files)
            db.execute(f"CREATE VIEW rec AS SELECT * FROM read_parquet([{listed}], union_by_name = true)")  # noqa: S608  (our own file names, quoted)
        else:
            db.execute(f'CREATE TABLE rec ("{ROW}" BIGINT, "{RECORD}" BLOB, "{TIME}" BIGINT)')
        return db

    # --- a query

    def ask(self, query: str, filters: tuple[str, ...] = ()) -> Asked:
        """Read and compile a query and further queries that must match too. Raises QueryComplaint."""
        tables: dict[str, pa.Table] = {}
        parameters: list[Any] = []
        conditions = []
        for text in (query, *filters):
            compiler = Compiler(text, self.columns, lambda name, kind, tokens: self._rows(tables, name, kind, tokens), parameters)
            node: Node = parse(text)
            conditions.append(compiler.sql(node))
        real = [c for c in conditions if c != "true"]
        return Asked(query, " AND ".join(real) or "true", tuple(parameters), tuple(tables.items()))

    def _rows(self, tables: dict[str, pa.Table], name: str, kind: str, tokens: tuple[str, ...]) -> str:
        rows = self._word_rows(name, kind, tokens)
        if rows.num_rows == 0:
            return "false"
        table = f"words_{len(tables)}"
        tables[table] = rows
        return f'("{ROW}" IN (SELECT row FROM {table}))'  # noqa: S608  (our own name)

    def _word_rows(self, name: str, kind: str, tokens: tuple[str, ...]) -> pa.Table:
        key = (name, kind, tokens)
        with self._lock:
            if key in self._words:
                self._words.move_to_end(key)
                return self._words[key]
        question = self._question(name, kind, tokens)
        found: list[int] = []
        for searcher in self._searchers:
            hits = searcher.search(question, limit=max(1, searcher.num_docs), count=False).hits
            found += [int(row) for row in searcher.fast_field_values("row", [address for _, address in hits]) if row is not None]
        rows = pa.table({"row": pa.array(np.array(found, dtype=np.int64))})
        with self._lock:
            self._words[key] = rows
            while len(self._words) > CACHED_WORDS or sum(t.num_rows for t in self._words.values()) > 8_000_000:
                if len(self._words) == 1:
                    break
                self._words.popitem(last=False)
        return rows

    def _question(self, name: str, kind: str, tokens: tuple[str, ...]) -> tantivy.Query:
        query = tantivy.Query
        if kind == "regex":
            if len(tokens[0]) > REGEX_LIMIT:
                raise Complaint("a wildcard pattern is too long.", "Shorten it, or name a field.", 2)
            found = query.regex_query(self._schema, name, tokens[0])
        elif kind == "phrase":
            found = query.phrase_query(self._schema, name, list(tokens))
        elif kind == "any":
            found = query.boolean_query([(tantivy.Occur.Should, query.term_query(self._schema, name, token)) for token in tokens])
        else:
            found = query.term_query(self._schema, name, tokens[0])
        return query.const_score_query(found, 1.0)

    @contextmanager
    def _cursor(self, asked: Asked) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._db.cursor()
        timer = threading.Timer(self.seconds or 0, cursor.interrupt)
        timer.daemon = True
        if self.seconds:
            timer.start()
        try:
            for name, table in asked.tables:
                cursor.register(name, table)
            yield cursor
        except RuntimeError as e:
            if "interrupted" in str(e):  # what DuckDB makes of Ctrl-C
                raise KeyboardInterrupt from e
            raise
        except duckdb.InterruptException as e:
            if not self.seconds:
                raise KeyboardInterrupt from e
            raise Complaint(
                f"stopped after {self.seconds:.0f} s: the query has to read too much.",
                "Narrow the time, name a field, or drop the leading *.",
                COULD_NOT,
            ) from e
        except duckdb.OutOfMemoryException as e:
            raise Complaint(
                f"the query has to hold too much: {str(e).splitlines()[0]}.", "Narrow the time, or name a field.", COULD_NOT
            ) from e
        except duckdb.Error as e:
            if "KeyboardInterrupt" in str(e):  # Ctrl-C while DuckDB called back into Python
                raise KeyboardInterrupt from e
            if isinstance(e, (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)) or type(e) is duckdb.Error:
                raise self._damaged(e) from e  # duckdb.Error itself is what its Parquet reader says of bytes that are none
            raise
        finally:
            timer.cancel()
            if self.seconds:
                timer.join()  # a thread that still is there when Python ends keeps the cursor, and DuckDB complains of that on stderr
            cursor.close()

    def _run(self, asked: Asked, select: str, tail: str = "", *more: Any) -> list[tuple[Any, ...]]:
        with self._cursor(asked) as cursor:
            return cursor.execute(f"SELECT {select} FROM rec WHERE {asked.condition} {tail}", [*asked.parameters, *more]).fetchall()  # noqa: S608  (values are bound)

    # --- answers

    def count(self, asked: Asked) -> tuple[int, int | None, int | None]:
        """Number of hits, and the first and last time among them (nanoseconds since 1970 UTC) that 64 bits hold."""
        held = f'FILTER (WHERE "{TIME}" > {NS_MIN} AND "{TIME}" < {NS_MAX})'
        n, low, high = self._run(asked, f'count(*), min("{TIME}") {held}, max("{TIME}") {held}')[0]
        return n, low, high

    def histogram(self, asked: Asked, start: int, width: int, buckets: int) -> dict[int, int]:
        """Hits per bucket of `width` nanoseconds from `start`: bucket number → hits. Records without a time are in none."""
        inside = f'AND "{TIME}" >= {int(start)} AND "{TIME}" < {min(int(start) + int(width) * int(buckets), NS_MAX)} GROUP BY b'
        found = self._run(asked, f'("{TIME}"::HUGEINT - {int(start)}) // {int(width)} AS b, count(*)', inside)
        return {int(b): n for b, n in found}

    def facet(self, asked: Asked, name: str, limit: int = 6, begin: str = "") -> tuple[list[tuple[str, int]], int]:
        """Most frequent values of a field among the hits, without case, that begin so; and how many there are."""
        if name not in self.columns:
            return [], 0
        known, column = registry()[name], f'"{name}"'
        value = f"unnest({column})" if known.many else column
        like = f"WHERE starts_with(lower(v::VARCHAR), ${len(asked.parameters) + 1})" if begin and known.type != "ip" else ""
        inner = f"SELECT v FROM (SELECT {value} AS v FROM rec WHERE {asked.condition} AND {column} IS NOT NULL) {like}"  # noqa: S608
        by = "lower(v)" if known.type == "keyword" else "v"
        sql = f"SELECT any_value(v), count(*) AS n, count(*) OVER () FROM ({inner}) GROUP BY {by} ORDER BY n DESC, {by} LIMIT {int(limit)}"  # noqa: S608
        with self._cursor(asked) as cursor:
            found = cursor.execute(sql, [*asked.parameters, *([fold(begin)] if like else [])]).fetchall()
        return [(_shown(v), n) for v, n, _ in found], found[0][2] if found else 0

    def rows(self, asked: Asked, start: int, limit: int, *, descending: bool = False) -> list[dict[str, Any]]:
        """One page of hits in the order of time, those without a time last: whole records, each with its row number as `_row`."""
        order = f'ORDER BY "{TIME}" {"DESC" if descending else "ASC"} NULLS LAST, "{ROW}" LIMIT {int(limit)} OFFSET {int(start)}'
        return self.by_rows([row for (row,) in self._run(asked, f'"{ROW}"', order)])

    def by_rows(self, rows: list[int]) -> list[dict[str, Any]]:
        """Whole records by row number, in the order given."""
        if not rows:
            return []
        asked = Asked("", "true", (), ())
        listed = ", ".join(str(int(row)) for row in rows)
        found = dict(self._run(asked, f'"{ROW}", "{RECORD}"', f'AND "{ROW}" IN ({listed})'))
        return [{**orjson.loads(found[row]), ROW: row} for row in rows if row in found]

    def position(self, asked: Asked, row: int, *, descending: bool = False) -> int | None:
        """Place of a record among the hits, from 0, in the order of `rows`; None if it is no hit."""
        here = self._run(asked, f'"{TIME}"', f'AND "{ROW}" = {int(row)}')
        if not here:
            return None
        at = here[0][0]
        same = f'("{TIME}" IS NULL AND "{ROW}" < {int(row)})' if at is None else f'("{TIME}" = {at} AND "{ROW}" < {int(row)})'
        before = f'"{TIME}" IS NOT NULL OR {same}' if at is None else f'"{TIME}" {">" if descending else "<"} {at} OR {same}'
        return int(self._run(asked, "count(*)", f"AND ({before})")[0][0])

    def by_ids(self, ids: list[str]) -> list[dict[str, Any]]:
        """Whole records by `escadre.id`, in the order given; unknown ids are left out."""
        if not ids or "escadre.id" not in self.columns:
            return []
        asked = Asked("", 'list_contains($1, "escadre.id")', (ids,), ())
        found = {
            record["escadre.id"]: {**record, ROW: row}
            for row, line in self._run(asked, f'"{ROW}", "{RECORD}"')
            for record in (orjson.loads(line),)
        }
        return [found[i] for i in ids if i in found]

    def lines(self, asked: Asked, limit: int | None = None) -> Iterator[bytes]:
        """The JSON lines of the hits as they stand in the case, in the order of time; all of them unless `limit`."""
        order = f'ORDER BY "{TIME}" NULLS LAST, "{ROW}"' + (f" LIMIT {int(limit)}" if limit is not None else "")
        for listed in _portions(self._run(asked, f'"{ROW}", octet_length("{RECORD}")', order)):
            wanted = pa.table({"row": pa.array(listed, pa.int64())})
            these = Asked("", f'"{ROW}" IN (SELECT row FROM wanted)', (), (("wanted", wanted),))  # noqa: S608  (our own name)
            found = dict(self._run(these, f'"{ROW}", "{RECORD}"'))
            yield from (found[row] for row in listed)

    def close(self) -> None:
        """Release the files."""
        self._db.close()
        self._searchers = []


def _portions(hits: list[tuple[Any, ...]]) -> Iterator[list[int]]:
    """(row, bytes) pairs → row numbers, as many at a time as may be held."""
    rows: list[int] = []
    size = 0
    for row, length in hits:
        rows.append(row)
        size += length
        if len(rows) >= LINES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _shown(value: Any) -> str:
    if isinstance(value, bytes) and len(value) == 16:
        found = ipaddress.IPv6Address(value)
        return str(found.ipv4_mapped or found)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
