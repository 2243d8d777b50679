"""Clauses that many records match, or that no words decide: each finds what a plain reading of the records finds."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
import zstandard

from eye.index import dictionary
from eye.index.schema import ROW
from eye.index.store import Store
from tests.eye import typed
from tests.eye.conftest import write_lines
from tests.eye.test_across import escaped, found, plain

HALVES = (
    "start",
    "the",
    "service",
    "of",
    "Windows",
    "e2",
    "x",
    "caf\u00e9",
    "0",
    "the-end",
    "10.0.0.5",
    "\u212aey",
    "<",
    ">|",
    "\x7f<\x7f",
)
BLANKS = (" ", " ", " ", " ", "  ", "\t", "\n", " \n ", "\u00a0", "\x0b")
EDGES = ("", "", "", " ", "\n", "  ")


def record(n: int, chance: random.Random) -> dict:
    text = "".join(chance.choice(HALVES) + chance.choice(BLANKS) for _ in range(chance.randint(1, 9)))
    made = {
        "@timestamp": f"2026-12-{n % 28 + 1:02d}T10:00:{n % 3:02d}Z" if n % 11 else None,
        "event.dataset": "x",
        "escadre.id": f"{chance.getrandbits(128):032x}",
        "escadre.locator": f"chunk/{n % 7}/record/{n * 13}",
        "message": chance.choice(EDGES) + text + chance.choice(HALVES) + chance.choice(EDGES),
        "process.pid": chance.choice((0, 4, 17, 99, -5, 105)),
        "winlog.event_data": {
            "Image": f"C:\\Windows\\{chance.choice(HALVES)}{n % 50}.exe",
            "Zero": chance.choice(("0", "0 0", "0x0", "0.0.0")),
        },
    }
    if n % 3:
        made["winlog.record_id"] = chance.choice((str(n), str(n * 9_999), f"0{n}", "0", [str(n), f"5{n}"]))
    if n % 2:
        made["escadre.suspicion.reasons"] = [f"{chance.choice(HALVES)} 0", f"0 {chance.choice(HALVES)} windows", "windows"]
    return made


@pytest.fixture(scope="module")
def records():
    chance = random.Random(41)
    return [record(n, chance) for n in range(1_500)]


@pytest.fixture(scope="module")
def store(records, tmp_path_factory):
    case = tmp_path_factory.mktemp("many")
    (case / "case.json").write_text("{}")
    write_lines(case / "records" / "x" / "c.jsonl.zst", records[:900])
    write_lines(case / "records" / "x" / "d.jsonl.zst", records[900:])
    opened = Store(case)
    yield opened
    opened.close()


def held(one: dict, name: str) -> list[str]:
    return typed.leaves(one.get(name))


@pytest.mark.parametrize("field", ["", "message"])
def test_a_pattern_with_blanks_is_found_with_these_blanks(store, records, field):
    chance, wrong, telling = random.Random(42), [], 0
    for one in records[::4]:
        text = one["message"]
        at = chance.randrange(len(text))
        part = plain(text[at : at + chance.randint(3, 16)])
        if " " not in part or not re.search("[a-z0-9]", part) or re.search("[^\\S ]", part):
            continue
        expected = {r["escadre.id"] for r in records if any(part in plain(v) for v in (held(r, field) if field else typed.values(r)))}
        query = (f"{field}:" if field else "") + f"*{escaped(part)}*"
        wrong += [] if found(store, query) == expected else [(query, len(found(store, query)), len(expected))]
        telling += 0 < len(expected) < 800
    assert not wrong, wrong[:10]
    assert telling > 60


def test_blanks_at_the_ends_of_a_pattern(store, records):
    for part in ("the ", " the", " the ", "start  ", "  e2", " e2 x", "the-end ", "\u00e9 0 "):
        expected = {r["escadre.id"] for r in records if part in plain(r["message"])}
        assert found(store, f"message:*{escaped(part)}*") == expected, part
        assert expected or "  " in part or part in (" e2 x", "\u00e9 0 "), part


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("query", ["*e*", "*ow*", "*the\\ *", '"0 windows"~2', "message:/.*e.*/", "servise~1", "escadre.locator:*1*"])
def test_the_first_rows_of_one_pass_are_those_of_the_page(store, query, descending):
    asked = store.ask(query)
    page = [record[ROW] for record in store.rows(asked, 0, 50, descending=descending)]
    for costly in (True, False):
        assert store.summary(replace(asked, costly=costly), (), rows=50, descending=descending).rows == page != []


@pytest.mark.parametrize("slop", [1, 2, 3, 25])
@pytest.mark.parametrize("word", ["0", "windows", "the"])
def test_a_word_twice_at_a_distance_is_at_two_places_of_one_value(store, records, word, slop):
    def near(text: str) -> bool:
        row = typed.row(text.replace("\u212a", "k")).split()
        places = [n for n, one in enumerate(row) if one == word]
        return any(abs(b - 1 - a) <= slop for a in places for b in places if a != b)

    for name in ("", "message"):
        expected = {r["escadre.id"] for r in records if any(near(v) for v in (held(r, name) if name else typed.values(r)))}
        assert found(store, f'{name}{":" if name else ""}"{word} {word}"~{slop}') == expected != set()


@pytest.mark.parametrize("shape", ["*e*", "*s*", "e*", "*0*", "w*", "*ow*", "*1", "r?c*", "*zz*", "*\u00e9"])
def test_words_of_a_shape_that_nearly_all_records_have(store, records, shape):
    fits = re.compile(shape.replace("*", ".*").replace("?", "."))
    for name in ("", "message"):
        expected = {
            r["escadre.id"]
            for r in records
            if any(
                fits.fullmatch(w) for v in (held(r, name) if name else typed.values(r)) for w in typed.row(v.replace("\u212a", "k")).split()
            )
        }
        head = f"{name}:" if name else ""
        assert found(store, head + shape) == expected
        assert found(store, f"{name or 'escadre.all'}:/{shape.replace('*', '.*').replace('?', '.')}/") == expected
        assert found(store, f"NOT {head}{shape}") == {r["escadre.id"] for r in records} - expected


@pytest.mark.parametrize("shape", ["5*", "*9", "*99*", "0*", "00*", "1?5", "*", "9*9*"])
@pytest.mark.parametrize("name", ["winlog.record_id", "escadre.locator"])
def test_numbers_without_terms_by_their_shape(store, records, name, shape):
    fits = re.compile(shape.replace("*", ".*").replace("?", "."))
    expected = {r["escadre.id"] for r in records if any(fits.fullmatch(v) for v in held(r, name))}
    assert found(store, f"{name}:{shape}") == expected
    if shape != "*":
        assert found(store, f"{name}:/{shape.replace('*', '.*').replace('?', '.')}/") == expected


def test_numbers_without_terms_in_a_range_of_characters(store, records):
    expected = {r["escadre.id"] for r in records if any("10" <= v <= "20" for v in held(r, "winlog.record_id"))}
    assert found(store, "winlog.record_id:[10 TO 20]") == expected != set()


def test_ids_by_their_shape(store, records):
    chance = random.Random(43)
    for one in records[::100]:
        key = one["escadre.id"]
        length = chance.randint(1, 31)
        part = key[8 : 8 + min(length, 6)]
        assert found(store, f"escadre.id:{key[:length]}*") == {r["escadre.id"] for r in records if r["escadre.id"].startswith(key[:length])}
        assert found(store, f"escadre.id:*{part}*") == {r["escadre.id"] for r in records if part in r["escadre.id"]}
        assert found(store, f"escadre.id:{key[:20].upper()}*") == {key}
    assert found(store, "escadre.id:xy*") == set()


def test_a_sign_that_very_many_values_have_is_found_in_any_case(store, records, monkeypatch):
    """More values than become a set: the engine walks its terms, and a value of a free-form object has its case."""
    monkeypatch.setattr("eye.index.across.MOST_TERMS", 5)
    for part in ("WINDOWS\\", ".EXE", "s\\caf\u00c9", "s\\key", "0.0", "d/1"):
        expected = {r["escadre.id"] for r in records if any(plain(part) in plain(v) for v in typed.values(r))}
        assert found(store, f"*{escaped(part)}*") == expected != set(), part


def test_terms_of_a_field_come_from_its_file_and_from_the_engine_where_that_does_not_read(records, tmp_path, monkeypatch):
    monkeypatch.setattr("eye.index.dictionary.MANY_TERMS", 1)
    (tmp_path / "case.json").write_text("{}")
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", records)
    query = "*s\\\\key*"
    expected = {r["escadre.id"] for r in records if any("s\\key" in plain(v) for v in typed.values(r))}

    def asked() -> set[str]:
        opened = Store(tmp_path)
        try:
            return found(opened, query)
        finally:
            opened.close()

    assert asked() == expected != set()
    files = list(tmp_path.glob("index/v*/terms-*"))
    assert {"_pair", "p-message"} <= {file.name.split("-", 2)[2].removesuffix(".zst") for file in files}
    for content in (b"", b"no zstd", zstandard.compress(b"[1, 2]"), zstandard.compress(b'{"a": 1}'), zstandard.compress(b'["cut')):
        for file in files:
            file.write_bytes(content)
        assert asked() == expected
    write_lines(tmp_path / "records" / "x" / "d.jsonl.zst", [{"escadre.id": "f" * 32, "winlog.event_data": {"New": "s\\key"}}])
    assert asked() == expected | {"f" * 32} and not {*files} & {*tmp_path.glob("index/v*/terms-*")}


def test_a_file_of_words_with_one_wrong_bit_or_a_cut_one_is_not_used(tmp_path):
    content = b"{}\n" + b"".join(b"term%d\n" % n for n in range(400))
    dictionary._put(tmp_path / "words-1.zst", content)
    assert dictionary._get(tmp_path / "words-1.zst") == content
    whole = (tmp_path / "words-1.zst").read_bytes()
    wrong = [whole[:length] for length in range(len(whole))]
    wrong += [whole[:n] + bytes([whole[n] ^ 1 << bit]) + whole[n + 1 :] for n in range(len(whole)) for bit in range(8)]
    for one in wrong:
        (tmp_path / "bad").write_bytes(one)
        try:
            read = dictionary._get(tmp_path / "bad")
        except (ValueError, zstandard.ZstdError):
            continue
        assert read == content  # a bit that says nothing
