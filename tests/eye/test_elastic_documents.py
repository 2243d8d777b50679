"""A document made of a record's own line and one made value by value are the same; nearly all records of every kind go the short way."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from eye.elastic.document import _plain_texts, made
from eye.elastic.fields import ALL, VALUES

ODD = [
    {"process.command_line": "cafe\u0301.exe /x"},
    {"process.command_line": ["one.exe", None, 7], "process.pid": [1, "x"]},
    {"process.command_line": None, "process.pid": 2**63, "source.ip": "fe80::1%eth0"},
    {"event.category": "process", "related.ip": ["10.0.0.7", "nothing"], "escadre.host_inferred": 1},
    {"escadre.times": ["2024-02-30T00:00:00Z", "1601-01-01T00:00:00Z"], "@timestamp": "2024-02-29T23:59:60Z"},
    {"winlog.event_data": {"a": {"b": "c"}, "d\0": "e"}, "unknown.field": True, "escadre.id": 7},
    {"winlog.event_data": "text", "message": "\u0130stanbul", "host.name": "w" * 9_000},
]


def content(body: bytes) -> dict:
    document = orjson.loads(body)
    return document | {name: sorted(document[name]) for name in (ALL, VALUES)}


def value_by_value(line: bytes, record: dict) -> bytes:
    return made(line, record, "d" * 32, without=frozenset({""})).body


def test_both_ways_make_the_same_document(records):
    """Five records of each dataset and set of fields, and every eighth one."""
    seen: Counter[tuple] = Counter()
    short: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for n, record in enumerate(records):
        kind = record["event.dataset"], *record
        seen[kind] += 1
        if seen[kind] > 5 and n % 8:
            continue
        line = orjson.dumps(record)
        every[kind[0]] += 1
        short[kind[0]] += _plain_texts(line, record) is not None
        assert content(made(line, record, "d" * 32).body) == content(value_by_value(line, record)), record
    assert short.total() > every.total() * 0.9 > 1_000
    slow = {name for name, n in every.items() if n > 50 and short[name] < n * 0.8}
    assert slow <= {"persistence", "finding"}, "only these have objects with more than texts in them"


@pytest.mark.parametrize("record", ODD)
def test_an_odd_record_is_looked_at_value_by_value(record):
    line = orjson.dumps(record)
    assert _plain_texts(line, record) is None
    assert content(made(line, record, "d" * 32).body) == content(value_by_value(line, record))
