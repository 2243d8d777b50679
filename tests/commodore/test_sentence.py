"""Sentence templates: optional parts, alternatives, plurals, quotes, and errors in a template."""

from __future__ import annotations

import pytest

from commodore.sentence import UNKNOWN, quoted, sentence


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        ("{a} starts `{b}`.", {"a": "Run", "b": "x y"}, "Run starts `x y`."),
        ("{a} ran {n} {n:time|times}.", {"a": "cmd.exe", "n": 1}, "cmd.exe ran 1 time."),
        ("{a} ran {n} {n:time|times}.", {"a": "cmd.exe", "n": 0}, "cmd.exe ran 0 times."),
        ("{a} ran {n} {n:time|times}.", {"a": "cmd.exe", "n": 12}, "cmd.exe ran 12 times."),
        ("{n!n} {n:record|records}.", {"n": 1234567}, "1,234,567 records."),
        ("{a} as {b}.", {"a": "x"}, f"x as {UNKNOWN}."),
        ("{a}[ as {b}].", {"a": "x"}, "x."),
        ("{a}[ as {b}].", {"a": "x", "b": ""}, "x."),
        ("{a}[ as {b}].", {"a": "x", "b": "y"}, "x as y."),
        ("{a}[ from {b}[ port {c}]].", {"a": "x", "b": "y"}, "x from y."),
        ("{a}[ from {b}[ port {c}]].", {"a": "x", "b": "y", "c": 22}, "x from y port 22."),
        ("{a}[ from {b}[ port {c}]].", {"a": "x", "c": 22}, "x."),
        ("[{a}|{b}|Somebody] left.", {"b": "y"}, "y left."),
        ("[{a}|{b}|Somebody] left.", {}, "Somebody left."),
        ("[{a} and {b}|{b}] left.", {"b": "y"}, "y left."),
        ("It runs {a}.", {"a": ["x"]}, "It runs x."),
        ("It runs {a}.", {"a": ["x", "y", "z"]}, "It runs x, y and z."),
        ("It runs {a:action|actions} {a}.", {"a": ["x", "y"]}, "It runs actions x and y."),
        ("It runs[ {a}].", {"a": []}, "It runs."),
        ("The service {a!q} runs.", {"a": "Windows Update"}, 'The service "Windows Update" runs.'),
        ("The service {a!q} runs.", {"a": "wuauserv"}, "The service wuauserv runs."),
        ("The file is {a!q}.", {"a": "C:\\x."}, 'The file is "C:\\x.".'),
        ("It holds {a}.", {"a": "one\r\n\x1b[31mtwo\n"}, "It holds one [31mtwo."),
        ("It runs {a!q}.", {"a": ["x", "y z"]}, 'It runs x and "y z".'),
        ("The[{?a} hidden] task runs[{!b} nothing|{b}].", {"a": True}, "The hidden task runs nothing."),
        ("The[{?a} hidden] task runs[{!b} nothing| {b}].", {"a": False, "b": "x"}, "The task runs x."),
        ("It is {a}.", {"a": False}, "It is false."),
        ("100 % of {a} is 5.", {"a": "x"}, "100 % of x is 5."),
    ],
)
def test_a_template_gives_the_sentence(template, values, said):
    assert sentence(template)(values) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("only.", "It said only."),
        (" only", "It said only."),
        ("wait...", "It said wait..."),
        ("only. ", "It said only."),
        ("only ", "It said only."),
        ("   ", "It said (not recorded)."),
    ],
)
def test_blanks_before_a_value_and_its_own_full_stop_are_not_doubled(value: str, said: str) -> None:
    assert sentence("It said {a}.")({"a": value}) == said


def test_a_limit_cuts_each_value_and_further_texts_mean_absent():
    assert sentence("It is {a}.", limit=4)({"a": "abcdef"}) == "It is abc…."
    assert sentence("He left[ {a}].", absent=frozenset("-"))({"a": "-"}) == "He left."


def test_it_knows_its_fields_and_which_must_be_there():
    made = sentence("[{a}|{b}] ran {c} {c:time|times}[ as {d}].")
    assert made.fields == ("a", "b", "c", "d") and made.required == ("c",)


@pytest.mark.parametrize(
    "wrong",
    [
        "no full stop",
        "{a}",
        "open [ {a}.",
        "closed ] {a}.",
        "a | b.",
        "{a!x} is.",
        "{} is.",
        "brace { is.",
        "{a:one} is.",
        "x[.]",
        "x.[ y]",
    ],
)
def test_a_wrong_template_is_refused_with_its_text(wrong):
    with pytest.raises(ValueError, match="`"):
        sentence(wrong)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a", "a"),
        ("a b", '"a b"'),
        ("", '""'),
        ('say "x"', '`say "x"`'),
        ("C:\\x\\y.exe", "C:\\x\\y.exe"),
        ("who?", '"who?"'),
        ("(x)", '"(x)"'),
    ],
)
def test_a_value_that_could_be_misread_is_quoted(value, said):
    assert quoted(value) == said
