"""The proof that a changed hive is whole, and that nothing but the meant cells changed."""

from __future__ import annotations

from collections.abc import Iterable

from hunter.hives.tree import HiveKeys
from hunter.unsafe import UnsafeError


def prove(before: bytes, after: bytes, written: Iterable[tuple[int, int]]) -> None:
    """Compare two states of a hive's file. UnsafeError where a byte outside of `written` differs, or where the new one is not whole."""
    at = 0
    for begin, end in (*sorted(written), (len(before), len(before))):
        if begin > at and before[at:begin] != after[at:begin]:
            raise UnsafeError("the changed hive differs where nothing was written")
        at = max(at, end)
    HiveKeys(after)
