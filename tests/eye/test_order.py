"""Pages of hits in the order of time: groups of equal times of any size, and records without one, by a plain sort."""

from __future__ import annotations

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
