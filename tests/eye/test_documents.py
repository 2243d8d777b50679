"""A document made of a record's own line and one made value by value are the same to the engine; odd records are found as typed."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter

import orjson
import pytest

from commodore.schema import registry
from eye.index.documents import Documents
from eye.index.schema import US, column, has_terms, schema
from eye.index.store import Store
from eye.query.words import words

FIELDS = {one["name"] for one in schema().__reduce__()[1][0]["inner"]}


def told(text: str) -> dict[str, list]:
    """What the engine takes from a document, in a form that can be compared."""
    document = json.loads(text)
    document["_all"] = sorted(" ".join(words(part)) for part in document["_all"])
    names = document.pop("_names")
    code, *document["others"] = names if isinstance(names, list) else [names]
    shapes = document.pop("_shapes", ())
    assert all(shape.startswith(code) for shape in shapes)
    document["names"] = sorted({name for shape in shapes for name in shape.split(US)[1:]})
    compared = FIELDS | {"names", "others"}
    found = {name: value if isinstance(value, list) else [value] for name, value in document.items() if name in compared}
    return {name: sorted(map(str, value)) for name, value in found.items() if value}


def test_both_ways_make_the_same_document(records):
    """Five records of each dataset and set of fields, and every eighth one."""
    quick, slow = Documents(), Documents()
    seen: Counter[tuple] = Counter()
    chosen = []
    for n, record in enumerate(records):
        kind = record["event.dataset"], *record
        seen[kind] += 1
        if seen[kind] <= 5 or n % 8 == 0:
            chosen.append(record)
    usual = 0
    for n, record in enumerate(chosen):
        line = orjson.dumps(record)
        quick.begin("part")
        slow.begin("part")
        made, written = quick.make(record, line, n), slow.careful(record, line, n)
        usual += made.startswith(line.decode()[:-1])
        assert told(made) == told(written), record
    assert usual > len(chosen) * 0.9 > 1_000


ODD = [
    {"escadre.id": f"{1:032x}", "process.command_line": "cafe\u0301.exe /x", "host.name": "H"},
    {"escadre.id": f"{2:032X}", "process.command_line": "İstanbul.exe", "process.pid": 2**70},
    {"escadre.id": "short", "process.command_line": ["one.exe", None, 7], "process.pid": [1, 2, "x"]},
    {"escadre.id": f"{4:032x}", "winlog.record_id": "007", "process.name": "w" * 9_000},
    {"escadre.id": f"{5:032x}", "winlog.record_id": "7", "winlog.event_data": {"a": {"b": ["q.exe", True]}, "c.d": 5, "e": None}},
    {"escadre.id": f"{6:032x}", "source.ip": ["10.0.0.7", "nothing", "fe80::1%eth0"], "message": ["x", {"y": "list.exe"}]},
    {"escadre.id": f"{7:032x}", "@timestamp": "yesterday", "event.category": [], "unknown.field": {"deep": ["strange.exe"]}},
    {"escadre.id": f"{8:032x}", "@timestamp": "2026-10-31T19:22:60.5Z", "_all": "smuggled", "_row": 5, "message": "leap.exe"},
    {"escadre.id": f"{9:032x}", "process.command_line": "\ud800 lone.exe", "escadre.locator": "usn/4711/x"},
    {"escadre.id": f"{16:032x}", "escadre.locator": "Run\\Odd name/5"},
    {"escadre.id": f"{17:032x}", "file.created": "never, or/later"},
    {"escadre.id": f"{18:032x}", "user.name": "parted\x1d by.com"},
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    case = tmp_path_factory.mktemp("odd") / "case"
    (case / "records" / "x").mkdir(parents=True)
    (case / "case.json").write_text("{}")
    (case / "records" / "x" / "c.jsonl").write_text("")
    import zstandard

    raw = b"".join(json.dumps(record, ensure_ascii=n == 8).encode() + b"\n" for n, record in enumerate(ODD))
    (case / "records" / "x" / "c.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(raw))
    store = Store(case)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (unicodedata.normalize("NFC", "cafe\u0301.exe"), {0}),
        ("cafe\u0301.exe", {0}),
        ("istanbul.exe", {1}),
        ("one.exe", {2}),
        ("process.command_line:one.exe", {2}),
        ("process.command_line:7", {2}),
        ("process.pid:2", {2}),
        ("_exists_:process.pid", {1, 2}),
        ("escadre.id:SHORT", {2}),
        (f"{2:032x}", {1}),
        (f"escadre.id:{2:032X}", {1}),
        ("escadre.id:0000000000000000000000000000000?", {0, 1, 3, 4, 5, 6, 7, 8}),
        ("winlog.record_id:007", {3}),
        ("winlog.record_id:7", {4}),
        ("winlog.record_id:*7", {3, 4}),
        ("winlog.record_id:/0+7/", {3}),
        ("winlog.record_id:[1 TO 8]", {4}),
        ("w" * 8_191, {3}),
        ("process.name:" + "w" * 9_000, set()),
        ("winlog.event_data.a.b:q.exe", {4}),
        ("winlog.event_data.a.b:true", {4}),
        ("winlog.event_data.c.d:5", {4}),
        ("_exists_:winlog.event_data.e", set()),
        ("source.ip:10.0.0.0/8", {5}),
        ("source.ip:fe80::1", {5}),
        ("list.exe", {5}),
        ("strange.exe", {6}),
        ("_exists_:event.category", set()),
        ("_exists_:@timestamp", {6, 7}),
        ("@timestamp:2026", {7}),
        ("smuggled", {7}),
        ("lone.exe", {8}),
        ("escadre.locator:usn/4711/x", {8}),
        ("escadre.locator:*4711*", {8}),
        ("escadre.locator:4711", set()),
        ("*\\lone.exe", set()),
        ("*lone.e?e", {8}),
        ("*un\\Odd\\ n*", {9}),
        ("*/la?er", {10}),
        ("part*d?\\ by.c*", {11}),
        ("*usn/*1/x", {8}),
        ("*range.e*", {6}),
    ],
)
def test_odd_records_are_found_as_typed(odd, query, expected):
    found = {ODD.index(record) for line in odd.lines(odd.ask(query)) if (record := json.loads(line))}
    assert found == expected


def test_odd_records_come_by_id_and_are_counted(odd):
    ids = [record["escadre.id"] for record in ODD]
    assert [record["escadre.id"] for record in odd.by_ids(ids[::-1])] == ids[::-1]
    assert odd.facet(odd.ask("*"), "winlog.record_id")[0] == [("7", 1)]
    assert odd.facet(odd.ask("*"), "escadre.locator") == ([("Run\\Odd name/5", 1), ("usn/4711/x", 1)], 2)
    assert odd.facet(odd.ask("*"), "process.command_line")[1] == 5


def test_every_keyword_field_has_terms_or_another_way_to_be_found():
    for name, field in registry().items():
        if field.type == "keyword" and name not in ("escadre.all", "escadre.id", "escadre.locator"):
            assert (name if has_terms(name) else column(name)) in FIELDS, name
