"""Both sides compared after a load: documents per dataset with their checksums, and a sample of records field by field.

The sample is drawn by the digests of the records, so it is the same in every load of a case, and spread over all its files.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import orjson
from elasticsearch import Elasticsearch

from eye.elastic.document import made
from eye.elastic.fields import CHECKSUM, IGNORE_ABOVE, RAW, checksum
from eye.query.values import nanoseconds
from eye.query.words import fold
from eye.remote.told import told

SAMPLE = 20
"""Records of each dataset that are compared field by field."""
LARGEST = 1_000_000
"""Bytes of the largest line that is sampled: the sample is held in memory."""
DATASETS = 10_000
SHOWN = 20
"""Differences that are listed."""


class LoadSample:
    """Counts, checksums and a sample of the records of one index, as they are read. `sums`: dataset → checksums added up."""

    def __init__(self, bound: dict[str, str] | None = None) -> None:
        self.read: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.total = 0
        self.drawn: dict[str, list[tuple[str, str, bytes]]] = {}
        self._bound: dict[str, str] = {} if bound is None else bound

    @classmethod
    def of(cls, total: int, read: dict[str, int], sums: dict[str, int], drawn: dict[str, list[list[str]]]) -> LoadSample:
        """Return what `Confirmed` noted. Raises ValueError, TypeError or AttributeError where that is none."""
        made = cls()
        made.read, made.sums = (Counter({str(name): int(n) for name, n in counts.items()}) for counts in (read, sums))
        made.total = int(total)
        made.drawn = {name: [(str(digest), str(key), line.encode()) for digest, key, line in of] for name, of in drawn.items()}
        return made

    def part(self) -> LoadSample:
        """Return an empty one for some of the records, which draws what this one would, at least."""
        return LoadSample(dict(self._bound))

    def add(self, value: Any, key: str, digest: str, line: bytes) -> None:
        """Count a record of a dataset, and keep it where its digest is among the smallest there."""
        dataset, number = value, checksum(digest)
        if type(value) is not str or len(value) > IGNORE_ABOVE:
            dataset, *more = named(value)
            self.read.update(more)
            self.sums.update(dict.fromkeys(more, number))
        self.read[dataset] += 1
        self.sums[dataset] += number
        self.total += 1
        if digest < self._bound.get(dataset, "g") and len(line) < LARGEST:
            self._draw(dataset, [(digest, key, line)])

    def miss(self, dataset: str) -> None:
        """Count a line that is no record."""
        self.read[dataset] += 1
        self.total += 1

    def _draw(self, dataset: str, more: list[tuple[str, str, bytes]]) -> None:
        kept = sorted([*self.drawn.get(dataset, []), *more])[:SAMPLE]
        self.drawn[dataset] = kept
        if len(kept) == SAMPLE:
            self._bound[dataset] = min(self._bound.get(dataset, "g"), kept[-1][0])

    def join(self, part: LoadSample) -> None:
        """Add the records of a part."""
        self.read += part.read
        self.sums += part.sums
        self.total += part.total
        for dataset, drawn in part.drawn.items():
            self._draw(dataset, drawn)


def named(value: Any) -> list[str]:
    """Return the datasets that the server counts a record for: one, '' where the value is none or too long; each of a list."""
    if type(value) is str and len(value) <= IGNORE_ABOVE:
        return [value]
    found = {str(item) for item in (value if isinstance(value, list) else [value]) if isinstance(item, (str, int, float))}
    return sorted(name for name in found if len(name) <= IGNORE_ABOVE) or [""]


class InIndex(NamedTuple):
    """Documents of a dataset in an index, and their checksums added up."""

    documents: int
    total: int


def counted(client: Elasticsearch, index: str) -> dict[str, InIndex]:
    """Return dataset (in lower case, '' for none) → what an index has of it."""
    total = {"total": {"sum": {"field": CHECKSUM}}}
    aggregations = {"by": {"terms": {"field": "event.dataset", "size": DATASETS, "missing": ""}, "aggs": total}}
    found = client.search(index=index, size=0, aggs=aggregations, track_total_hits=True)
    buckets = told(found.body, "aggregations", "by", "buckets", of=list)
    result = {}
    for bucket in buckets:
        added = told(bucket, "total", "value", of=object)
        whole = int(added) if isinstance(added, (int, float)) else -1
        result[str(told(bucket, "key", of=object))] = InIndex(told(bucket, "doc_count", of=int), whole)
    return result


def added_up(sample: LoadSample) -> dict[str, InIndex]:
    """Return dataset in lower case → what an index has to have of it."""
    read: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for name, n in sample.read.items():
        read[fold(name)] += n
        sums[fold(name)] += sample.sums[name]
    return {name: InIndex(n, sums[name]) for name, n in read.items()}


def datasets(sample: LoadSample, there: dict[str, InIndex]) -> dict[str, dict[str, int]]:
    """Return dataset → {read, counted}, for the datasets of either side."""
    read: Counter[str] = Counter()
    names: dict[str, str] = {}
    for name, n in sample.read.items():
        read[fold(name)] += n
        names.setdefault(fold(name), name)
    return {names.get(key, key): {"read": read[key], "counted": there.get(key, InIndex(0, 0)).documents} for key in sorted({*read, *there})}


def differences(client: Elasticsearch, index: str, sample: LoadSample) -> tuple[int, list[str]]:
    """Return how many records were compared, and what differs: `index id field: here …, there …`."""
    compared, wrong = 0, []
    for drawn in sample.drawn.values():
        found = _fetched(client, index, [key for _, key, _ in drawn])
        for digest, key, line in drawn:
            compared += 1
            wrong += [f"{index} {key} {text}" for text in _of(orjson.loads(line), line, digest, found.get(key))]
    return compared, wrong[:SHOWN]


def _fetched(client: Elasticsearch, index: str, keys: list[str]) -> dict[str, dict[str, Any]]:
    time = {"field": "@timestamp", "format": "strict_date_optional_time_nanos"}
    hits = client.search(index=index, size=len(keys), query={"ids": {"values": keys}}, fields=[time])
    return {told(hit, "_id", of=str): hit for hit in told(hits.body, "hits", "hits", of=list)}


def _of(record: dict[str, Any], line: bytes, digest: str, hit: dict[str, Any] | None) -> list[str]:
    """What differs between a record and the document that search finds under its id."""
    if hit is None:
        return [": not found"]
    source = told(hit, "_source", of=dict)
    expected = {k: v for k, v in orjson.loads(made(line, record, digest).body).items() if k in record}
    raw = told(source, RAW, of=dict, default={})
    wrong = []
    for name, value in record.items():
        there = source.get(name)
        if there != value and there != expected.get(name) and raw.get(name) != value:
            wrong.append(f"{name}: here {str(value)[:100]}, there {str(there)[:100]}")
    at = nanoseconds(record.get("@timestamp"))
    if "@timestamp" in source and at is not None:
        texts = told(told(hit, "fields", of=dict, default={}), "@timestamp", of=list, default=[])
        if [nanoseconds(text) for text in texts] != [at]:
            wrong.append(f"@timestamp: here {record['@timestamp']}, indexed as {texts}"[:300])
    return wrong
