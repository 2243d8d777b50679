"""Records as CSV, as a table, and as lines with their hits marked, for `eye search` and `eye stats`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from commodore import spreadsheet
from scout.console import escape

FIELDS = ("@timestamp", "host.name", "event.dataset", "user.name", "message")
"""Columns of a table or of CSV where none are named."""


def named(record: dict[str, Any], name: str) -> Any:
    """The value of a field, also of a key below a free-form field."""
    if name in record:
        return record[name]
    above, key = name, ""
    while "." in above:
        above, _, last = above.rpartition(".")
        key = f"{last}.{key}" if key else last
        value = record.get(above)
        if isinstance(value, dict):
            return value.get(key)
    return None


def csv_lines(records: Iterable[dict[str, Any]], fields: Sequence[str]) -> Iterator[str]:
    """Yield CSV (RFC 4180) with a heading, safe against formulas."""
    yield spreadsheet.line(fields)
    for record in records:
        yield spreadsheet.line(named(record, name) for name in fields)


def shown_value(value: Any) -> str:
    """Return a value of a record as text for a terminal: lists and objects as JSON."""
    if isinstance(value, bool | list | dict):
        return orjson.dumps(value).decode()
    return "" if value is None else str(value)


def table(records: Sequence[dict[str, Any]], fields: Sequence[str], width: int | None) -> Iterator[str]:
    """Yield a table whose last column takes what is left of `width` (None: all columns in full)."""
    from rich.cells import cell_len, set_cell_size

    rows = [list(fields), *([escape(shown_value(named(record, name))) for name in fields] for record in records)]
    most = 40 if width else 10_000
    widths = [min(most, max(cell_len(row[n]) for row in rows)) for n in range(len(fields))]
    for row in rows:
        cells = [_fit(text, wide) for text, wide in zip(row[:-1], widths, strict=False)]
        line = "  ".join([*cells, row[-1]])
        yield line if width is None or cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + "…"


def _fit(text: str, wide: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return set_cell_size(text, wide) if cell_len(text) <= wide else set_cell_size(text, wide - 1) + "…"


def highlighted(line: str, marks: re.Pattern[str] | None) -> str:
    """A line for a terminal with its hits in bold and reverse video."""
    return marks.sub(lambda found: f"\x1b[1;7m{found[0]}\x1b[0m" if found[0] else "", line) if marks else line
