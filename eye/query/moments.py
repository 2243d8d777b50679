"""Parse times in a query: full and partial ones, and Elasticsearch's date math (`now-7d`, `now-1d/d`)."""

from __future__ import annotations

import re
import time

from eye.query.tree import Leaf, QueryComplaint, Range, Text
from eye.query.values import span

SECOND = 1_000_000_000
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "H": 3600 * SECOND, "d": 86400 * SECOND, "w": 604800 * SECOND}
_MATH = re.compile(r"now((?:[+-][0-9]{1,6}[smhHdw])*)(?:/([smhHdw]))?")


def instant(text: str) -> tuple[int, int] | None:
    """Return the first and last nanosecond (since 1970 UTC) of a time or of date math; None for any other text.

    `now` alone is an instant; rounded (`now/d`), it spans the unit. A week begins on Monday.
    """
    found = _MATH.fullmatch(text)
    if not found:
        return span(text)
    at = time.time_ns() + sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"([+-][0-9]+)([smhHdw])", found[1]))
    if not found[2]:
        return at, at
    unit = _UNITS[found[2]]
    shift = 3 * _UNITS["d"] if found[2] == "w" else 0  # 1970-01-01 was a Thursday
    start = (at + shift) // unit * unit - shift
    return start, start + unit - 1


def _read(text: str, node: Leaf, query: str) -> tuple[int, int]:
    found = instant(text)
    if found is None:
        at = query.find(text, node.position, node.end)
        raise QueryComplaint(
            query,
            at if at >= 0 else node.position,
            f"{node.field} is a time, and this is none",
            "Write 2026, 2026-10-31, 2026-10-31T19:22:03.118Z (UTC) or now-7d.",
            max(1, len(text)),
        )
    return found


def span_of(node: Text, query: str) -> tuple[int, int]:
    """Return the first and last nanosecond of a value of a time field. Raises QueryComplaint."""
    return _read(node.text, node, query)


def moments(node: Range, query: str) -> tuple[int | None, int | None]:
    """The first and last nanosecond of a range, both included; None is open. Raises QueryComplaint."""
    low = high = None
    if node.low is not None:
        first, last = _read(node.low, node, query)
        low = first if node.include_low else last + 1
    if node.high is not None:
        first, last = _read(node.high, node, query)
        high = last if node.include_high else first - 1
    return low, high
