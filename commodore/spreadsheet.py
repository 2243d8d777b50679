"""CSV that a spreadsheet can open: no text of evidence runs as a formula, whatever the separator is that the program takes.

Programs take a comma, a semicolon (in countries that write 1,5), a tab or a bar. One that does not take the comma reads quotes in the
middle of a field as text, so a semicolon within a quoted cell begins a cell. Therefore every cell is quoted, an apostrophe is put before
`=`, `+`, `-` and `@` at the beginning of a text and behind each separator in it, and control characters (line ends, too) are shown as
escapes: a record is one line. Source: OWASP, "CSV Injection"; RFC 4180.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from scout.console import escape

_ACTS = re.compile(r"(^|[;|])(?=[\"'\s]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""places before a character that begins a formula, in its usual or its full width, with quotes and blanks before it"""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def cell(value: Any) -> str:
    """Return a value as the text of a cell: lists and objects as JSON; text that a spreadsheet would run is disarmed. A number is not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = escape(value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode())
    return text if _NUMBER.fullmatch(text) else _ACTS.sub(r"\1'", text)


def line(cells: Iterable[Any]) -> str:
    """Return one line of CSV (RFC 4180), all cells quoted, with its line end."""
    return ",".join('"' + cell(value).replace('"', '""') + '"' for value in cells) + "\r\n"
