"""The Eye on 300,000 records and more: index rate, size, memory, latency, each as a ratio to a plain DuckDB scan of the same JSON lines.

    python bench/eye.py CASE-OR-EVTX-DIRECTORY [RECORDS]

A directory of event logs is processed first; its records are repeated, with ids of their own, until there are as many as asked for.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this file is called like the package that it measures

import duckdb  # noqa: E402
import orjson  # noqa: E402
import zstandard  # noqa: E402

from commodore import process  # noqa: E402
from eye.case import records  # noqa: E402
from eye.index.store import Store  # noqa: E402

QUERIES = (
    "powershell",
    "zzzznothing",
    "*shell*",
    '"policy bypass"',
    "event.code:4688",
    "process.command_line:*whoami*",
    "host.name:* AND event.code:4624",
    "@timestamp:2021-04",
    'source.ip:"10.0.0.0/8"',
)
INDEX = (
    "import sys; from eye.index import index; import json, resource; d = index(sys.argv[1]); "
    "peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)); "
    "print(json.dumps([d.records, d.seconds, d.bytes, peak]))"
)


def repeat(source: Path, case: Path, wanted: int) -> int:
    (case / "records" / "evtx").mkdir(parents=True)
    (case / "case.json").write_text("{}")
    once = [r for path in sorted((source / "records").glob("*/*.zst")) for _, r in records(path)]
    size = n = 0
    with (case / "records/evtx/bench.jsonl.zst").open("wb") as raw, zstandard.ZstdCompressor(3).stream_writer(raw) as out:
        while n < wanted:
            for record in once:
                line = orjson.dumps({**record, "escadre.id": f"{n:032x}"}) + b"\n"
                out.write(line)
                size, n = size + len(line), n + 1
    return size


def best(call, times: int = 5) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    source, wanted = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
    with tempfile.TemporaryDirectory() as home:
        if not (source / "records").is_dir():
            process([source], Path(home) / "once")
            source = Path(home) / "once"
        case = Path(home) / "case"
        size = repeat(source, case, wanted)
        n, seconds, on_disk, peak = json.loads(
            subprocess.run([sys.executable, "-c", INDEX, str(case)], cwd=sys.path[0], capture_output=True, check=True, text=True).stdout
        )
        lines = str(case / "records/evtx/bench.jsonl.zst")
        plain = duckdb.connect()
        scan = best(lambda: plain.execute(_scan(lines)).fetchall(), 3)
        print(f"records {n:,}  JSON {size / 1e6:,.0f} MB")
        print(
            f"index   {seconds:.1f} s  {n / seconds:,.0f} records/s  {seconds / scan:.1f} plain scans  "
            f"{on_disk / size:.0%} of the JSON  peak of one process {peak / 1024:,.0f} MB"
        )
        print(f"plain   {scan * 1000:,.0f} ms for one DuckDB scan of the JSON lines with contains()")
        store = Store(case, build=False)
        for query in QUERIES:

            def page(query: str = query) -> None:
                store._words.clear()
                asked = store.ask(query)
                _, low, _ = store.count(asked)
                store.histogram(asked, low or 0, 86400 * 10**9, 400)
                store.rows(asked, 0, 50)

            taken = best(page)
            hits = store.count(store.ask(query))[0]
            print(f"{query:<36} {hits:>9,} hits  total, histogram and 50 rows {taken * 1000:>7,.0f} ms  {taken / scan:.3f} of a scan")
        store.close()
    print(f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def _scan(lines: str) -> str:
    return (
        f"SELECT count(*) FROM read_csv('{lines}', "
        f"columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', escape = '', header = false, max_line_size = 20000000) "
        f"WHERE contains(lower(line), 'powershell')"
    )


if __name__ == "__main__":
    main()
