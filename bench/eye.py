"""The Eye on a case: index rate against a bare loop, size, memory, and 1,000 queries against SQLite FTS5, a DuckDB scan and Elasticsearch.

    python bench/eye.py [CASE] [--records N] [--queries N] [--elastic URL --name NAME] [--no-build] [--no-peers]

CASE is a directory that `commodore process` wrote; without it, one of N records over 20 hosts is made of the event logs of the corpus
(bench.copies). Its index is built anew. Every figure is a ratio in one run: the machine is shared.
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
from functools import cache
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this file has the name of the package that it measures

import duckdb  # noqa: E402
import orjson  # noqa: E402
import tantivy  # noqa: E402

from bench.copies import from_event_logs  # noqa: E402
from commodore.case.jsonl import lines  # noqa: E402
from commodore.schema import registry  # noqa: E402
from eye.dashboards.bars import bucket  # noqa: E402
from eye.index.adding import mark, part_number, writer_of  # noqa: E402
from eye.index.build import all_sources, index  # noqa: E402
from eye.index.documents import Documents  # noqa: E402
from eye.index.schema import opened, schema  # noqa: E402
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


def ready(case: Path) -> Iterator[str]:
    """The documents of the records, as the build gives them to the engine."""
    documents = Documents()
    for source in all_sources(case):
        documents.begin(mark(source))
        for n, line in enumerate(lines(source.path)):
            yield documents.make(orjson.loads(line), line, part_number(source) << 32 | n)


def first_files(case: Path, folder: Path, most: int) -> Path:
    """Make a case of the first files of records, until they hold `most` records."""
    folder.mkdir()
    shutil.copy(case / "case.json", folder)
    for source in all_sources(case):
        target = folder / source.path.relative_to(case)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source.path, target)
        most -= sum(1 for _ in lines(source.path))
        if most <= 0:
            break
    return folder


def calls(text: str) -> list[tuple[Any, str, Any]]:
    """The values of a document and the calls that add them one by one, as a program would that is written for nothing else."""
    types = {f.name: f.type for f in registry().values()}
    adders = {"long": tantivy.Document.add_integer, "boolean": tantivy.Document.add_boolean, "ip": tantivy.Document.add_ip_addr}
    known = {one["name"]: one["type"] for one in schema().__reduce__()[1][0]["inner"]}
    by_type = {"text": tantivy.Document.add_text, "u64": tantivy.Document.add_unsigned, "i64": tantivy.Document.add_integer}
    found = []
    for name, value in orjson.loads(text).items():
        if name in known:
            add = adders.get(types.get(name, "")) or by_type[known[name]]
            found += [(add, name, one) for one in (value if isinstance(value, list) else [value])]
    return found


def bare(documents: list[Any], folder: Path, make: Callable[[tantivy.IndexWriter, Any], None]) -> None:
    """The bare loop: the same texts and fast fields, ready in memory, go into an index, with the memory and threads of the build."""
    writer = writer_of(opened(str(folder)), 2)
    for one in documents:
        make(writer, one)
    writer.commit()
    writer.wait_merging_threads()


def add_values(writer: tantivy.IndexWriter, values: list[tuple[Any, str, Any]]) -> None:
    document = tantivy.Document()
    for add, name, value in values:
        add(document, name, value)
    writer.add_document(document)


def add_text(writer: tantivy.IndexWriter, text: str) -> None:
    writer.add_json(text)


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


def timed(queries: list[str], *calls: Callable[[str], Any]) -> list[list[tuple[float, float]]]:
    """Milliseconds per query by the clock and of this process's processor time, for each of the calls.

    Every query is put to all of them in turn, so that other load meets all.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in calls]
    for query in queries:
        for call, times in zip(calls, taken, strict=True):
            start, used = time.perf_counter(), time.process_time()
            call(query)
            times.append(((time.perf_counter() - start) * 1000, (time.process_time() - used) * 1000))
    return taken


def told(name: str, taken: list[tuple[float, float]], base: float = 0.0, *, here: bool = True) -> float:
    """Print one line. `here`: the work is done in this process, so its processor time is that of the queries."""
    clock, used = (sorted(one[n] for one in taken) for n in (0, 1))
    p95 = int(len(clock) * 0.95)
    ratio = f"  {clock[p95] / base:>7.1f} x" if base else ""
    told_used = f"   of the processor p50 {statistics.median(used):,.1f}  p95 {used[p95]:,.1f} ms" if here else ""
    print(
        f"{name:<34} {len(taken):>6,} queries  p50 {statistics.median(clock):>9,.1f}  p95 {clock[p95]:>9,.1f}  max {clock[-1]:>9,.1f} ms"
        f"{ratio}{told_used}   load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return clock[p95]


def page(store: Store, query: str) -> int:
    """Answer the queries of one page: total, histogram, six facets, 50 rows."""
    asked = store.ask(query)
    found = store.summary(asked, FACETS, rows=50)
    if found.low is not None and found.high is not None:
        store.histogram(asked, *bucket(found.low, found.high), found)
    store.by_rows(found.rows)
    return found.total


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
    compared(case)


def compared(case: Path, rounds: int = 5, most: int = 40_000) -> None:
    """The whole build and the bare loops over the same records, in turn: medians of the ratios by processor time and by the clock.

    Bare loops: one that adds ready values field by field, which is what a program can do that makes documents in Python; and one that adds
    ready JSON, which no program can do that has to make that JSON.
    """
    with tempfile.TemporaryDirectory() as folder:
        part = first_files(case, Path(folder) / "case", most)
        texts_ = list(ready(part))
        values = [calls(text) for text in texts_]
        runs: dict[str, Callable[[Path], Any]] = {
            "build": lambda _: index(part, workers=2),
            "bare loop, ready values": lambda place: bare(values, place, add_values),
            "bare loop, ready JSON": lambda place: bare(texts_, place, add_text),
        }
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                shutil.rmtree(part / "index", ignore_errors=True)
                with tempfile.TemporaryDirectory() as place:
                    cpu, clock = time.process_time(), time.perf_counter()
                    run(Path(place))
                    spent[name].append((time.process_time() - cpu, time.perf_counter() - clock))
    for name, times in spent.items():
        by = [statistics.median(one[n] / mine[n] for one, mine in zip(times, spent["build"], strict=True)) for n in (0, 1)]
        each = statistics.median(cpu for cpu, _ in times) / len(texts_) * 1e6
        share = "" if name == "build" else f"   the build is {by[0]:.2f} of it by processor time, {by[1]:.2f} by the clock"
        print(f"{name:<26} {each:>6.0f} µs of processor time per record{share}   load {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Path, nargs="?")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--elastic", default="", metavar="URL", help="a server that `eye load CASE --name NAME` has loaded")
    parser.add_argument("--name", default="bench")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args()
    if given.case:
        measured(given.case, given)
        return
    with tempfile.TemporaryDirectory(prefix="bench-eye-") as folder:
        measured(from_event_logs(Path(folder), given.records), given)


def measured(case: Path, given: argparse.Namespace) -> None:
    """Measure one case."""
    raw = sum(len(line) + 1 for source in all_sources(case) for line in lines(source.path))
    if not given.no_build:
        built(case, raw)
    queries = drawn(case, given.queries)
    store = Store(case, build=False)
    systems: list[tuple[str, Callable[[str], Any]]] = [("Eye: total, histogram, facets, rows", lambda query: page(store, query))]
    if given.elastic:
        from elasticsearch import Elasticsearch

        client = Elasticsearch(given.elastic, request_timeout=120)
        systems.append(("Elasticsearch, the same queries", lambda query: elastic_page(client, f"escadre-{given.name}-*", query)))
    taken = timed(queries, *(call for _, call in systems))
    p95 = told(systems[0][0], taken[0])
    for (name, _), times in list(zip(systems, taken, strict=True))[1:]:
        told(name, times, p95, here=False)
    for (ms, _), query in sorted(zip(taken[0], queries, strict=True), reverse=True)[:12]:
        print(f"    {ms:>9,.1f} ms  {page(store, query):>9,} hits  {query[:100]}")
    print(f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, {os.cpu_count()} processors")
    if given.no_peers:
        return
    plain = [query for query in queries if ":" not in query.replace(":\\", "") and not {"*", "~", "(", '"'} & set(query) and words(query)]
    plain = [query for query in plain if not {"NOT", "OR"} & set(query.split())][:150]
    with tempfile.TemporaryDirectory() as folder, fts(case, Path(folder)) as base:
        eye, full = timed(plain, lambda query: page(store, query), lambda query: fts_page(base, query))
    told("SQLite FTS5, plain texts", full, told("Eye, plain texts", eye))
    eye, scanned = timed(["mimikatz", "lsass.exe", "zzabsent"], lambda query: page(store, query), lambda query: scan(case, query))
    told("DuckDB scan, total only", scanned, told("Eye, the same three", eye))


if __name__ == "__main__":
    main()
