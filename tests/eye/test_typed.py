"""Hundreds of typed and pasted texts of many shapes: each finds exactly the records that hold it, by an independent scan of the files."""

from __future__ import annotations

import collections

import orjson
import pytest

from eye.index.store import Store
from tests.eye import typed


@pytest.fixture(scope="module")
def drawn(typed_records):
    return typed.texts(typed_records)


def test_each_text_finds_exactly_the_records_that_hold_it(typed_case, typed_records, drawn):
    rows = [(r["escadre.id"], [typed.row(v) for v in dict.fromkeys(typed.values(r))]) for r in typed_records]
    joined = [(key, "|".join(one)) for key, one in rows]
    store = Store(typed_case)
    wrong, empty = [], []
    for shape, shown, text, quoted in drawn:
        parts = [typed.row(text)] if quoted else [typed.row(part) for part in text.split() if typed.row(part).strip()]
        expected = {key for key, one in joined if all(part in one for part in parts)}
        found = {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(shown))}
        if found != expected:
            wrong.append((shape, shown, len(found), len(expected)))
        if not expected:
            empty.append((shape, shown))
    store.close()
    assert wrong == [] and empty == []


def test_there_are_many_texts_of_many_shapes(drawn):
    shapes = collections.Counter(shape for shape, *_ in drawn)
    assert len(drawn) >= 300 and set(typed.SHAPES) < set(shapes) and min(shapes.values()) >= 5, shapes
