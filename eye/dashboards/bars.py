"""Bars over time: their width and number for a range, the same in every chart of both engines."""

from __future__ import annotations

SECOND = 1_000_000_000
WIDTHS = [
    SECOND * n
    for n in (
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        10800,
        21600,
        43200,
        86400,
        172800,
        604800,
        1209600,
        2592000,
        5184000,
        7776000,
        15552000,
        31536000,
    )
] + [SECOND * 31536000 * n for n in (2, 5, 10)]


def bucket(low: int, high: int) -> tuple[int, int, int]:
    """Return (first moment, bucket width, number of buckets) for a range of time in nanoseconds: at most 120 bars, at round times."""
    width = next((w for w in WIDTHS if (high - low) // w < 110), WIDTHS[-1])
    start = low // width * width
    return start, width, max(1, min(400, (high - start) // width + 1))
