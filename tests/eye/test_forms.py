"""Wildcards across separators, words at a distance, query bombs, odd values, and the options of the terminal, by a plain reading."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from itertools import product

import orjson
import pytest

from eye.index.store import Store
from eye.query.tree import QueryComplaint
from eye.search import stats
from scout.console import Complaint
from tests.conftest import ROOT
from tests.eye import typed
from tests.eye.conftest import write_lines


def eye(*words):
    return subprocess.run([sys.executable, "-m", "eye.cli", *map(str, words)], capture_output=True, text=True, cwd=ROOT)


def found(store, query):
    return {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(query))}


@pytest.fixture(scope="module")
def open_case(typed_case):
    store = Store(typed_case)
    yield store
    store.close()


@pytest.mark.parametrize(
    "pattern",
    [
        r"*\cmd.exe",
        r"*\System32\*.exe",
        r"C:\Windows\*\cmd.exe",
        r"*\Public\*\lot*",
        r"*\*.ps1",
        "svc-*",
        "/var/tmp/.*/run*",
        "*Security-Audit*",
        "00:1a:2b:*:0a",
        "*.example.com:8443/*",
        "S-1-5-2*-*",
        "*@mairie-exemple.f?",
        "*été dernier*".replace(" ", "\\ "),
        "process.name*",
        "*ΟΔΟΣ.e*",
    ],
)
def test_a_pattern_with_other_signs_is_found_anywhere_within_a_value(open_case, typed_records, pattern):
    plain = pattern.replace("\\ ", " ").lower()
    shape = re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in plain.strip("*")), re.DOTALL)
    expected = {r["escadre.id"] for r in typed_records if any(shape.search(v.replace("Σ", "σ").lower()) for v in typed.values(r))}
    assert found(open_case, pattern) == expected and (expected or pattern == "process.name*")


def test_a_store_that_is_warm_asks_the_engine_for_no_terms_when_a_pattern_comes(typed_case, typed_records, monkeypatch):
    store = Store(typed_case)
    store.warm()
    monkeypatch.setattr("eye.index.terms.Terms.of", lambda *_: pytest.fail("the terms are read again"))
    expected = {r["escadre.id"] for r in typed_records if any("\\cmd.exe" in value.lower() for value in typed.values(r))}
    assert found(store, r"*\cmd.exe") == expected and expected


@pytest.mark.parametrize(
    ("first", "second", "slop"), [("net", "user", 2), ("windows", "cmd", 1), ("windows", "cmd", 2), ("exe", "system32", 3)]
)
def test_words_at_a_distance_are_as_far_apart_as_lucene_counts(open_case, typed_records, first, second, slop):
    def near(value):
        words = typed.row(value).split()
        places = [[n for n, word in enumerate(words) if word == wanted] for wanted in (first, second)]
        return any(a != b and abs(b - 1 - a) <= slop for a, b in product(*places))

    expected = {r["escadre.id"] for r in typed_records if any(near(v) for v in typed.values(r))}
    assert found(open_case, f'"{first} {second}"~{slop}') == expected != set()


@pytest.mark.parametrize(
    "query",
    [
        "*a*b*c*d*e*f*g*",
        "*" * 5_000 + "a" + "*" * 5_000,
        "(" * 10_000 + "a" + ")" * 9_999,
        "((((a))))" * 1_500,
        "x" * 1_000_000,
        '"' * 9_999,
        "\\" * 19_999,
        "NOT " * 4_000 + "a",
        "message:/(a+)+$/",
        "message:/((((a*)*)*)*)*b/",
        "escadre.all:/.{0,1000}.{0,1000}x/",
        "a~2 " * 900,
        '"a b c d e f g h"~999',
        "?" * 300,
        "*?*?*?*?*?*?*?a",
        "event.code:[" * 2_000,
        "\x00\ud800 \u202e",
    ],
)
def test_a_query_bomb_ends_with_an_answer_or_a_message_and_the_index_still_answers(open_case, query):
    try:
        open_case.count(open_case.ask(query))
    except Complaint as complaint:
        assert complaint.what and isinstance(complaint, QueryComplaint)
    assert open_case.count(open_case.ask("powershell"))[0] > 0


def test_values_of_megabytes_and_records_of_many_fields_are_found_as_they_are_typed(tmp_path):
    (tmp_path / "case.json").write_text("{}")
    large = "start " + "x" * 5_000_000 + " end of it"
    many = {f"winlog.odd{n}": f"value{n}" for n in range(50_000)}
    odd = [
        {"escadre.id": "0" * 31 + "a", "message": large},
        {"escadre.id": "0" * 31 + "b", "winlog.event_data": {f"k{n}": f"v{n} needle{n}" for n in range(50_000)}},
        {"escadre.id": "0" * 31 + "c", **many},
        {"escadre.id": "0" * 31 + "d", "process.command_line": "a\x00b \u202egnp.exe e\u0301tat"},
    ]
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", [{"@timestamp": None, **r} for r in odd])
    store = Store(tmp_path)
    for query, key in (
        ('"end of it"', "a"),
        ("x" * 9_000, None),
        ("needle49999", "b"),
        ("winlog.event_data.k49999:*", "b"),
        ("value49999", "c"),
        ("a\x00b", "d"),
        ("\u202egnp.exe", "d"),
        ("e\u0301tat", "d"),
        ("\u00e9tat", "d"),
        ("0" * 31 + "d", "d"),
    ):
        assert found(store, query) == ({"0" * 31 + key} if key else set()), query[:20]
    store.close()


def test_the_terminal_counts_sorts_narrows_and_writes_what_was_asked_for(typed_case, typed_records):
    expected = [r for r in typed_records if r.get("event.code") == "4688"]
    assert eye("search", typed_case, "event.code:4688", "--count").stdout == f"{len(expected)}\n"
    pids = [
        json.loads(line)
        for line in eye(
            "search", typed_case, "_exists_:process.pid", "--json", "--sort=-process.pid", "--fields=process.pid"
        ).stdout.splitlines()
    ]
    assert [p["process.pid"] for p in pids] == sorted((r["process.pid"] for r in typed_records if "process.pid" in r), reverse=True)
    recent = eye("search", typed_case, "mairie", "--since", "2026-10-05", "--until", "2026-10-07", "--count").stdout
    assert recent == "3\n"
    one = next(r for r in expected if r["@timestamp"])
    near = [
        json.loads(line)["escadre.id"] for line in eye("search", typed_case, "--around", one["escadre.id"], "--json").stdout.splitlines()
    ]
    assert one["escadre.id"] in near and all(r["host.name"] == one["host.name"] for r in typed_records if r["escadre.id"] in near)
    told = eye("search", typed_case, "event.code:4688", "--limit", "2")
    assert "--from 2" in told.stderr
    both = [eye("search", typed_case, "event.code:4688", "--limit", "2", "--from", n, "--json").stdout.splitlines() for n in (0, 2)]
    assert both[0] + both[1] == eye("search", typed_case, "event.code:4688", "--limit", "4", "--json").stdout.splitlines()
    assert eye("search", typed_case, r"C:\Temp\x.exe", "--as", "kibana").stdout.strip() == r'"C:\\Temp\\x.exe"'
    beyond = eye("search", typed_case, "event.code:4688", "--from", "1000000")
    assert beyond.stdout == "" and "--from 1000000 is beyond the last hit" in beyond.stderr
    near = eye("search", typed_case, "x", "--fields", "host.name, proces.name")
    assert near.returncode == 2 and "proces.name is no field" in near.stderr and "process.name" in near.stderr
    for wrong in (
        ("--sort", "message"),
        ("--since", "soon"),
        ("--around", "zz"),
        ("--as", "splunk"),
        ("--json", "--csv"),
        ("--csv", "--table"),
    ):
        said = eye("search", typed_case, "x", *wrong)
        assert said.returncode == 2 and "Traceback" not in said.stderr


def test_csv_is_read_back_and_runs_nothing(tmp_path):
    (tmp_path / "case.json").write_text("{}")
    values = ["=cmd|' /C calc'!A0", "+1+1", "-5", "@SUM(A1)", 'a "b", c\nd', "\tx", "plain"]
    write_lines(
        tmp_path / "records" / "x" / "c.jsonl.zst",
        [{"@timestamp": None, "escadre.id": str(n), "user.name": v} for n, v in enumerate(values)],
    )
    done = subprocess.run(
        [sys.executable, "-m", "eye.cli", "search", str(tmp_path), "--csv", "--fields", "user.name"], capture_output=True, cwd=ROOT
    )
    rows = [row[0] for row in csv.reader(io.StringIO(done.stdout.decode(), newline=""))]
    assert rows == ["user.name", "'" + values[0], "'" + values[1], "-5", "'" + values[3], 'a "b", c\\nd', "\\tx", "plain"]


def test_stats_count_values_as_a_plain_reading_does(typed_case, typed_records):
    counted: dict[str, int] = {}
    for record in typed_records:
        if record.get("event.code"):
            counted[record["event.code"]] = counted.get(record["event.code"], 0) + 1
    told = [json.loads(line) for line in eye("stats", typed_case, "event.code", "--limit", "100000", "--json").stdout.splitlines()]
    assert {t["value"]: t["records"] for t in told} == counted and [t["records"] for t in told] == sorted(counted.values(), reverse=True)
    rare = eye("stats", typed_case, "event.code", "--rare", "--limit", "1", "--json", "--by", "day").stdout
    assert json.loads(rare)["records"] == min(counted.values()) and sum(json.loads(rare)["by"].values()) == min(counted.values())
    assert eye("stats", typed_case, "message").returncode == 2 and eye("stats", typed_case, "no.field").returncode == 2


def test_stats_count_the_values_of_a_key_below_a_free_form_field(open_case, typed_records):
    asked = [r for r in typed_records if r.get("event.code") == "4624"]
    counted: dict[str, int] = {}
    for record in asked:
        if value := (record.get("winlog.event_data") or {}).get("LogonType"):
            counted[str(value)] = counted.get(str(value), 0) + 1
    told = stats(open_case, "winlog.event_data.LogonType", "event.code:4624", by="day")
    assert dict(told.values) == counted and told.with_field == sum(counted.values()) and len(counted) > 1
    assert {value: sum(steps.values()) for value, steps in told.by.items()} == counted
    with pytest.raises(Complaint, match="is no field") as caught:
        stats(open_case, "event.cod")
    assert "event.code" in caught.value.do


def test_tail_prints_the_last_records(typed_case, typed_records):
    told = [json.loads(line)["@timestamp"] for line in eye("tail", typed_case, "-n", "3", "--json").stdout.splitlines()]
    assert told == sorted(r["@timestamp"] for r in typed_records if r["@timestamp"])[-3:]
