"""Loading a case into Elasticsearch: rate against a bare feed of ready requests and against evtx2es, memory, and kills with a resume.

    python -m bench.elastic CASE --url http://127.0.0.1:9200 [--evtx DIR] [--rounds N] [--kills N]

CASE is a directory that `commodore process` wrote. All feeds go into the same server in turns, the order turned round each time after a
round that warms the server up and does not count; the ratio is the median of the rounds.
CPU is that of the client and of the server together, as the server counts its own: other programs on the machine change the wall time, not
that. With `--evtx`, the event logs that CASE was made of, there are three more feeds: the program evtx2es, from the package index in an
environment of its own, one process; `commodore process` with one worker and `eye load` after it; and evtx2es's way without its losses: the
Rust parser yields one record after the other as JSON, each is decoded, and `elasticsearch.helpers.bulk` sends them as it does by default.
Only documents that arrived count. `--kills`: the load is killed so many times, each time when a random number of documents is
stored, resumed at last, and the ids and digests of both sides are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from elasticsearch import Elasticsearch, helpers

from bench.common import ROOT, commodore
from commodore.case.jsonl import lines
from eye.case import finding_sources, records, sources
from eye.elastic.connect import ElasticServer, connect
from eye.elastic.document import made
from eye.elastic.load import CHUNK_BYTES, THREADS, load
from eye.elastic.names import index_name, index_names
from eye.elastic.templates import component

PROGRAM = "evtx2es==1.8.0"
ENVIRONMENT = Path(tempfile.gettempdir()) / f"escadre-bench-{PROGRAM}"
LOAD = (
    "import sys, json, re, resource; from eye.elastic.connect import ElasticServer, connect; from eye.elastic.load import load; "
    "d = load(sys.argv[1], connect(ElasticServer(sys.argv[2])), name=sys.argv[3]); u = resource.getrusage(resource.RUSAGE_SELF); "
    "print(json.dumps([d.whole, sum(c['read'] for c in d.indices.values()), d.seconds, "
    "int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]), u.ru_utime + u.ru_stime]))"
)


def server_cpu(client: Elasticsearch) -> float:
    """Seconds of CPU that the server has used."""
    nodes = client.nodes.stats(metric="process")["nodes"].values()
    return sum(node["process"]["cpu"]["total_in_millis"] for node in nodes) / 1000


def own_cpu() -> float:
    """Seconds of CPU that this process and those that it started have used."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


def measured(client: Elasticsearch, feed: Callable[[], int]) -> tuple[float, float]:
    """Documents per second of wall time and per second of CPU of both sides."""
    theirs, ours, began = server_cpu(client), own_cpu(), time.monotonic()
    n = feed()
    wall = time.monotonic() - began
    time.sleep(0.3)
    return n / wall, n / (server_cpu(client) - theirs + own_cpu() - ours)


def drop(client: Elasticsearch, name: str) -> None:
    client.indices.delete(index=",".join(index_names(name)), ignore_unavailable=True)


def requests_of(case: Path) -> list[bytes]:
    """Ready bodies of bulk requests, of the same documents and size as the load's."""
    ready: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for source in [*sources(case), *finding_sources(case)]:
        for line, record in records(source.path):
            body = made(line, record, blake2b(line, digest_size=16).hexdigest()).body
            if size + len(body) > CHUNK_BYTES and parts:
                ready.append(b"\n".join([*parts, b""]))
                parts, size = [], 0
            parts += (b'{"create":{"_id":%b}}' % orjson.dumps(record["escadre.id"]), body)
            size += len(body)
    return [*ready, b"\n".join([*parts, b""])]


def bare(client: Elasticsearch, requests: list[bytes], n: int, name: str) -> int:
    """Ready requests into an index of the same template, as many at a time; nothing is decided, answers are thrown away."""
    index = index_names(name)[0]
    client.indices.create(index=index, settings=component()["template"]["settings"], mappings=component()["template"]["mappings"])

    def send(body: bytes) -> None:
        ready: Any = body
        client.bulk(index=index, operations=ready, filter_path="errors")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(send, requests))
    client.indices.refresh(index=index)
    return n


def one_by_one(folder: Path, index: str, most: int) -> Iterator[dict[str, Any]]:
    """Records as evtx2es sends them: the parts of an event under `winlog`, `event_data` as the event has it, mapped by the server."""
    from evtx import PyEvtxParser

    n = 0
    for file in sorted(folder.glob("**/*.evtx")):
        with contextlib.suppress(RuntimeError):  # a damaged log ends where it is damaged
            for record in PyEvtxParser(str(file)).records_json():
                event = json.loads(record["data"])["Event"]
                system, data = event["System"], event.get("EventData")
                created = (system.get("TimeCreated") or {}).get("#attributes", {})
                winlog = {
                    "channel": system.get("Channel"),
                    "computer_name": system.get("Computer"),
                    "record_id": system.get("EventRecordID"),
                    "opcode": system.get("Opcode"),
                    "level": system.get("Level"),
                    "task": system.get("Task"),
                    "provider_name": (system.get("Provider") or {}).get("#attributes", {}).get("Name"),
                    "event_data": {key: str(value) for key, value in data.items()} if isinstance(data, dict) else {"Data": str(data)},
                }
                document = {
                    "@timestamp": created.get("SystemTime"),
                    "event": {"code": str(system.get("EventID")), "kind": "event"},
                    "winlog": winlog,
                }
                yield {"_index": index, "_source": document}
                n += 1
                if n == most:
                    return


def evtx2es(client: Elasticsearch, folder: Path, name: str, most: int) -> int:
    index = index_names(name)[0]
    client.indices.create(index=index, settings={"number_of_replicas": 0, "mapping": {"total_fields": {"limit": 10_000}}})
    n, _ = helpers.bulk(client, one_by_one(folder, index, most), stats_only=True, raise_on_error=False)
    client.indices.refresh(index=index)
    return int(n)


def program(client: Elasticsearch, folder: Path, url: str, name: str) -> int:
    """The program itself, as it is called for a folder. Return how many documents arrived."""
    index = index_names(name)[0]
    address = urlsplit(url)
    at = ["--host", str(address.hostname), "--port", str(address.port), "--scheme", address.scheme]
    subprocess.run([ENVIRONMENT / "bin" / "evtx2es", "--quiet", *at, "--index", index, folder], stdout=subprocess.DEVNULL, check=False)
    client.indices.refresh(index=index)
    return int(client.count(index=index)["count"])


def installed() -> None:
    """Install the program, unless it is there."""
    if not (ENVIRONMENT / "bin" / "evtx2es").exists():
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([ENVIRONMENT / "bin" / "pip", "install", "-q", PROGRAM], check=True)


def from_logs(folder: Path, url: str, name: str) -> int:
    """The event logs processed by one worker, and the case loaded by a process of its own. Return how many documents arrived."""
    with tempfile.TemporaryDirectory() as place:
        case = f"{place}/case"
        subprocess.run([*commodore("process", folder, "-o", case, "--workers", "1")], stdout=subprocess.DEVNULL, check=False, cwd=ROOT)
        alone = subprocess.run([sys.executable, "-c", LOAD, case, url, name], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(json.loads(alone.stdout)[1])


def told(name: str, rates: list[tuple[float, float]], loads: list[tuple[float, float]]) -> None:
    """Print the medians of a feed, and how many times its documents the load brings."""
    wall, cpu = (statistics.median(r[n] for r in rates) for n in (0, 1))
    by = [statistics.median(load[n] / feed[n] for load, feed in zip(loads, rates, strict=True)) for n in (0, 1)]
    ratio = f"the load brings {by[0]:.2f} times as many by wall time, {by[1]:.2f} by CPU"
    print(f"{name:<28} {wall:>7,.0f} documents/s  {cpu:>7,.0f} per second of CPU  {ratio}", flush=True)


def stored(client: Elasticsearch, name: str) -> int:
    """Documents that the server has written into the indices of a case since they were made."""
    answer = client.indices.stats(index=index_name(name, "*"), metric="indexing")  # of a pattern, no index need be there
    return int(answer["_all"]["primaries"].get("indexing", {}).get("index_total", 0))


def killed(case: Path, url: str, client: Elasticsearch, name: str, kills: int, n: int) -> None:
    """Kill a load each time that a random number of its documents is stored, resume, compare every id and digest."""
    points, hits = sorted(random.Random(5).sample(range(1, n), kills)), []
    drop(client, name)
    for point in points:
        running = subprocess.Popen([sys.executable, "-c", LOAD, str(case), url, name], cwd=ROOT, stdout=subprocess.DEVNULL)
        while running.poll() is None and stored(client, name) < point:
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
        if running.wait() == -signal.SIGKILL:
            hits.append(stored(client, name))
    print(f"killed with so many documents stored: {', '.join(f'{one:,}' for one in hits)}", flush=True)
    done = load(case, client, name=name)
    here = {
        orjson.loads(line)["escadre.id"]: blake2b(line, digest_size=16).hexdigest()
        for source in [*sources(case), *finding_sources(case)]
        for line in lines(source.path)
    }
    there: dict[str, str] = {}
    query = {"match_all": {}}
    scan = helpers.scan(
        client, index=",".join(done.indices), query={"query": query, "stored_fields": ["escadre.digest"], "_source": False}, size=10_000
    )
    for hit in scan:
        there[hit["_id"]] = hit["fields"]["escadre.digest"][0]
    state = "equal" if here == there and done.whole else "NOT equal"
    print(
        f"{len(hits)} of {kills} loads killed, then resumed: {len(there):,} documents, ids and digests of {len(here):,} records {state}",
        flush=True,
    )
    if state != "equal":
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--evtx", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=0)
    given = parser.parse_args()
    client = Elasticsearch(given.url, request_timeout=300, connections_per_node=THREADS + 1)
    if given.rounds:
        compared(given.case, client, given.rounds, given.evtx, given.url)
    drop(client, "bench")
    alone = subprocess.run(
        [sys.executable, "-c", LOAD, str(given.case), given.url, "bench"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    whole, n, seconds, peak, cpu = json.loads(alone.stdout)
    print(
        f"load in a process of its own  {n:,} records in {seconds:.0f} s, peak {peak / 1024:,.0f} MB, {cpu:.0f} s of CPU, equal: {whole}",
        flush=True,
    )
    again = load(given.case, client, name="bench")
    there = sum(c["there"] for c in again.indices.values())
    print(f"loaded again                  {there:,} already there, equal: {again.whole}, {again.seconds:.0f} s", flush=True)
    if given.kills:
        killed(given.case, given.url, client, "bench", given.kills, n)
    drop(client, "bench")


def compared(case: Path, client: Elasticsearch, rounds: int, evtx: Path | None, url: str) -> None:
    """All feeds in turns."""
    ready = requests_of(case)
    loading = connect(ElasticServer(url))
    n = sum(1 for body in ready for _ in range(body.count(b'{"create":{"_id":')))
    feeds: dict[str, Callable[[], int]] = {
        "eye load": lambda: sum(c["created"] for c in load(case, loading, name="bench").indices.values()),
        "bare feed of ready requests": lambda: bare(loading, ready, n, "bench"),
    }
    if evtx:
        installed()
        feeds |= {
            PROGRAM: lambda: program(client, evtx, url, "bench"),
            "commodore process, eye load": lambda: from_logs(evtx, url, "bench"),
            "evtx2es's way, nothing lost": lambda: evtx2es(client, evtx, "bench", n),
        }
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in feeds}
    for number in range(rounds + 1):  # the first warms the server up, and does not count
        for name, feed in list(feeds.items())[:: 1 if number % 2 else -1]:
            drop(client, "bench")
            gc.collect()
            found = measured(client, feed)
            if number:
                rates[name].append(found)
                print(f"round {number}: {name:<28} {1e6 / found[1]:,.1f} µs of CPU a document", flush=True)
    for name, found in rates.items():
        told(name, found, rates["eye load"])


if __name__ == "__main__":
    main()
