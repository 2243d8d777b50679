"""Format hits as lines for a terminal: columns of time, host, dataset and sentence, escaped, and cut to the width of the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from scout.console import escape

NONE = "–"
TIME_WIDTH = len("2026-10-31 19:22:03.118")
_WIDEST = (24, 16)
"""Maximum widths of host and dataset, in terminal columns."""


def moment(value: object) -> str:
    """Format a time of a record as `2026-10-31 19:22:03.118` (UTC, to the millisecond), or `–`."""
    if not isinstance(value, str) or len(value) < 19:
        return NONE
    head, _, fraction = value.rstrip("Z").partition(".")
    return escape(f"{head.replace('T', ' ', 1)}.{(fraction + '000')[:3]}")


def listing(records: Sequence[dict[str, Any]], width: int | None) -> Iterator[str]:
    """Yield one line per record. `width`: columns of the terminal; None (in a pipe): lines are not cut."""
    rows = [
        (
            moment(record.get("@timestamp")),
            escape(record.get("host.name") or NONE),
            escape(record.get("event.dataset") or NONE),
            escape(record.get("message") or NONE),
        )
        for record in records
    ]
    widths = [TIME_WIDTH, *(min(most, max((cell_len(row[n]) for row in rows), default=0)) for n, most in enumerate(_WIDEST, 1))]
    for *cells, message in rows:
        columns = [_cell(text, wide, cut=width is not None) for text, wide in zip(cells, widths, strict=True)]
        yield _fit("  ".join([*columns, message]), width)


def _cell(text: str, wide: int, *, cut: bool) -> str:
    long = cell_len(text) > wide
    return _fit(text, wide) if cut and long else text if long else set_cell_size(text, wide)


def _fit(text: str, width: int | None) -> str:
    return text if width is None or cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
