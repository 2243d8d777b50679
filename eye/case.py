"""A case directory as the Eye reads it: parts (dataset and collection), records as they stream by, findings, what is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from commodore.case import trust
from commodore.case.jsonl import lines
from commodore.case.partition import RECORDS
from commodore.case.reader import FINDING, CaseReader, differences
from commodore.finding import MOST_SEVERE_FIRST
from commodore.listing import named
from scout.console import COULD_NOT, Complaint


@dataclass(frozen=True, slots=True)
class Source:
    """One records file: what an index part is made from. `stamp` changes when the file does."""

    dataset: str
    collection: str
    path: Path
    stamp: str


def open_case(path: str | Path) -> Path:
    """Return the case directory. Raises Complaint where there is none."""
    return CaseReader(path).root


def sources(case: Path) -> list[Source]:
    """Return all files of records, in a stable order."""
    reader = CaseReader(case)
    return [_source(dataset, path) for dataset in reader.datasets() if dataset != FINDING for path in reader.files(dataset)]


def _source(dataset: str, path: Path) -> Source:
    stat = path.stat()
    return Source(dataset, path.name.removesuffix(RECORDS), path, f"{stat.st_size}:{stat.st_mtime_ns}")


def records(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each line with its object."""
    for number, line in enumerate(lines(path), 1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as e:
            raise not_a_record(path, number, str(e)) from e
        if not isinstance(record, dict):
            raise not_a_record(path, number, "not an object")
        yield line, record


def not_a_record(path: Path, number: int, why: str) -> Complaint:
    """Return the complaint about a line that is not a record."""
    return Complaint(f"{path}, line {number}: no record ({why}).", "Run `commodore process` again into a new case.", COULD_NOT)


def cannot_write(folder: Path, why: object) -> Complaint:
    """Return the complaint about an index that could not be written: disk full, no permission, or a file in use (Windows)."""
    return Complaint(
        f"{folder} cannot be written: {why}.",
        "Look at the space and the rights there, end what has this index open (eye serve), and run `eye index` again.",
        COULD_NOT,
    )


def finding_sources(case: Path) -> list[Source]:
    """Return the files of findings, one per collection, as `sources` does for records; their dataset is `finding`."""
    return [_source(FINDING, path) for path in CaseReader(case).files(FINDING)]


def findings(case: Path) -> list[dict[str, Any]]:
    """Return all findings, most severe first, then by time; an empty list where there are none."""
    found = [record for source in finding_sources(case) for _, record in records(source.path)]
    order = {name: n for n, name in enumerate(MOST_SEVERE_FIRST)}
    found.sort(
        key=lambda f: (
            order.get(str(f.get("escadre.severity")), 9),
            str(f.get("escadre.first") or f.get("@timestamp") or "~"),
            str(f.get("escadre.id")),
        )
    )
    return found


def versions(case: Path) -> list[tuple[list[str], list[str]]]:
    """Return which hosts were made with which versions: hosts, and what differs in words (`evtx 2`). One entry: all hosts are alike."""
    return differences(CaseReader(case).versions())


def receipts(case: Path) -> list[tuple[str, str]]:
    """Return for each archive its host, and `verified`, `not given` or `contradicted`; an empty list for plain input."""
    return trust.by_host(CaseReader(case).collections().values())


def told_versions(case: Path) -> list[str]:
    """Return one line per group of hosts that were made alike, where there is more than one group; else an empty list."""
    groups = versions(case)
    return [f"{named(hosts)}: {', '.join(what)}" for hosts, what in groups] if len(groups) > 1 else []
