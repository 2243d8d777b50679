"""Values at the edges, in a case written by hand: lower case, empty lists, times beyond 64 bits, negative numbers, very many hits."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import orjson
import pytest

import eye.index.store
from eye.elastic import document
from eye.elastic.connect import ElasticServer, connect
from eye.elastic.deadletters import DeadLetters
from eye.elastic.load import Loaded, report
from eye.index.build import index
from eye.index.store import Store
from eye.query.tree import QueryComplaint
from eye.search import search
from scout.console import COULD_NOT, WRONG_USE, Complaint
from tests.eye.conftest import write_lines

RECORDS = [
    {"process.command_line": "ΟΔΟΣ.exe /x", "message": "ΟΔΟΣ"},
    {"process.command_line": "οδοσ", "message": "İstanbul"},
    {"process.command_line": "İstanbul", "event.category": []},
    {"file.mtime": "1601-01-01T00:00:00.0000001Z", "event.category": ["file"]},
    {"file.mtime": "9999-12-31T23:59:59Z", "@timestamp": "9999-12-31T23:59:59Z"},
    {"file.mtime": "2026-10-31T19:22:03Z", "@timestamp": "1601-01-01T00:00:01Z"},
    {"process.pid": -5, "@timestamp": "2026-10-31T19:22:03.5Z"},
    {"process.pid": 7, "@timestamp": "2026-11-01T00:00:00Z"},
]


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    case = tmp_path_factory.mktemp("edges") / "case"
    case.mkdir()
    (case / "case.json").write_text("{}")
    write_lines(case / "records" / "x" / "c.jsonl.zst", [{"@timestamp": None, **r, "escadre.id": f"id{n}"} for n, r in enumerate(RECORDS)])
    return case


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ΟΔΟΣ", {0, 1}),
        ("οδοσ", {0, 1}),
        ("*δοσ*", {0, 1}),
        ("process.command_line:ΟΔΟΣ*", {0, 1}),
        ("process.command_line:*ΔΟΣ*", {0, 1}),
        ("istanbul", {1, 2}),
        ("process.command_line:*İstan*", {2}),
        ("message:ISTANBUL", {1}),
        ("message:οδοσ", {0}),
        ("_exists_:event.category", {3}),
        ("event.category:*", {3}),
        ("event.category:[* TO *]", {3}),
        ("_exists_:file.mtime", {3, 4, 5}),
        ("file.mtime:<1970", {3}),
        ("file.mtime:>2026", {4}),
        ("file.mtime:>=2300", {4}),
        ("file.mtime:>2262", {4}),
        ("file.mtime:9999-12-31", {4}),
        ("file.mtime:1601", {3}),
        ("file.mtime:{1700 TO 2100]", {5}),
        ("NOT @timestamp:*", {0, 1, 2, 3}),
        ("process.pid:[-10 TO -1]", {6}),
        ("process.pid:{-5 TO 7]", {7}),
        ('process.pid:"-5"', {6}),
        ("process.pid:-5", {6}),
        ("@timestamp:[2026-10-31T19:22 TO 2026-10-31T19:22]", {6}),
    ],
)
def test_what_a_query_finds_at_the_edges(edges, query, expected):
    assert {r["escadre.id"] for r in search(edges, query)} == {f"id{n}" for n in expected}


def test_a_value_that_is_no_number_is_named(edges):
    with pytest.raises(QueryComplaint):
        list(search(edges, "process.pid:1_000"))


def test_times_beyond_64_bits_stretch_no_chart_and_stand_in_order(edges):
    store = Store(edges)
    asked = store.ask("_exists_:@timestamp")
    n, low, high = store.count(asked)
    assert n == 4 and high - low < 10**9 * 86400
    assert sum(store.histogram(asked, low, 10**9, 10**6).values()) == 2
    assert [r["escadre.id"] for r in store.rows(asked, 0, 9)] == ["id5", "id6", "id7", "id4"]
    store.close()


def test_all_hits_are_read_in_order_however_many_at_a_time(edges, monkeypatch):
    store = Store(edges)
    whole = list(store.lines(store.ask("*")))
    monkeypatch.setattr(eye.index.store, "AT_ONCE", 3)
    assert list(store.lines(store.ask("*"))) == whole and len(whole) == len(RECORDS)
    store.close()


def test_equal_times_are_in_the_order_of_the_records_on_every_page(tmp_path):
    times = ["2026-01-01T00:00:00Z", None, "2026-01-02T00:00:00Z"]
    (tmp_path / "case.json").write_text("{}")
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", [{"@timestamp": times[n % 3], "escadre.id": str(n)} for n in range(300)])
    store = Store(tmp_path)
    asked = store.ask("*")
    for descending in (False, True):
        known = [0, 2] if not descending else [2, 0]
        expected = [str(n) for rest in (*known, 1) for n in range(300) if n % 3 == rest]
        pages = [r for start in range(0, 300, 7) for r in store.rows(asked, start, 7, descending=descending)]
        assert [r["escadre.id"] for r in pages] == expected
        assert [store.position(asked, pages[n]["_row"], descending=descending) for n in (0, 99, 150, 299)] == [0, 99, 150, 299]
    store.close()


def sent(record: dict) -> tuple[dict, Counter]:
    """The document of a record, and the notes on its values."""
    made = document.made(orjson.dumps(record) + b"\n", record, "0" * 32)
    return orjson.loads(made.body), made.notes


def test_every_raw_date_that_elasticsearch_cannot_hold_is_kept():
    body, notes = sent({"escadre.times": ["1601-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]})
    assert body["escadre.times"] == ["2020-01-01T00:00:00Z"] and notes[document.OUT_OF_RANGE] == 2
    assert body["escadre.raw"] == {"escadre.times": ["1601-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]}


def test_long_values_of_free_form_objects_are_counted_too():
    _, notes = sent({"winlog.event_data": {"a": "x" * 8192, "b": ["y" * 9000, "z"]}, "user.name": "u" * 8191})
    assert notes[document.LONG] == 2


def lose_terms(folder):
    next(folder.glob("*.term")).unlink()


def cut_store(folder):
    file = next(folder.glob("*.store"))
    file.write_bytes(file.read_bytes()[:200])


def spoil_store(folder):
    file = next(folder.glob("*.store"))
    whole = file.read_bytes()
    file.write_bytes(bytes(len(whole) - 200) + whole[-200:])


@pytest.mark.parametrize("damage", [lose_terms, cut_store, spoil_store])
def test_a_damaged_index_is_named_and_never_an_empty_result(edges, tmp_path, damage):
    index(edges)
    case = Path(shutil.copytree(edges, tmp_path / "case", copy_function=shutil.copy2))
    damage(next(case.glob("index/v*")))
    with pytest.raises(Complaint) as caught:
        store = Store(case, build=False)
        list(store.lines(store.ask("οδοσ OR istanbul OR process.pid:7")))
    assert "is damaged" in caught.value.what and "eye index" in caught.value.do and caught.value.code == COULD_NOT
    index(case)
    assert {r["escadre.id"] for r in search(case, "οδοσ")} == {"id0", "id1"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_an_index_that_may_only_be_read_is_searched(edges):
    """Tantivy's lock file is a folder here, so that it cannot be opened: as on a file system that may only be read, also for root."""
    index(edges)
    lock = next(edges.glob("index/v*")) / ".tantivy-meta.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    try:
        assert {r["escadre.id"] for r in search(edges, "οδοσ")} == {"id0", "id1"}
    finally:
        lock.rmdir()


def test_refused_documents_of_a_case_that_may_only_be_read_are_told(tmp_path):
    (tmp_path / "index").write_text("no folder")
    letters = DeadLetters(tmp_path)
    letters.add("i", "evtx", "records/x", 1, "key", "digest", "too long", b"{}")
    assert "key" in letters.unlisted and not letters.file
    assert any("could not be listed" in line for line in report(Loaded(unlisted=letters.unlisted)))


def test_files_that_hold_no_key_and_no_certificate_are_named(tmp_path):
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xbf\xff\x00")
    for options in ({"api_key_file": odd}, {"ca": odd}, {"ca": tmp_path / "nothing"}):
        with pytest.raises(Complaint) as caught:
            connect(ElasticServer("https://127.0.0.1:9", **options))
        assert "does not read" in caught.value.what and caught.value.code == WRONG_USE


def test_a_pattern_that_has_to_read_too_much_is_stopped_and_says_so(tmp_path):
    (tmp_path / "case.json").write_text("{}")
    written = [{"escadre.id": f"{n + 0xD0:032x}", "message": "a first b-second c", "winlog.record_id": str(n)} for n in range(3)]
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", written)
    store = Store(tmp_path, seconds=1e-9)
    for query in ("escadre.id:*d*", "winlog.record_id:*1*", "message:*first\\ *second*"):
        with pytest.raises(Complaint) as caught:
            store.ask(query)
        assert "stopped after" in caught.value.what and store.count(Store(tmp_path).ask(query))[0] > 0
    with pytest.raises(Complaint) as caught:
        store.ask("*a* OR *b*")
    assert "too many patterns" in caught.value.what
    store.close()
