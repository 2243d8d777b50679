"""Literals that a script turns around: `StrReverse("…")`, `strrev('…')`, `'…'[::-1]`, `.split("").reverse().join("")`, `'…'[-1..-9]`."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import DOUBLED, inner, literal, substitute

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "python", "shell", "command")
_LONG = f"({DOUBLED})"
_BEFORE = re.compile(rf"(?i)\b(?:str_?reverse|strrev)\s?\(\s?{_LONG}\s?\)")
_SLICE = re.compile(rf"{_LONG}\s?\[\s?::\s?-1\s?\]")
_JOIN = re.compile(rf"(?i){_LONG}\.split\(\s?(?:''|\"\")\s?\)\.reverse\(\)\.join\(\s?(?:''|\"\")\s?\)")
_RANGE = re.compile(
    rf"(?i)(?:-join\s?)?\(?\s?{_LONG}\s?\[\s?-\s?1\s?\.\.\s?-\s?(?:\d{{1,7}}|\([^)\n]{{1,60}}\))\s?\]\s?(?:-join\s?(?:''|\"\"))?\s?\)?"
)
_REV = re.compile(rf"\becho\s+{_LONG}\s?\|\s?rev\b")
CLUES = (
    rf"""(?i)(?:str_?reverse|strrev){BLANK}?\({BLANK}?['"]""",
    rf"""['"]{BLANK}?\[{BLANK}?(?:::{BLANK}?-1|-{BLANK}?1{BLANK}?\.\.)""",
    *(r"""(?is)['"]\.split\(.{2,4}\)\.reverse""", rf"\|{BLANK}?rev"),
)


_GUARDS = (("rev", _BEFORE), ("-1]", _SLICE), ("reverse()", _JOIN), ("..", _RANGE), ("| rev", _REV))
"""text without which a pattern is not tried"""


def rewrite(text: str) -> tuple[str, int]:
    """Turn the literals around."""
    total = 0
    low = text.lower()
    for pattern in (p for word, p in _GUARDS if word in low):
        text, count = substitute(pattern, lambda m: literal(inner(m[1])[::-1]), text)
        total += count
    return text, total
