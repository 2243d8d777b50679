"""Rows that are kept in compressed blocks come back as they went in, in their order, by key or by number."""

from __future__ import annotations

import gc
import weakref

from commodore.lookup import PackedLookup, PackedRows


def test_rows_come_back_by_number_and_in_order() -> None:
    rows = PackedRows()
    given = [(n, f"path \udc80 {n}", None, {"size": n, "list": ["a", b"b"]}, "x" * (n % 997)) for n in range(3000)]
    for row in given:
        rows.append(row)
    assert len(rows) == 3000
    assert list(rows) == given
    assert [rows[n] for n in (2999, 0, 512, 511, 1500)] == [given[n] for n in (2999, 0, 512, 511, 1500)]


def test_all_rows_of_a_key_come_back_in_order() -> None:
    lookup = PackedLookup()
    for n in range(5000):
        lookup.add(f"key {n % 1700}", (n,))
    assert lookup.get("key 3") == [(3,), (1703,), (3403,)]
    assert lookup.get("key 1699") == [(1699,), (3399,)]
    assert lookup.get("another") == []


def test_rows_are_freed_with_their_last_name() -> None:
    """Without the help of the garbage collector: a case of hundreds of hosts makes them for each host."""
    gc.disable()
    try:
        lookup = PackedLookup()
        for n in range(2000):
            lookup.add(str(n), (n,))
        assert lookup.get("7") == [(7,)]
        gone = weakref.ref(lookup.rows)
        del lookup
        assert gone() is None
    finally:
        gc.enable()
