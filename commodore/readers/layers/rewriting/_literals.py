"""String literals of the languages of scripts, as far as decoders need them: a piece of pattern, and a text as a literal."""

from __future__ import annotations

import re
from collections.abc import Callable

QUOTED = r"""(?:'[^'\\\n]*(?:(?:\\.|'')[^'\\\n]*){0,200}'|"[^"\\\n]*(?:(?:\\.|"")[^"\\\n]*){0,200}")"""
"""a literal in single or double quotes, on one line"""
DOUBLED = r"""(?:'[^'\n]*+(?:''[^'\n]*+){0,4096}'|"[^"\n]*+(?:""[^"\n]*+){0,4096}")"""
"""a literal of any length, on one line, in which a quote is doubled"""
ESCAPED_LINE = r"""(?<!\\)(?:'[^'\\\n]*+(?:\\.[^'\\\n]*+){0,262144}'|"[^"\\\n]*+(?:\\.[^"\\\n]*+){0,262144}")"""
"""a literal of any length, on one line, in which a backslash escapes; only a quote that none escapes begins one"""
ESCAPED = r"""(?<!\\)(?:'[^'\\]*+(?:\\[\s\S][^'\\]*+){0,262144}'|"[^"\\]*+(?:\\[\s\S][^"\\]*+){0,262144}")"""
"""the same over any number of lines"""


def inner(literal: str) -> str:
    """Return the text of a literal: without its quotes, doubled quotes as one."""
    quote = literal[:1]
    return literal[1:-1].replace(quote * 2, quote) if quote in ("'", '"') and len(literal) > 1 else literal


def literal(text: str) -> str:
    """Return a text as a literal. It is for reading: no program gets it."""
    quote = "'" if "'" not in text else '"'
    return f"{quote}{text}{quote}"


def substitute(pattern: re.Pattern[str], make: Callable[[re.Match[str]], str | None], text: str) -> tuple[str, int]:
    """Replace matches by what `make` returns, None leaving one alone. Returns the text and the number of changes."""
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        made = make(match)
        if made is None or made == match[0]:
            return match[0]
        count += 1
        return made

    return pattern.sub(one, text), count
