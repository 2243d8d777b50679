"""Connections of urllib3 whose answers are bounded in bytes and time."""

from __future__ import annotations

from typing import Any

import urllib3

from scout.delivering.bounded_answer import BoundedAnswer

LONGEST = 64 << 20
"""bytes of the longest answer that is read"""


class LongAnswer(BoundedAnswer):
    """An answer of up to `LONGEST` bytes."""

    most = LONGEST


def bounded(pool: Any) -> None:
    """Make the connections of a pool, none of which is open yet, read bounded answers."""
    pool.ConnectionCls = type("BoundedConnection", (pool.ConnectionCls,), {"response_class": LongAnswer})


class BoundedPools(urllib3.PoolManager):
    """The pools of all hosts."""

    def _new_pool(self, *arguments: Any, **named: Any) -> Any:
        pool = super()._new_pool(*arguments, **named)
        bounded(pool)
        return pool
