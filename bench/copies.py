"""Make a large case for the benchmarks: the records of a case of one host, copied over many hosts, datasets and days.

    python -m bench.copies CASE OUT [--records 1000000] [--hosts 20] [--datasets 0]

CASE is a directory that `commodore process` wrote, best of real event logs. A copy has its own host and computer name, id, record number,
day, process and logon identifiers; the rest is as in the record. `--datasets N` spreads the copies over N datasets beside `finding`
instead of the datasets of CASE, each with records/hosts/N records of a host.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import chain, cycle, islice
from pathlib import Path

import zstandard

from bench.common import commodore, event_logs, spent
from commodore.case.jsonl import lines
from eye.case import sources

VARIED = re.compile(
    rb'"(?P<name>escadre\.id|@timestamp|host\.name|winlog\.computer_name|winlog\.record_id|escadre\.event\.record_id|escadre\.collection'
    rb"|event\.dataset|process\.entity_id|process\.parent\.entity_id|ProcessGuid|ParentProcessGuid|SourceProcessGUID|TargetProcessGUID"
    rb'|LogonGuid)":"(?P<value>[^"\\]*)"'
)
Parts = tuple[bytes, tuple[tuple[bytes, bytes, bytes], ...]]
"""What precedes the first varied value; then the name, the value and what follows, for each."""


def split(line: bytes) -> Parts:
    """Return a record's line cut at the values that differ in each copy."""
    found = list(VARIED.finditer(line))
    ends = [one.start("value") for one in found[1:]] + [len(line)]
    varied = tuple((one["name"], one["value"], line[one.end("value") : end]) for one, end in zip(found, ends, strict=True))
    return line[: found[0].start("value")], varied


@lru_cache(maxsize=100_000)
def later(day: bytes, days: int) -> bytes:
    """Return a date some days later; text that is no date as it is."""
    try:
        return (date.fromisoformat(day.decode()) + timedelta(days)).isoformat().encode()
    except (ValueError, OverflowError):
        return day


class Host:
    """Makes the copies of one host."""

    def __init__(self, number: int, dataset: str = "") -> None:
        self.collection = hashlib.blake2b(b"host %d" % number, digest_size=16).hexdigest()
        self.name = f"host-{number:02d}"
        self.fixed = {
            b"host.name": self.name.encode(),
            b"winlog.computer_name": f"{self.name}.corp.example".encode(),
            b"escadre.collection": self.collection.encode(),
        }
        if dataset:
            self.fixed[b"event.dataset"] = dataset.encode()

    def copy(self, parts: Parts, number: int) -> bytes:
        """Return the line of copy `number` of a record; the number is unique in the case."""
        salt = number * 2_654_435_761 % 2**32
        made = [parts[0]]
        for name, value, after in parts[1]:
            if name in self.fixed:
                made.append(self.fixed[name])
            elif name == b"escadre.id":
                made.append(b"%032x" % (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))
            elif name == b"@timestamp":
                made.append(later(value[:10], number % 28) + value[10:])
            elif name.endswith(b"record_id"):
                made.append(b"%d" % number if value.isdigit() else value)
            elif len(value) == 38 and re.fullmatch(rb"[0-9A-Fa-f]{8}", value[1:9]):
                made.append(b"{%08X" % (int(value[1:9], 16) ^ salt) + value[9:])
            else:
                made.append(value)
            made.append(after)
        return b"".join(made)


def write(target: Path, made: Iterator[bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as raw, zstandard.ZstdCompressor(3).stream_writer(raw) as out:
        while block := list(islice(made, 2_000)):
            out.write(b"\n".join(block) + b"\n")


def make(case: Path, out: Path, records: int, hosts: int, datasets: int) -> None:
    """Write the case."""
    found = {
        dataset: [split(line) for one in sources(case) if one.dataset == dataset for line in lines(one.path)] for dataset in names(case)
    }
    total = sum(map(len, found.values()))
    if datasets:
        every = cycle(chain.from_iterable(found.values()))
        plan = [(f"set_{n:03d}", every, records // hosts // datasets) for n in range(datasets)]
    else:
        sizes = {dataset: records // hosts * len(parts) // total for dataset, parts in found.items()}
        plan = [(dataset, cycle(found[dataset]), size) for dataset, size in sizes.items() if size]
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(case / "case.json", out)
    (out / "collections").mkdir()
    about = json.loads(next((case / "collections").glob("*.json")).read_text())
    number = 1
    for n in range(1, hosts + 1):
        for dataset, parts, size in plan:
            host = Host(n, dataset if datasets else "")
            copies = (host.copy(one, at) for at, one in enumerate(islice(parts, size), number))
            write(out / "records" / dataset / f"{host.collection}.jsonl.zst", copies)
            number += size
        manifest = about | {"collection": host.collection, "host": host.name, "findings": {}, "records": {d: size for d, _, size in plan}}
        (out / "collections" / f"{host.collection}.json").write_text(json.dumps(manifest))
    print(f"{number - 1:,} records of {hosts} hosts in {len(plan)} datasets")


def from_event_logs(folder: Path, records: int) -> Path:
    """Make a case of so many records over 20 hosts, of the event logs of the corpus."""
    event_logs(folder / "host", 1)
    spent(commodore("process", folder / "host", "-o", folder / "one"))
    make(folder / "one", folder / "case", records, 20, 0)
    return folder / "case"


def names(case: Path) -> list[str]:
    return list(dict.fromkeys(one.dataset for one in sources(case)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--datasets", type=int, default=0)
    given = parser.parse_args()
    make(given.case, given.out, given.records, given.hosts, given.datasets)


if __name__ == "__main__":
    main()
