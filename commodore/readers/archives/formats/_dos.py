"""Times of MS-DOS: two numbers of 16 bits, local time, two seconds precise."""

from __future__ import annotations

from datetime import datetime


def dos_time(day: int, time: int) -> str:
    """Return RFC 3339 text of the local time, '' for an impossible one."""
    try:
        moment = datetime(1980 + (day >> 9), day >> 5 & 15, day & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)  # noqa: DTZ001
    except ValueError:
        return ""
    return f"{moment.isoformat()}Z"
