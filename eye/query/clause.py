"""A clause of the query language for a field and a value, every character of it escaped."""

from __future__ import annotations

import re


def quoted(value: str) -> str:
    r"""A value as a Lucene phrase: `"` and `\` escaped."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def clause(name: str, value: str, *, out: bool = False) -> str:
    """The filter for (or against) records with this value."""
    return f"{'-' if out else ''}{re.sub(r'([^0-9A-Za-z_.@])', lambda m: chr(92) + m.group(), name)}:{quoted(value)}"
