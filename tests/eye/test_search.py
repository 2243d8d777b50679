"""Searching a real case: each query against a plain Python reading of the same records."""

from __future__ import annotations

import ipaddress
import re

import orjson
import pytest

from eye.index.store import Store
from eye.index.why import hints
from eye.query.parse import parse
from eye.query.tree import And, Or, QueryComplaint
from tests.eye.conftest import write_lines


def texts(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [t for v in value for t in texts(v)]
    return [] if value is None else [str(value)]


def has_word(record, word):
    row = re.compile(r"(?<![^\W_])" + r"[\W_]+".join(re.split(r"[\W_]+", word)) + r"(?![^\W_])")
    return any(row.search(t.lower()) for name, value in record.items() if name != "escadre.id" for t in texts(value))


def low(record, name):
    return str(record.get(name, "\0")).lower()


def inside(record, block):
    return "source.ip" in record and ipaddress.ip_address(record["source.ip"]) in ipaddress.ip_network(block)


QUERIES = {
    "powershell": lambda r: has_word(r, "powershell"),
    "POWERSHELL": lambda r: has_word(r, "powershell"),
    "onesyncnothere": lambda r: False,
    "powershell.exe": lambda r: has_word(r, "powershell.exe"),
    "powershell AND 4688": lambda r: has_word(r, "powershell") and has_word(r, "4688"),
    "powershell OR cmd": lambda r: has_word(r, "powershell") or has_word(r, "cmd"),
    "powershell NOT 4688": lambda r: has_word(r, "powershell") and not has_word(r, "4688"),
    "powershell 4688": lambda r: has_word(r, "powershell") and has_word(r, "4688"),
    "powershell -event.code:4688": lambda r: has_word(r, "powershell") and r.get("event.code") != "4688",
    "+powershell !4688": lambda r: has_word(r, "powershell") and not has_word(r, "4688"),
    "NOT event.code:4688": lambda r: r.get("event.code") != "4688",
    "event.code:4688": lambda r: r.get("event.code") == "4688",
    "event.code:(4688 OR 4624)": lambda r: r.get("event.code") in ("4688", "4624"),
    "event.code:468*": lambda r: str(r.get("event.code", "")).startswith("468"),
    "event.code:46?8": lambda r: bool(re.fullmatch("46.8", r.get("event.code", ""))),
    "event.code:[4688 TO 4700]": lambda r: "4688" <= r.get("event.code", "") <= "4700",
    "event.code:{4688 TO 4700}": lambda r: "4688" < r.get("event.code", "") < "4700",
    "user.name:SYSTEM": lambda r: low(r, "user.name") == "system",
    "user.name:sys*": lambda r: low(r, "user.name").startswith("sys"),
    "process.command_line:*whoami*": lambda r: "whoami" in low(r, "process.command_line"),
    "process.executable:C:\\Windows\\*": lambda r: low(r, "process.executable").startswith("c:\\windows\\"),
    "process.executable:C\\:\\\\Windows\\\\*": lambda r: low(r, "process.executable").startswith("c:\\windows\\"),
    "host.name:WS-ONE": lambda r: r.get("host.name") == "WS-ONE",
    "process.pid:4": lambda r: r.get("process.pid") == 4,
    "process.pid:[1000 TO *]": lambda r: r.get("process.pid", -1) >= 1000,
    "process.pid:>1000": lambda r: r.get("process.pid", -1) > 1000,
    'source.ip:"10.0.0.0/8"': lambda r: inside(r, "10.0.0.0/8"),
    "source.ip:10.23.0.0/16": lambda r: inside(r, "10.23.0.0/16"),
    "@timestamp:2021-04-26": lambda r: str(r["@timestamp"]).startswith("2021-04-26"),
    "@timestamp:2021-04": lambda r: str(r["@timestamp"]).startswith("2021-04"),
    "@timestamp:[2021-04-26 TO 2021-04-27]": lambda r: "2021-04-26" <= str(r["@timestamp"])[:10] <= "2021-04-27",
    "@timestamp:{2021-04-26 TO *]": lambda r: str(r["@timestamp"])[:10] > "2021-04-26",
    "@timestamp:<2021": lambda r: r["@timestamp"] is not None and r["@timestamp"][:4] < "2021",
    "_exists_:source.ip": lambda r: "source.ip" in r,
    "NOT _exists_:user.name": lambda r: "user.name" not in r,
    "process.name:*": lambda r: "process.name" in r,
    "event.category:process": lambda r: "process" in r.get("event.category", []),
    "winlog.event_data.LogonType:3": lambda r: str(r.get("winlog.event_data", {}).get("LogonType")) == "3",
    "*:*": lambda r: True,
    "": lambda r: True,
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_what_a_plain_reading_finds(query, store, records):
    expected = {r["escadre.id"] for r in records if QUERIES[query](r)}
    assert {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(query))} == expected


def test_most_queries_find_some_records_and_not_all(store, records):
    sizes = [store.count(store.ask(q))[0] for q in QUERIES]
    assert sum(0 < n < len(records) for n in sizes) >= 0.8 * len(sizes)


def test_a_phrase_finds_words_that_follow_each_other_within_one_value(store, records):
    expected = {r["escadre.id"] for r in records if has_word(r, "service control manager")}
    found = {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask('"Service Control Manager"'))}
    assert found == expected and 0 < len(found) < len(records)


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("a AND", 5),
        ("OR a", 0),
        ("a AND (b OR)", 11),
        ("ab foo~3", 3),
        ("process.name:cmd~1", 0),
        ("process.pid:many", 0),
        ("@timestamp:yesterday", 11),
        ("source.ip:10.0", 0),
        ("process.pid:[1 TO", 12),
        ("---", 0),
        ("message:/a(/", 0),
        ('""', 0),
    ],
)
def test_an_error_points_at_the_character(query, position, store):
    with pytest.raises(QueryComplaint) as caught:
        store.ask(query)
    assert caught.value.position == position and caught.value.code == 2


def test_an_unknown_field_is_text_and_its_neighbours_are_named():
    assert parse("proces.name:cmd.exe").text == "proces.name:cmd.exe"
    assert "process.name" in str(hints("proces.name:cmd.exe")[0]) and hints("https://a.example.com:80/x C:\\a.b") == []


@pytest.mark.parametrize(
    "query", ["(" * 10_000 + "a" + ")" * 10_000, "a OR " * 5_000 + "a", "x" * 60_000, "*a*b*c*" * 100, "message:/" + "(a*)*" * 200 + "/"]
)
def test_a_query_bomb_is_refused(query, store):
    from scout.console import Complaint

    with pytest.raises(Complaint):
        store.ask(query)


def shape(query):
    def told(node):
        if isinstance(node, (And, Or)):
            return (type(node).__name__.lower(), *map(told, node.nodes))
        return node.text

    return told(parse(query))


def test_and_binds_first_and_two_clauses_side_by_side_mean_and():
    assert shape("a AND b OR c") == shape("(a AND b) OR c")
    assert shape("a b c") == ("and", "a", "b", "c") and shape("a OR b c") == ("or", "a", ("and", "b", "c"))


def test_quotes_around_nothing_are_text_without_a_word():
    assert parse('""echo').text == "echo" and shape('cmd "" /c') == ("and", "cmd", "/c")


@pytest.mark.parametrize("slop", [0, 3, 999, 1000, 123456789])
def test_words_may_be_as_far_apart_as_is_written(slop):
    assert [parse(f'{field}"a b"~{slop}').slop for field in ("", "message:")] == [slop, slop]


def test_a_pattern_that_the_engine_refuses_is_told_in_its_words(store):
    for query, why in (("message:/a(/", "unclosed group"), ("*a*b*c*d" * 30, "too many wildcards")):
        with pytest.raises(QueryComplaint, match=why) as caught:
            store.ask(query)
        assert "RegexQueryError" not in str(caught.value)


def test_histogram_facets_and_pages_agree_with_the_records(store, records):
    asked = store.ask("event.code:4688")
    mine = [r for r in records if r.get("event.code") == "4688"]
    n, first, _ = store.count(asked)
    assert n == len(mine) and sum(store.histogram(asked, first, 86400 * 10**9, 10_000).values()) == len(mine)
    counted: dict[str, int] = {}
    for r in mine:
        if "user.name" in r:
            counted[r["user.name"].lower()] = counted.get(r["user.name"].lower(), 0) + 1
    values, different = store.facet(asked, "user.name", 500)
    assert {v.lower(): c for v, c in values} == counted and different == len(counted)
    pages = [r for start in range(0, n, 100) for r in store.rows(asked, start, 100)]
    assert [r["@timestamp"] for r in pages] == sorted(r["@timestamp"] for r in mine) and len({r["_row"] for r in pages}) == n
    assert store.position(asked, pages[7]["_row"]) == 7


LONG = "-".join(f"step{n} of" for n in range(70))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f'"{LONG}"', {1, 2}),
        (f'"{LONG} 99"', {1}),
        (f"message:{LONG.replace(' ', '/')}", {1, 2}),
        (f'"{LONG} 98"', set()),
        (f'"{LONG} of"', set()),
    ],
)
def test_a_text_of_very_many_words_is_found_in_a_row(tmp_path, query, found):
    (tmp_path / "case.json").write_text("{}")
    texts = [f"a {LONG} 99 z", f"{LONG} 100", LONG[:-20]]
    rows = [{"event.dataset": "x", "escadre.id": f"{n:032x}", "message": text} for n, text in enumerate(texts, 1)]
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", rows)
    store = Store(tmp_path)
    assert {int(orjson.loads(line)["escadre.id"], 16) for line in store.lines(store.ask(query))} == found
    store.close()


@pytest.mark.parametrize(
    "query",
    [
        "message:/((a{1,50}){1,50}){1,50}/",
        r"escadre.all:/(\w{0,9}){0,9}/",
        "process.name:/(.{0,60}){,60}/",
        "message:/((a{9,99}){99}){1,2}/",
    ],
)
def test_counted_repetitions_within_each_other_are_refused(query, store):
    with pytest.raises(QueryComplaint, match="repetitions"):
        store.ask(query)
