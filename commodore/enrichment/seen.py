"""The values of one host: how often, when, in which datasets, in which records. The map of the pass over a case.

Memory is bounded: `MOST` values of one kind. A value that is left out is counted, never passed over in silence.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from commodore import catalogue
from commodore.case import private
from commodore.case.jsonl import frames, objects
from commodore.case.partition import RECORDS, Partition
from commodore.enrichment import kinds
from scout.console import Complaint

MOST = 100_000
"""Values of one kind on one host."""
EXAMPLES = 5
"""Records that are named for a value on one host: the first ones by time."""
VERSION = 1
"""Version of this summary; one of another version is made again."""


@dataclass(slots=True)
class SeenValue:
    """One value on one host. `first`, `last`: RFC 3339 UTC, '' where no record has a time; `records`: (time, id) of the earliest."""

    spelling: str
    count: int = 0
    first: str = ""
    last: str = ""
    datasets: set[str] = field(default_factory=set)
    records: list[tuple[str, str]] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    """names of an account id, as records have both"""

    def add(self, dataset: str, time: str, record: str) -> None:
        """Add one record."""
        self.count += 1
        self.datasets.add(dataset)
        if time:
            self.first = min(self.first or time, time)
            self.last = max(self.last, time)
        if record and (len(self.records) < EXAMPLES or (time and (time, record) < self.records[-1])):
            self.records = sorted([*self.records, (time or "~", record)])[:EXAMPLES]  # those without a time come last


def summary(partition: Partition) -> Iterator[dict[str, Any]]:
    """Yield the values of one host: a line about the host, then lines sorted by kind and value. Reads each dataset once."""
    values: dict[tuple[str, str], SeenValue] = {}
    held: dict[str, int] = {}
    left_out: dict[str, int] = {}
    about = partition.about() or {}
    for dataset in _datasets(partition):
        for record in objects(partition.records(dataset)):
            time, identity = str(record.get("@timestamp") or ""), str(record.get("escadre.id") or "")
            for kind, spelling in dict.fromkeys(kinds.of_record(record)):
                value = kinds.normal(kind, spelling) if len(spelling) <= kinds.LONGEST else None
                if value is None:
                    left_out[kind] = left_out.get(kind, 0) + (len(spelling) > kinds.LONGEST)
                    continue
                seen = values.get((kind, value))
                if seen is None:
                    if held.get(kind, 0) >= MOST:
                        left_out[kind] = left_out.get(kind, 0) + 1
                        continue
                    held[kind] = held.get(kind, 0) + 1
                    seen = values[kind, value] = SeenValue(spelling)
                seen.add(dataset, time, identity)
                if kind == "sid" and len(seen.accounts) < EXAMPLES and isinstance(name := record.get("user.name"), str):
                    seen.accounts.add("\\".join(filter(None, (str(record.get("user.domain") or ""), name))))
    yield {"version": VERSION, "host": str(about.get("host", "")), "left_out": {k: n for k, n in sorted(left_out.items()) if n}}
    for (kind, value), seen in sorted(values.items()):
        line = {"kind": kind, "value": value, "spelling": seen.spelling, "count": seen.count, "first": seen.first, "last": seen.last}
        line |= {"datasets": sorted(seen.datasets), "records": [record for _, record in seen.records]}
        yield line | ({"accounts": sorted(seen.accounts)} if seen.accounts else {})


def _datasets(partition: Partition) -> list[str]:
    """Return the datasets whose records are evidence of their own and can hold a value: derived ones repeat what others say."""
    declared, derived = catalogue.artefacts(), catalogue.derivations()
    wanted = kinds.by_field().keys()
    return [
        name
        for name in partition.datasets()
        if name not in derived and (name not in declared or not wanted.isdisjoint(declared[name].artefact.fields))
    ]


def kept(partition: Partition) -> Generator[dict[str, Any], None, None]:
    """Yield the summary of a host; make and keep it where there is none, or where it is older than the host's records."""
    path = partition.root / "entities" / f"{partition.collection}{RECORDS}"
    if not _fresh(path, partition):
        private.write(path, frames(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in summary(partition)))
    yield from objects(path)


def _fresh(path: Any, partition: Partition) -> bool:
    try:
        if path.stat().st_mtime_ns < partition.manifest.stat().st_mtime_ns:
            return False
        return next(objects(path), {}).get("version") == VERSION
    except (OSError, Complaint):
        return False
