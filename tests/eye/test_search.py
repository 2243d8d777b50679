"""Searching a real case: each query against a plain Python reading of the same records."""

from __future__ import annotations

import ipaddress
import re

import orjson
import pytest

from eye.query.lucene import QueryComplaint, parse


def texts(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [t for v in value for t in texts(v)]
    return [] if value is None else [str(value)]


def has_word(record, word):
    return any(word in re.split(r"[\W_]+", t.lower()) or word in t.lower().split() for t in texts(list(record.values())))


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
    "+powershell -4688": lambda r: has_word(r, "powershell") and not has_word(r, "4688"),
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
    shape = re.compile(r"(?<![^\W_])service[\W_]+control[\W_]+manager(?![^\W_])")
    expected = {r["escadre.id"] for r in records if any(shape.search(t.lower()) for t in texts(list(r.values())))}
    found = {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask('"Service Control Manager"'))}
    assert found == expected and 0 < len(found) < len(records)


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("(powershell", 0),
        ("a AND", 5),
        ("a)", 1),
        ('say "x', 4),
        ("a AND (b OR", 6),
        ("user.name:a:b", 10),
        ("ab foo~", 3),
        ("process.pid:many", 12),
        ("x AND nofield:y", 6),
        ("@timestamp:yesterday", 11),
        ("source.ip:10.0", 10),
        ("a\\", 1),
        ("event.code:[1 TO", 11),
    ],
)
def test_an_error_points_at_the_character(query, position, store):
    with pytest.raises(QueryComplaint) as caught:
        store.ask(query)
    assert caught.value.position == position and caught.value.code == 2


def test_an_unknown_field_names_its_neighbours(store):
    with pytest.raises(QueryComplaint) as caught:
        store.ask("proces.name:cmd.exe")
    assert "process.name" in caught.value.do


@pytest.mark.parametrize("query", ["(" * 10_000 + "a" + ")" * 10_000, "a OR " * 5_000 + "a", "x" * 30_000, "*a*b*c*" * 100])
def test_a_query_bomb_is_refused(query, store):
    from scout.console import Complaint

    with pytest.raises(Complaint):
        store.ask(query)


def test_operators_join_as_in_lucene_not_as_in_arithmetic():
    both, either = parse("a AND b OR c"), parse("a b c")
    assert [n.text for n in both.must] == ["a", "b"] and [n.text for n in both.should] == ["c"]
    assert not either.must and len(either.should) == 3


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
