"""The words of a record, against the rule as it is written down, and times and addresses against Python's own."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commodore.schema import registry
from eye.index.columns import columns
from eye.query.tokens import GAP, MAX_TOKEN, all_tokens, standard_words, words
from eye.query.values import address, isotime, nanoseconds, network, span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("powershell", ["powershell"]),
        ("PowerShell -Enc", ["powershell", "enc", GAP, "powershell", "-enc"]),
        ("C:\\Windows\\cmd.exe", ["c", "windows", "cmd", "exe", GAP, "c:\\windows\\cmd.exe"]),
        ("a_b.c", ["a", "b", "c", GAP, "a_b.c"]),
        ("OneSync", ["onesync"]),
        ("192.0.2.1", ["192", "0", "2", "1", GAP, "192.0.2.1"]),
        ("École n°3", ["école", "n", "3", GAP, "école", "n°3"]),
        ("---", ["---"]),
        ("", []),
        ("x\u00a0y", ["x", "y"]),
    ],
)
def test_a_value_is_cut_at_all_but_letters_and_digits_and_each_run_is_kept_whole(text, expected):
    assert words(text) == expected


def test_a_run_too_long_for_an_index_term_is_cut_into_pieces_and_nothing_is_left_out():
    run = "q" * (MAX_TOKEN + 5)
    assert words(run) == ["q" * MAX_TOKEN, "q" * 5]


def test_a_noncharacter_in_evidence_cannot_forge_the_gap():
    assert GAP not in words(f"a{GAP}b")[0:2] and words(f"a{GAP}b") == ["a", "b"]


def test_every_value_gives_its_words_and_no_field_name_does():
    tokens = all_tokens(
        {"process.pid": 4120, "winlog.event_data": {"Image": "x.exe", "deep": ["Y"]}, "event.category": ["process"], "n": None}
    )
    assert {"4120", "x", "exe", "x.exe", "y", "process"} <= set(tokens) and "image" not in tokens and "pid" not in tokens


@pytest.mark.parametrize(
    "text", ["2026-10-31T19:22:03.1184021Z", "1969-12-31T23:59:59.999999999Z", "2024-02-29T00:00:00+01:00", "1700-01-01T00:00:00Z"]
)
def test_times_are_the_nanoseconds_that_datetime_says(text):
    whole, _, fraction = text.replace("Z", "").partition(".")
    zone = "+00:00" if text.endswith("Z") else ""
    seconds = int((datetime.fromisoformat(whole + zone) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert nanoseconds(text) == seconds * 10**9 + int(fraction.ljust(9, "0") or 0)
    assert nanoseconds(isotime(nanoseconds(text))) == nanoseconds(text)


@pytest.mark.parametrize(
    "text", ["", "never", "1601-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-02-30T00:00:00Z", "2024-01-01", None, 5]
)
def test_what_is_no_time_or_does_not_fit_is_none(text):
    assert nanoseconds(text) is None


def test_a_partial_time_spans_its_year_month_day_or_minute():
    day = 86400 * 10**9
    assert [(b - a + 1) // day for a, b in map(span, ("2024", "2023", "2024-02", "2024-02-29"))] == [366, 365, 29, 1]
    assert span("2024-02-30") is None and span("yesterday") is None
    assert span("2024-01-01T10:00:00+02:00")[0] == nanoseconds("2024-01-01T08:00:00Z")


def test_addresses_compare_as_numbers_and_blocks_have_their_ends():
    assert address("9.0.0.1") < address("10.0.0.1") and address("fe80::1%eth0") == address("fe80::1") and address("10.0.0") is None
    assert network("10.0.0.0/8") == (address("10.0.0.0"), address("10.255.255.255"))


def test_words_of_a_text_field_keep_names_and_addresses_whole():
    assert standard_words("Foo_bar comsvcs.dll 1.2.3.4 it's a-b 3,4 __ x@y.z") == [
        "foo_bar",
        "comsvcs.dll",
        "1.2.3.4",
        "it's",
        "a",
        "b",
        "3,4",
        "x",
        "y.z",
    ]


VALUES = st.text(alphabet=st.sampled_from("aZ9_.\\- \t\x1f\u00a0\u00e9\u0130\u03a3\u0301\ufdd0\U00020000"), max_size=12)


@given(st.lists(VALUES | st.integers() | st.booleans() | st.dictionaries(VALUES, VALUES, max_size=2), max_size=6))
def test_a_whole_record_has_the_tokens_of_its_values_one_by_one(values):
    flat = [v for value in values for v in (value.values() if isinstance(value, dict) else [value])]
    texts = [str(v).lower() if isinstance(v, bool) else str(v) for v in flat]
    wanted = {token for text in texts for token in words(text)}
    assert set(all_tokens({"x": values})) - {GAP} == wanted - {GAP}


@given(VALUES, VALUES)
def test_words_of_two_values_never_follow_each_other_without_a_gap(one, other):
    inside = {pair for text in (one, other) for pair in pairwise(words(text))}
    assert {pair for pair in pairwise(all_tokens({"x": one, "y": other})) if GAP not in pair} <= inside


def test_a_value_longer_than_a_term_keeps_its_words_beside_the_others():
    assert set(all_tokens({"x": "q" * (MAX_TOKEN + 5), "y": "short"})) - {GAP} == {"q" * MAX_TOKEN, "q" * 5, "short"}


def test_values_that_arrow_would_take_wrongly_are_left_out_and_the_others_stay():
    fields = [registry()[n] for n in ("process.pid", "@timestamp", "source.ip", "event.category", "winlog.event_data", "user.name")]
    batch = [
        {"process.pid": 1.5, "@timestamp": "2026-01-01T00:00Z", "source.ip": "192.0.2.1", "event.category": "process", "user.name": 7},
        {"process.pid": 2**63, "@timestamp": "1601-01-01T00:00:00Z", "source.ip": ["x"], "event.category": ["a", 1, None]},
        {"process.pid": True, "@timestamp": "2026-01-01T00:00:00.5Z", "winlog.event_data": {"a": True, "b": {"c": [1, "x"]}}},
        {"process.pid": 4, "@timestamp": None, "event.category": [], "winlog.event_data": "no object", "user.name": "u"},
    ]
    pid, time, ip, category, data, user = (column.to_pylist() for column in columns(fields, batch))
    assert pid == [None, None, None, 4] and time == [None, -(2**63), 1767225600500000000, None]
    assert ip == [address("192.0.2.1"), None, None, None] and category == [["process"], ["a", "1"], None, None]
    assert data == [None, None, ["a\0true", "b.c\0001", "b.c\0x"], None] and user == ["7", None, None, "u"]
