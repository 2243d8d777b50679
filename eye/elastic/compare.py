"""Both sides compared after a load: documents per dataset, and a sample of records field by field.

The sample is drawn by the digests of the records, so it is the same in every load of a case, and spread over all its files.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from eye.elastic.document import made
from eye.elastic.fields import IGNORE_ABOVE, RAW
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
    """Counts and a sample of the records of one index, as they are read."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.total = 0
        self.drawn: dict[str, list[tuple[str, str, bytes]]] = {}
        self._bound: dict[str, str] = {}

    def add(self, value: Any, key: str, digest: str, line: bytes) -> None:
        """Count a record of a dataset, and keep it where its digest is among the smallest there."""
        dataset = value
        if type(value) is not str or len(value) > IGNORE_ABOVE:
            dataset, *more = named(value)
            self.read.update(more)
        self.read[dataset] += 1
        self.total += 1
        if digest < self._bound.get(dataset, "g") and len(line) < LARGEST:
            kept = sorted([*self.drawn.get(dataset, []), (digest, key, line)])[:SAMPLE]
            self.drawn[dataset] = kept
            if len(kept) == SAMPLE:
                self._bound[dataset] = kept[-1][0]


def named(value: Any) -> list[str]:
    """Return the datasets that the server counts a record for: one, '' where the value is none or too long; each of a list."""
    if type(value) is str and len(value) <= IGNORE_ABOVE:
        return [value]
    found = {str(item) for item in (value if isinstance(value, list) else [value]) if isinstance(item, (str, int, float))}
    return sorted(name for name in found if len(name) <= IGNORE_ABOVE) or [""]


def counted(client: Elasticsearch, index: str) -> dict[str, int]:
    """Return dataset (in lower case, '' for none) → documents of an index."""
    aggregations = {"by": {"terms": {"field": "event.dataset", "size": DATASETS, "missing": ""}}}
    found = client.search(index=index, size=0, aggs=aggregations, track_total_hits=True)
    buckets = told(found.body, "aggregations", "by", "buckets", of=list)
    return {str(told(bucket, "key", of=object)): told(bucket, "doc_count", of=int) for bucket in buckets}


def datasets(sample: LoadSample, there: dict[str, int]) -> dict[str, dict[str, int]]:
    """Return dataset → {read, counted}, for the datasets of either side."""
    read: Counter[str] = Counter()
    names: dict[str, str] = {}
    for name, n in sample.read.items():
        read[fold(name)] += n
        names.setdefault(fold(name), name)
    return {names.get(key, key): {"read": read[key], "counted": there.get(key, 0)} for key in sorted({*read, *there})}


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
