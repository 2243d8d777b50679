"""Lines that are sorted in runs come out as one sort would give them."""

from __future__ import annotations

import random

import pytest

from commodore.engine import sorting
from commodore.engine.sorting import SortedLines


@pytest.mark.parametrize("run", [64, 1 << 10, 1 << 24])
def test_runs_are_merged_in_order_and_equal_keys_stay_as_they_came(monkeypatch, run):
    monkeypatch.setattr(sorting, "RUN", run)
    chance = random.Random(3)
    rows = [(bytes(chance.choices(b"\0\n\xff az", k=chance.randrange(4))), b"%d\n" % n) for n in range(2000)]
    found = SortedLines()
    for key, line in rows:
        found.add(key, line)
    assert list(found) == [line for _, line in sorted(rows, key=lambda row: row[0])]
    assert list(found) == list(found)


def test_nothing_is_nothing():
    assert list(SortedLines()) == []
