"""Traits that are searched for all at once are those that a search for each alone finds, on lines that are made to cost."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commodore.persistence.data import parts, traits
from commodore.persistence.suspicion import LONGEST, encodable
from scout.bounded import searcher, together
from scout.data import load_data


def _tables() -> dict[str, list[str]]:
    """Name → RE2 patterns of each table of traits that a line is compared with."""
    found = {os: [f"(?is){pattern}" for _, pattern, _ in traits()[os]["command"]] for os in ("linux", "windows")}
    rows = [(key, row["options"]) for _, key, row in parts() if row.get("judge") == "line_traits"]
    for name, listed in (*rows, ("web pages", load_data("commodore.persistence", "web_shells.yaml"))):
        found[name] = [f"(?i){text.partition(': ')[2]}" for texts in listed.values() for text in texts]
    return found


TABLES = _tables()


def _lines(patterns: list[str], seed: int) -> list[str]:
    """Lines of the words and signs that the patterns look for, in any order, some as long as a line may be."""
    dice = random.Random(seed)
    pieces = sorted({word for pattern in patterns for word in re.findall(r"[a-z_]{3,}|[/.|&;<>=$`'\"-]", pattern)})
    pieces += [
        " ",
        "  ",
        "\t",
        "é",
        "\ud800",
        "\0",
        "\n",
        "a" * 40,
        "/tmp/",
        "/dev/shm/",
        "http://198.51.100.7/x",
        "base64 -d",
        "| bash",
        "$(",
    ]
    made = ["".join(dice.choices(pieces, k=dice.choice((1, 3, 9, 30)))) for _ in range(150)]
    return (
        made + ["".join(dice.choices(pieces, k=4000))[:LONGEST] for _ in range(4)] + [piece * LONGEST for piece in ("a", "/", "$(", "\"'")]
    )


def _check(patterns: list[str], lines: list[str]) -> None:
    find, alone = together(patterns), [searcher(pattern) for pattern in patterns]
    for line in (encodable(line[:LONGEST]) for line in lines):
        found = [n for n, one in enumerate(alone) if one.search(line)]
        assert find(line) == found, line[:200]


@pytest.mark.parametrize("name", TABLES)
def test_together_is_each_alone(name):
    _check(TABLES[name], _lines(TABLES[name], len(name)))


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=25, derandomize=True)
@given(data=st.data())
def test_what_a_pattern_describes_has_its_trait(name, data):
    pattern = data.draw(st.sampled_from(TABLES[name]))
    line = data.draw(st.from_regex(re.compile(pattern)).filter(lambda text: "\r" not in text))
    _check(TABLES[name], [line, line + " # " * 2000, "x" * 4000 + "\n" + line])


def test_nothing_to_look_for_is_nowhere():
    assert together(())("any") == []
