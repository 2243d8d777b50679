"""Pages of hits in the order of time: groups of equal times of any size, and records without one, by a plain sort."""

from __future__ import annotations

import random

import pytest

from eye.index.store import Store
from tests.eye.conftest import write_lines

GROUPS = (1, 1, 260, 3, 700, 1, 2, 199, 201, 1, 40)
UNTIMED = 330


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """Records whose times are those of GROUPS, shuffled; the number in a file is the rank of a row."""
    case = tmp_path_factory.mktemp("order") / "case"
    case.mkdir()
    (case / "case.json").write_text("{}")
    times = [f"2026-10-31T08:00:{n:02d}Z" for n, size in enumerate(GROUPS) for _ in range(size)] + [None] * UNTIMED
    mixed = [times[n * 7_919 % len(times)] for n in range(len(times))]
    records = [{"@timestamp": at, "escadre.id": f"{n:032x}", "message": "one"} for n, at in enumerate(mixed)]
    write_lines(case / "records" / "x" / "c.jsonl.zst", [{k: v for k, v in r.items() if v is not None} for r in records])
    store = Store(case)
    yield store, mixed
    store.close()


@pytest.mark.parametrize("query", ["", "one"])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_are_pieces_of_one_order(grouped, query, descending):
    store, times = grouped
    timed = sorted((n for n, at in enumerate(times) if at), key=lambda n: (times[n], n))
    if descending:
        timed = sorted((n for n, at in enumerate(times) if at), key=lambda n: (-int(times[n][17:19]), n))
    expected = timed + [n for n, at in enumerate(times) if not at]
    asked = store.ask(query)
    for start, limit in (
        (0, 50),
        (0, 1),
        (1, 1),
        (2, 260),
        (50, 100),
        (261, 5),
        (600, 100),
        (960, 10),
        (1_100, 400),
        (1_400, 50),
        (1_600, 500),
    ):
        found = [int(record["escadre.id"], 16) for record in store.rows(asked, start, limit, descending=descending)]
        assert found == expected[start : start + limit], (start, limit)
    assert len({*expected}) == len(times) and len(times) == sum(GROUPS) + UNTIMED


@pytest.mark.parametrize("odd", [None, "1601-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_first_rows_of_a_summary_are_the_first_of_all_hits(tmp_path, odd):
    """Of many hits only an early span of time is put in order: also where records have no time, or one beyond 64 bits."""
    (tmp_path / "case.json").write_text("{}")
    chance = random.Random(3)
    records = [
        {
            "@timestamp": odd if n % 400 == 7 else f"2026-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}T10:00:{n % 60:02d}Z",
            "escadre.id": f"{n:032x}",
            "message": "net user added" if n % 3 else "user net",
            "process.name": f"p{n % 4}.exe",
        }
        for n in range(4_000)
    ]
    write_lines(tmp_path / "records" / "x" / "c.jsonl.zst", records)
    store = Store(tmp_path)
    for query in ("*", '"net user"', "net NOT process.name:p1.exe", "p2.exe added OR *3.exe"):
        asked = store.ask(query)
        for descending in (False, True):
            found = store.summary(asked, ("process.name",), rows=20, descending=descending)
            assert found.rows == [row["_row"] for row in store.rows(asked, 0, 20, descending=descending)]
            assert found.total == len(list(store.lines(asked))) > 1_000
    store.close()
