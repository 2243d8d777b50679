"""Words of a text, against the rule as it is written down, and times and addresses against Python's own."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eye.query.values import address, isotime, nanoseconds, network, span
from eye.query.words import MAX_WORD, texts, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("powershell", ["powershell"]),
        ("PowerShell -Enc", ["powershell", "enc"]),
        ("C:\\Windows\\cmd.exe", ["c", "windows", "cmd", "exe"]),
        ("a_b.c", ["a", "b", "c"]),
        ("OneSync", ["onesync"]),
        ("192.0.2.1", ["192", "0", "2", "1"]),
        ("\u00c9cole n\u00b03", ["\u00e9cole", "n", "3"]),
        ("E\u0301cole", ["\u00e9cole"]),
        ("\u039f\u0394\u039f\u03a3.exe", ["\u03bf\u03b4\u03bf\u03c3", "exe"]),
        ("\u0130stanbul", ["istanbul"]),
        ("\u6f22\u5b57 \u30c6\u30b9\u30c8", ["\u6f22\u5b57", "\u30c6\u30b9\u30c8"]),
        ("a\u202eb\x00c", ["a", "b", "c"]),
        ("---", []),
        ("", []),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits_in_lower_case(text, expected):
    assert words(text) == expected


def test_a_run_too_long_for_an_index_term_is_cut_into_pieces_and_nothing_is_left_out():
    assert words("q" * (MAX_WORD + 5)) == ["q" * MAX_WORD, "q" * 5]


def test_every_value_is_text_and_no_field_name_is():
    record = {
        "process.pid": 4120,
        "winlog.event_data": {"Image": "x.exe", "deep": ["Y"]},
        "event.category": ["process"],
        "n": None,
        "b": True,
    }
    assert sorted(texts({**record, "escadre.id": "f" * 32})) == ["4120", "Y", "process", "true", "x.exe"]


@given(st.text(max_size=40))
def test_words_are_the_runs_that_python_sees_too(text):
    """Python's isalnum knows no combining vowel signs and symbols that Unicode calls Alphabetic: texts with those are left out."""
    if any(unicodedata.category(c)[0] in "MSC" or ord(c) > 0x2FFFF for c in unicodedata.normalize("NFC", text)):
        return
    plain = unicodedata.normalize("NFC", text).replace("\u0130", "I")
    cut = "".join(c if c.isalnum() else " " for c in plain).split()
    assert words(text) == ["".join(c.lower() for c in word) for word in cut]


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
