"""Lines of a case are chosen by a search over whole blocks: the same lines as one by one, wherever the blocks are cut."""

import json
import random
import re

import pytest

from commodore.case import jsonl


def written(path, rows):
    lines = [json.dumps(row, separators=(",", ":")).encode() for row in rows]
    content = b"\n".join(lines) + b"\n"
    path.write_bytes(b"".join(jsonl.frames([content])) if path.suffix == ".zst" else content)
    return lines


def rows():
    """Records with the code early, late, absent, as a number, and quoted inside another value; some are longer than a block."""
    random.seed(7)
    for number in range(400):
        code = random.choice(["1", "4624", "46", "4624 ", ""])
        row = {"n": number, "pad": "x" * random.choice([0, 3, 50, 700])}
        yield random.choice([row | {"event.code": code}, {"event.code": code} | row, row, row | {"event.code": 4624}])
        yield {"message": '"event.code":"4624"', "n": number}


@pytest.mark.parametrize("block", [1, 7, 64, 300, 1 << 16])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst"])
def test_a_search_over_blocks_finds_the_lines_that_hold_the_value(tmp_path, monkeypatch, block, name):
    monkeypatch.setattr(jsonl, "_BLOCK", block)
    path = tmp_path / name
    lines = written(path, rows())
    wanted = [line for line in lines if json.loads(line).get("event.code") in ("1", "4624")]
    assert len(wanted) > 50
    assert list(jsonl.lines(path)) == lines
    assert list(jsonl.lines(path, jsonl.having("event.code", ("1", "4624")))) == wanted
    assert list(jsonl.lines(path, jsonl.matching(re.compile(rb'"event\.code":"(?:1|4624)"')))) == wanted
    assert list(jsonl.lines(path, jsonl.having("event.code", ("9",)))) == []


@pytest.mark.parametrize("block", [1, 64, 300, 1 << 16])
def test_any_of_several_searches_finds_what_each_of_them_finds(tmp_path, monkeypatch, block):
    monkeypatch.setattr(jsonl, "_BLOCK", block)
    random.seed(3)
    made = [{name: "v" * random.choice([1, 90]) for name in random.sample("abcdef", random.randint(1, 3))} for _ in range(500)]
    lines = written(tmp_path / "a.jsonl", made)
    wanted = [line for line, row in zip(lines, made, strict=True) if "a" in row or row.get("b") == "v"]
    assert list(jsonl.lines(tmp_path / "a.jsonl", jsonl.AnyOf(jsonl.naming("a"), jsonl.having("b", ["v"])))) == wanted


def test_a_last_line_without_newline_is_a_line(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'\n\n{"a":"1"}\n{"a":"2"}')
    assert list(jsonl.lines(tmp_path / "a.jsonl")) == [b'{"a":"1"}', b'{"a":"2"}']
    assert list(jsonl.lines(tmp_path / "a.jsonl", jsonl.having("a", "2"))) == [b'{"a":"2"}']
    (tmp_path / "cut.jsonl").write_bytes(b'{"a":"1"}\n{"a":"2')
    assert list(jsonl.lines(tmp_path / "cut.jsonl", jsonl.having("a", "2"))) == []
