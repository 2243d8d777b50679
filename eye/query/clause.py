"""A clause of the query language for a field and a value, every character of it escaped."""

from __future__ import annotations

import re


def quoted(value: str) -> str:
    r"""Return a value as a Lucene phrase, with `"` and `\` escaped."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def clause(name: str, value: str, *, out: bool = False) -> str:
    """Return the filter for (or against) records with this value."""
    return f"{'-' if out else ''}{re.sub(r'([^0-9A-Za-z_.@])', lambda m: chr(92) + m.group(), name)}:{quoted(value)}"
