"""Patterns with signs, and words at a distance, in values of every kind: each finds what a plain reading of the records finds."""

from __future__ import annotations

import random
import re

import orjson
import pytest

from eye.index.store import Store
from tests.eye import typed
from tests.eye.conftest import write_lines

PLACES = (
    "message",
    "file.path",
    "winlog.event_data",
    "escadre.locator",
    "process.args",
    "escadre.suspicion.reasons",
    "odd.field",
    "escadre.reason",
)
SIGNS = ("\\", ".", '"', " ", "  ", "-", ":", "/", "\t", "\u00a0", "\x1d", "\x7f", "\x0b", "=", "(", "\u2014")
WORDS = (
    "Temp",
    "exe",
    "a",
    "B",
    "svchost",
    "7",
    "\u00e9t\u00e9",
    "\u212aey",
    "key",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03a3",
    "windows",
    "x" * 40,
)
WHOLE = ("long " + "y.z" * 4_000 + '.exe" end', "short piece, then " + "q" * 9_000 + " tail.exe\\", "\x1d.exe\x1d", "2026-10-31T19:22:03Z")


def value(chance: random.Random) -> str:
    return "".join(chance.choice(WORDS) + chance.choice(SIGNS) for _ in range(chance.randint(1, 7)))


def record(number: int, place: str, text: str, chance: random.Random) -> dict:
    held = {"Key.exe": text, "n": [text[:3]]} if place == "winlog.event_data" else text
    held = [text, value(chance)] if place in ("process.args", "escadre.suspicion.reasons") else held
    return {"@timestamp": f"2026-12-{number % 28 + 1:02d}T10:00:00Z", "escadre.id": f"{number:032x}", "event.dataset": "x", place: held}


@pytest.fixture(scope="module")
def records():
    chance = random.Random(20)
    found = [record(0, place, text, chance) for place in PLACES for text in (*WHOLE, *(value(chance) for _ in range(60)))]
    return [one | {"escadre.id": f"{n:032x}"} for n, one in enumerate(found)]


@pytest.fixture(scope="module")
def store(records, tmp_path_factory):
    case = tmp_path_factory.mktemp("across")
    (case / "case.json").write_text("{}")
    write_lines(case / "records" / "x" / "c.jsonl.zst", records)
    opened = Store(case)
    yield opened
    opened.close()


def found(store, query):
    return {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(query))}


def plain(text: str) -> str:
    return text.replace("\u212a", "k").replace("\u03a3", "\u03c3").lower()


def escaped(text: str) -> str:
    return re.sub(r'([\s\\*?"()\[\]{}:/!+\-^~&|])', r"\\\1", text)


def patterns(records):
    """Patterns cut out of values, a part of each left to a wildcard; None where the query language reads it otherwise."""
    chance = random.Random(21)
    for one in records[::3]:
        value = chance.choice(typed.values(one))
        at = chance.randrange(max(1, len(value) - 12))
        text = value[at : at + chance.randint(3, 12)]
        cut = chance.randrange(1, len(text)) if len(text) > 2 else 1
        for parts in ([text], [text[: cut - 1], text[cut:]], [text[:cut], text[cut:]]):
            signs = any(not c.isalnum() for part in parts for c in part)
            if signs and any(c.isalnum() for part in parts for c in part) and all(parts) and not re.search(r"[^\S ]", text):
                wild = "?" if len("".join(parts)) < len(text) and "=" not in text else "*"  # before `=` it is text
                yield parts, wild


def test_a_pattern_is_found_in_values_of_every_kind(store, records):
    values = [(one["escadre.id"], [plain(v) for v in typed.values(one)]) for one in records]
    wrong, telling = [], 0
    for parts, wild in patterns(records):
        shape = re.compile((".*" if wild == "*" else ".").join(re.escape(plain(part)) for part in parts), re.DOTALL)
        expected = {key for key, held in values if any(shape.search(one) for one in held)}
        query = "*" + wild.join(map(escaped, parts)) + "*"
        if (here := found(store, query)) != expected:
            wrong.append((query, len(here), len(expected)))
        telling += 0 < len(expected) < 50
    assert not wrong, "\n".join(map(repr, wrong[:30]))
    assert telling > 60


def test_a_pattern_on_the_message_is_found_in_the_message_alone(store, records):
    for text in ('.exe"', "temp", "7-", 'exe" end', "tail.exe\\"):
        expected = {one["escadre.id"] for one in records if plain(text) in plain(one.get("message", ""))}
        assert found(store, f"message:*{escaped(text)}*") == expected != set()


@pytest.mark.parametrize("slop", [1, 2, 5])
def test_words_at_a_distance_are_within_one_value(store, records, slop):
    wanted = [(one, other) for one in ("temp", "exe", "svchost", "key") for other in ("windows", "7", "\u00e9t\u00e9", "a")]

    def near(text, one, other):
        row = typed.row(text.replace("\u212a", "k")).split()
        places = [[n for n, word in enumerate(row) if word == name] for name in (one, other)]
        return any(abs(b - 1 - a) <= slop for a in places[0] for b in places[1])

    for one, other in wanted:
        expected = {r["escadre.id"] for r in records if any(near(v, one, other) for v in typed.values(r))}
        assert found(store, f'"{one} {other}"~{slop}') == expected, (one, other)


def test_words_in_a_row_are_within_one_value_of_a_list_of_texts(store, records):
    for one in records:
        if "escadre.suspicion.reasons" in one:
            first, second = (typed.row(v).split() for v in one["escadre.suspicion.reasons"])
            query = f"{first[-1]} {second[0]}"
            expected = {r["escadre.id"] for r in records if any(f" {query} " in typed.row(v) for v in typed.values(r))}
            assert found(store, f'"{query}"') == expected


def test_the_beginning_of_a_day_is_found_in_times_of_every_form(tmp_path):
    times = [
        "2026-10-31T19:22:03Z",
        "2026-10-31 01:02:03+02:00",
        "2026-11-01t10:00:00.20261031-10:31",
        "2026-11-01T10:20:26.2026-10:31",
        None,
    ]
    written = [{"@timestamp": at, "escadre.id": f"{n:032x}", "event.dataset": "x"} for n, at in enumerate(times)]
    written.append(
        {"escadre.id": f"{9:032x}", "event.created": ["2026-10-30T00:00:00Z", "2026-12-01T00:00:00.5Z"], "source.ip": "10.0.31.2"}
    )
    (tmp_path / "case.json").write_text("{}")
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", written)
    store = Store(tmp_path)
    for text in (
        "2026-10-3",
        "2026-10-31",
        "2026-10-31t1",
        "2026-10-",
        "026-10-31",
        "2026-10",
        "10-31",
        "10:31",
        "26-1",
        "0.31.",
        "00:00.5",
        "03+0",
    ):
        expected = {r["escadre.id"] for r in written if any(text in value.lower() for value in typed.values(r))}
        assert found(store, f"*{escaped(text)}*") == expected, text
        assert found(store, f"{escaped(text)}*") == expected, text
    store.close()


def test_a_pattern_may_begin_in_one_of_many_words(tmp_path):
    written = [{"escadre.id": f"{n:032x}", "event.dataset": "x", "message": f"{n * 7919:x}tail-end of {n}"} for n in range(290)]
    (tmp_path / "case.json").write_text("{}")
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", written)
    store = Store(tmp_path)
    assert len(found(store, "*ail\\-en*")) == 290 and found(store, "*1tail\\-end\\ o*") == {
        one["escadre.id"] for one in written if "1tail-end o" in one["message"]
    }
    store.close()
