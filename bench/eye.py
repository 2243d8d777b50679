"""The Eye on a case: index rate against a bare loop, size, memory, and 1,000 queries against SQLite FTS5, a DuckDB scan and Elasticsearch.

    python bench/eye.py CASE [--queries N] [--elastic URL] [--no-build]

CASE is a directory that `commodore process` wrote. Its index is built anew. Every figure is a ratio in one run: the machine is shared.
The queries are templates filled with values drawn from the records: absent, rare, and frequent ones; the first of all runs cold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this file has the name of the package that it measures

import duckdb  # noqa: E402
import orjson  # noqa: E402
import tantivy  # noqa: E402

import eye.index.schema  # noqa: E402
from commodore.case.jsonl import lines  # noqa: E402
from eye.index.build import HEAP, all_sources  # noqa: E402
from eye.index.schema import Documents, opened  # noqa: E402
from eye.index.store import Store  # noqa: E402
from eye.query.kibana import QUERY_OPTIONS, to_kibana  # noqa: E402
from eye.query.words import texts, words  # noqa: E402

FACETS = ("host.name", "event.dataset", "user.name", "event.action", "event.code", "process.name")
BUILD = (
    "import sys, json, resource; from eye.index.build import index; d = index(sys.argv[1], workers=2); "
    "print(json.dumps([d.records, d.seconds, d.bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))"
)
TEMPLATES: tuple[str, ...] = (
    "{word}",
    "{word} {word2}",
    '"{pair}"',
    "{path}",
    "{tail}",
    "{exe}",
    "{host}",
    "{ip}",
    "{sid}",
    "{guid}",
    "*{part}*",
    "{part}*",
    "*{part}",
    "{word} OR {word2}",
    "{word} NOT {word2}",
    "NOT {word}",
    "event.code:{code}",
    "event.code:({code} OR 4688)",
    "process.name:{exe}",
    "process.name:*{part}*",
    "process.executable:{path}",
    "process.command_line:*{part}*",
    "user.name:{user}",
    "*\\{exe}",
    "host.name:{machine}",
    "host.name:{machine} {word}",
    "message:{word}",
    'message:"{pair}"',
    "winlog.channel:{channel}",
    "process.pid:{pid}",
    "process.pid:[4 TO {pid}]",
    "@timestamp:{day}",
    "@timestamp:{day} {word}",
    "@timestamp:[{day} TO *]",
    "_exists_:source.ip",
    "_exists_:user.name {word}",
    "source.ip:10.0.0.0/8 {word}",
    "{word}~1",
    '"{pair}"~2',
    "winlog.event_data.LogonType:3",
)


class Calls:
    """Takes the place of a document and notes what is added to it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        for kind in ("text", "unsigned", "integer", "float", "bytes", "ip_addr"):
            setattr(self, f"add_{kind}", partial(self.note, getattr(tantivy.Document, f"add_{kind}")))

    def note(self, *call: Any) -> None:
        self.calls.append(call)


def bare(case: Path, folder: Path, most: int) -> tuple[int, float]:
    """The bare loop: adds the same text and columns to documents, and the documents to the index; it reads and decides nothing."""
    records = islice((line for source in all_sources(case) for line in lines(source.path)), most)
    eye.index.schema.tantivy = SimpleNamespace(Document=Calls)
    make = Documents().make
    ready = [make(orjson.loads(line), line, "part", n).calls for n, line in enumerate(records)]
    eye.index.schema.tantivy = tantivy
    found = opened(str(folder))
    start = time.perf_counter()
    writer = found.writer(HEAP * 2, 2)
    for calls in ready:
        document = tantivy.Document()
        for add, name, value in calls:
            add(document, name, value)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    return len(ready), time.perf_counter() - start


def drawn(case: Path, count: int) -> list[str]:
    """Queries: each template with as many values as `count` needs, by a fixed seed."""
    chance, sample = random.Random(7), []
    for source in all_sources(case):
        for n, line in enumerate(lines(source.path)):
            if n % 97 == 0:
                sample.append(orjson.loads(line))
    paths = [r["process.executable"] for r in sample if " " not in r.get("process.executable", " ")]

    @cache
    def known(name: str) -> list[Any]:
        return [r[name] for r in sample if r.get(name) and " " not in str(r[name])]

    def of(name: str) -> str:
        values = known(name)
        return str(chance.choice(values)) if values else "absent"

    def filled(template: str) -> str:
        values = [v for v in texts(chance.choice(sample)) if len(v) < 300]
        run = words(chance.choice(values)) + words(chance.choice(values)) + ["absentword"]
        path = chance.choice(paths)
        long = [w for w in run if len(w) > 3] or ["absentword"]
        return template.format(
            word=chance.choice([*long, "zzabsent"]), word2=chance.choice(long), pair=" ".join(run[:2]), path=path,
            tail="\\".join(path.split("\\")[-2:]), exe=path.rpartition("\\")[2], host=of("winlog.computer_name"), ip=of("source.ip"),
            sid=of("user.id"), guid=of("winlog.provider_guid"), part=chance.choice(long)[1:5], code=of("event.code"), user=of("user.name"),
            machine=of("host.name"), channel=of("winlog.channel"), pid=of("process.pid"), day=of("@timestamp")[:10],
        )  # fmt: skip

    each = max(1, count // len(TEMPLATES))
    found = [filled(template) for template in TEMPLATES for _ in range(each)]
    chance.shuffle(found)
    return found


def timed(queries: list[str], call: Callable[[str], Any]) -> list[float]:
    """Milliseconds per query."""
    taken = []
    for query in queries:
        start = time.perf_counter()
        call(query)
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def told(name: str, taken: list[float], base: float = 0.0) -> float:
    ordered = sorted(taken)
    p95 = ordered[int(len(ordered) * 0.95)]
    ratio = f"  {p95 / base:>7.1f} x" if base else ""
    print(
        f"{name:<34} {len(taken):>6,} queries  p50 {statistics.median(taken):>9,.1f}  p95 {p95:>9,.1f}  max {ordered[-1]:>9,.1f} ms{ratio}"
    )
    return p95


def page(store: Store, query: str) -> int:
    """Answer the queries of one page: total, histogram, six facets, 50 rows."""
    asked = store.ask(query)
    total, low, high = store.count(asked)
    width = max(1, ((high or 0) - (low or 0)) // 100 // 10**9) * 10**9
    store.overview(asked, (low or 0) // width * width, width, 110, FACETS)
    store.rows(asked, 0, 50)
    return total


@contextlib.contextmanager
def fts(case: Path, folder: Path) -> Iterator[sqlite3.Connection]:
    """The same texts in SQLite FTS5, with time and the facets as columns."""
    base = sqlite3.connect(folder / "fts.db")
    base.execute("CREATE VIRTUAL TABLE r USING fts5(t, tokenize='unicode61 remove_diacritics 0')")
    base.execute(f"CREATE TABLE c (id INTEGER PRIMARY KEY, at TEXT, {', '.join(f'f{n} TEXT' for n in range(len(FACETS)))}, line BLOB)")
    n = 0
    for source in all_sources(case):
        for line in lines(source.path):
            record, n = orjson.loads(line), n + 1
            base.execute("INSERT INTO r(rowid, t) VALUES (?, ?)", (n, "\n".join(texts(record))))
            facets = [str(record.get(name) or "") for name in FACETS]
            base.execute(f"INSERT INTO c VALUES (?, ?, {'?, ' * len(FACETS)}?)", (n, record.get("@timestamp"), *facets, line))
    base.execute("CREATE INDEX at ON c(at)")
    base.commit()
    yield base
    base.close()


def fts_page(base: sqlite3.Connection, query: str) -> None:
    """The same page in SQL; the query is its words in a row."""
    row = '"' + " ".join(words(query)) + '"'
    hits = "WITH h AS (SELECT c.* FROM r JOIN c ON c.id = r.rowid WHERE r.t MATCH ?)"
    base.execute(f"{hits} SELECT substr(at, 1, 7), count(*) FROM h GROUP BY 1", (row,)).fetchall()
    for n in range(len(FACETS)):
        base.execute(f"{hits} SELECT f{n}, count(*) FROM h GROUP BY 1 ORDER BY 2 DESC LIMIT 6", (row,)).fetchall()
    base.execute(f"{hits} SELECT line FROM h ORDER BY at LIMIT 50", (row,)).fetchall()


def scan(case: Path, query: str) -> None:
    """One DuckDB scan of the records for a text: a total, no facets."""
    listed = ", ".join(f"'{source.path}'" for source in all_sources(case))
    duckdb.sql(
        f"SELECT count(*) FROM read_csv([{listed}], columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', escape = '', "
        f"header = false, max_line_size = 20000000, compression = 'zstd') WHERE contains(lower(line), '{query.lower()}')"
    ).fetchall()


def elastic_page(client: Any, index: str, query: str) -> None:
    aggregations = {"t": {"date_histogram": {"field": "@timestamp", "fixed_interval": "30d"}}}
    aggregations |= {f"f{n}": {"terms": {"field": name, "size": 6}} for n, name in enumerate(FACETS)}
    client.search(
        index=index, query={"query_string": {**QUERY_OPTIONS, "query": to_kibana(query)}}, size=50, sort=["@timestamp"],
        aggs=aggregations, track_total_hits=True, request_cache=False, ignore_unavailable=True,
    )  # fmt: skip


def built(case: Path, raw: int) -> None:
    shutil.rmtree(case / "index", ignore_errors=True)
    done = subprocess.run([sys.executable, "-c", BUILD, str(case)], cwd=sys.path[0], capture_output=True, check=True, text=True)
    n, seconds, size, peak = json.loads(done.stdout)
    share = f"{size / raw:.0%} of {raw / 1e6:,.0f} MB of JSON"
    print(f"build   {n:,} records  {seconds:.1f} s  {n / seconds:,.0f}/s  {share}  peak {peak / 1024:,.0f} MB", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        many, alone = bare(case, Path(folder), 100_000)
    print(f"bare    {many:,} ready documents  {alone:.1f} s  {many / alone:,.0f}/s  the build is {n / seconds / (many / alone):.2f} of it")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Path)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--elastic", default="")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args()
    case = given.case
    raw = sum(len(line) + 1 for source in all_sources(case) for line in lines(source.path))
    if not given.no_build:
        built(case, raw)
    queries = drawn(case, given.queries)
    store = Store(case, build=False)
    taken = timed(queries, lambda query: page(store, query))
    p95 = told("Eye: total, histogram, facets, rows", taken)
    for ms, query in sorted(zip(taken, queries, strict=True), reverse=True)[:12]:
        print(f"    {ms:>9,.1f} ms  {page(store, query):>9,} hits  {query[:100]}")
    print(f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, {os.cpu_count()} processors")
    if given.no_peers:
        return
    plain = [query for query in queries if ":" not in query.replace(":\\", "") and not {"*", "~", "(", '"'} & set(query) and words(query)][
        :150
    ]
    plain = [query for query in plain if not {"NOT", "OR"} & set(query.split())]
    same = told("Eye, plain texts", timed(plain, lambda query: page(store, query)))
    with tempfile.TemporaryDirectory() as folder, fts(case, Path(folder)) as base:
        told("SQLite FTS5, plain texts", timed(plain, lambda query: fts_page(base, query)), same)
    told("DuckDB scan, total only", timed(["mimikatz", "lsass.exe", "zzabsent"], lambda query: scan(case, query)), same)
    if given.elastic:
        from elasticsearch import Elasticsearch

        client = Elasticsearch(given.elastic, request_timeout=120)
        told("Elasticsearch, the same queries", timed(queries, lambda query: elastic_page(client, "escadre-bench-*", query)), p95)


if __name__ == "__main__":
    main()
