"""Measure the cost of one more host in a large case, and of a table with a large field registry.

    python -m bench.case [--hosts 10,50,200] [--members 50000] [--records 20000]

Synthetic hosts go through the engine itself (`Run`), without archives on disk: each has so many members, a few of which are cron tables
with findings. Per host: seconds (median), bytes that the process writes, and the peak memory of the whole tree with two workers. Then
`commodore.read` of one dataset, with the registry as it is and with 2,000 fields. Bounds: at the largest case time and bytes per host
are at most 1.1 times those of the smallest, memory at most 400 MB; the table takes at most 300 MB, and at most 1.2 times the time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common import ROOT, Memory

TABLES = 200
"""members of a host that an artefact reads"""
MB = 1e6


@dataclass
class SyntheticHost:
    """A Linux host of many small files, as `commodore.engine.inputs.Collection` describes it."""

    number: int
    count: int
    lines: int = 3
    """cron entries in each table"""
    total: int = 0

    def __post_init__(self) -> None:
        self.id = hashlib.blake2b(f"host {self.number}".encode(), digest_size=16).hexdigest()
        self.label, self.origin = f"web{self.number:04d}", Path(f"/synthetic/web{self.number:04d}")

    def header(self) -> dict[str, Any]:
        return {"host": {"name": self.label, "os": "linux"}}

    def system(self) -> str:
        return "linux"

    def members(self) -> Iterator[Any]:
        from commodore.engine.inputs import Member

        for n in range(self.count):
            table = n % (self.count // TABLES) == 0
            below = f"etc/cron.d/job{n}" if table else f"usr/share/doc/package{n % 997}/file{n}.{self.number}"
            content = f"*/{n % 50 + 1} * * * * root /usr/bin/job{n}\n" * self.lines if table else f"{self.number} {n}\n" * 8
            data = (content if n else content.replace("/usr/bin", "/tmp/.x")).encode()
            time_ = f"2026-11-{n % 28 + 1:02d}T{n % 24:02d}:{n % 60:02d}:{n % 59:02d}.{n * 7919 % 10**9:09d}Z"
            facts = {"mode": "0644", "uid": 0, "gid": 0, "ino": n + 2, "nlink": 1, "mtime": time_, "ctime": time_, "target": "linux.files"}
            left = [data]
            yield Member(n, "files", below, "/" + below, len(data), facts, lambda _, left=left: left.pop() if left else b"")

    def position(self) -> int:
        return self.total

    def custody(self) -> tuple[dict[str, Any], ...]:
        return ()

    def proof(self) -> tuple[str, list[str]]:
        return "", []

    def ending(self) -> tuple[str, str]:
        return "complete", ""


def written() -> int:
    """Bytes that this process has written, to files and pipes (Linux: proc_pid_io(5), wchar)."""
    return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])


def make(case: Path, hosts: int, members: int, lines: int) -> None:
    """Make a case, and print seconds, CPU seconds and bytes per host as JSON lines."""
    from commodore.case.case import Case
    from commodore.case.overview import OverviewPass
    from commodore.case.partition import partitions
    from commodore.case.passes import run
    from commodore.engine.making import making
    from commodore.engine.pool import Pool
    from commodore.engine.run import Run
    from commodore.engine.work import Setup, load_detection

    detection = load_detection((), (), None)
    setup = Setup(detection=detection)
    how = making(detection, 60.0, setup.memory)
    with Case(case) as held:
        held.note_rules(detection)
        with Pool(setup, 2) as pool:
            for n in range(hosts):
                start, cpu, before = time.perf_counter(), time.process_time(), written()
                host = SyntheticHost(n, members, lines)
                Run(host, held.partition(host.id), pool, how).run()
                spent = (time.perf_counter() - start, time.process_time() - cpu, written() - before)
                sys.stdout.write(json.dumps(spent) + "\n")
    start = time.perf_counter()
    whole = run(partitions(case), OverviewPass())
    assert len(whole.hosts) == hosts and sum(whole.severities.values()) >= hosts
    sys.stdout.write(json.dumps({"overview": time.perf_counter() - start}) + "\n")


def read(case: Path, fields: int) -> None:
    """Read one dataset with a registry of at least so many fields; print seconds, records and peak memory."""
    import commodore
    from commodore.schema import Field, registry

    for n in range(fields - len(registry())):
        registry()[f"synthetic.field_{n}"] = Field(f"synthetic.field_{n}", "keyword", "a field of a dataset that is not asked for")
    took = []
    for _ in range(3):
        start = time.perf_counter()
        table = commodore.read(case, "cron")
        took.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps([min(took), len(table), peak, len(registry())]) + "\n")


def child(*arguments: object) -> tuple[list[Any], int]:
    """Run a part of this benchmark in a process of its own; give the JSON that it prints and the peak memory of its tree."""
    process = subprocess.Popen([sys.executable, "-m", "bench.case", *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    memory = Memory(process.pid)
    said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{arguments}: exit {process.returncode}")
    return [json.loads(line) for line in said.splitlines()], memory.stop()


def verdict(name: str, value: float, bound: float) -> bool:
    """Print one figure beside its bound."""
    print(f"  {name:<44} {value:8.2f}   bound {bound:g}   {'held' if value <= bound else 'NOT HELD'}", flush=True)
    return value <= bound


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", default="10,50,200")
    parser.add_argument("--members", type=int, default=50_000)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--child", nargs="+")
    given = parser.parse_args()
    if given.child:
        part, place, *numbers = given.child
        (make if part == "make" else read)(Path(place), *map(int, numbers))
        return 0
    held = []
    with tempfile.TemporaryDirectory(prefix="bench-case-") as folder:
        figures = {}
        for hosts in map(int, given.hosts.split(",")):
            (*rows, last), peak = child("--child", "make", Path(folder, f"case{hosts}"), hosts, given.members, 3)
            wall, cpu = (statistics.median(row[n] for row in rows) for n in (0, 1))
            figures[hosts] = wall, cpu, sum(row[2] for row in rows) / hosts, peak, sum(row[2] for row in rows[-10:]) / 10
            print(
                f"{hosts:>4} hosts of {given.members:,} members: {wall:.2f} s and {cpu:.2f} CPU s a host (median), "
                f"{figures[hosts][2] / MB:.3f} MB written a host (last ten {figures[hosts][4] / MB:.3f}), "
                f"peak {peak / MB:.0f} MB, summary {last['overview']:.2f} s",
                flush=True,
            )
        few, many = min(figures), max(figures)
        held.append(verdict(f"time a host, {many} hosts / {few} hosts", figures[many][0] / figures[few][0], 1.1))
        held.append(verdict(f"CPU time a host, {many} / {few}", figures[many][1] / figures[few][1], 1.1))
        held.append(verdict(f"bytes a host, {many} / {few}", figures[many][4] / figures[few][2], 1.1))
        held.append(verdict("peak memory of the tree, MB", max(f[3] for f in figures.values()) / MB, 400))
        table = Path(folder, "table")
        child("--child", "make", table, 1, 1000, given.records // TABLES)
        ((small, count, _, base),), _ = child("--child", "read", table, 0)
        ((large, _, peak, fields),), _ = child("--child", "read", table, 2000)
        print(f"commodore.read of {count:,} records: {small:.3f} s with {base} fields, {large:.3f} s with {fields:,}")
        held.append(verdict("time with 2,000 fields / as it is", large / small, 1.2))
        held.append(verdict("peak memory of the table's process, MB", peak / MB, 300))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
