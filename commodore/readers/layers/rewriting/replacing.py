"""Literals from which a script removes filling: `.Replace('~','')`, `-replace 'x','y'`, `str_replace('a','b','…')`."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import DOUBLED, QUOTED, inner, literal, substitute

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "python", "jsp", "aspx", "command")
_LONG = f"(?:{DOUBLED})"
_GAP = r"\s{0,4}"
_METHOD = re.compile(rf"(?i)({_LONG}){_GAP}\.{_GAP}replace\({_GAP}({QUOTED}){_GAP},{_GAP}({QUOTED}){_GAP}\)")
_OPERATOR = re.compile(rf"(?i)({_LONG}){_GAP}-c?i?replace{_GAP}\(?({QUOTED})\)?{_GAP},{_GAP}\(?({QUOTED})\)?")
_SPLIT = re.compile(rf"(?i)({_LONG}){_GAP}\.{_GAP}split\({_GAP}({QUOTED}){_GAP}\){_GAP}\.{_GAP}join\({_GAP}({QUOTED}){_GAP}\)")
_REGEX = re.compile(rf"(?i)({_LONG}){_GAP}\.{_GAP}replace\({_GAP}/([^/\\\[\](){{}}*+?.|\n]{{1,40}})/g?i?{_GAP},{_GAP}({QUOTED}){_GAP}\)")
_FUNCTION = re.compile(rf"(?i)(?<![.\w])replace\({_GAP}({_LONG}){_GAP},{_GAP}({QUOTED}){_GAP},{_GAP}({QUOTED}){_GAP}\)")
_PHP = re.compile(rf"(?i)\bstr_i?replace\({_GAP}({QUOTED}){_GAP},{_GAP}({QUOTED}){_GAP},{_GAP}({_LONG}){_GAP}\)")
_META = re.compile(r"\\(.)")
_GUARDS = ((".replace(", _METHOD), ("replace", _OPERATOR), (".split(", _SPLIT), (".replace(/", _REGEX), ("replace(", _FUNCTION))
"""text without which a pattern is not tried"""
LARGEST = 1 << 20
CLUES = (
    rf"""(?i)['"]{BLANK}{{0,4}}(?:\.{BLANK}{{0,4}}(?:replace|split)\(|-c?i?replace)""",
    rf"""(?i)(?:^|[^.\w]|str_i?)replace\({BLANK}{{0,4}}['"]""",
)


def rewrite(text: str) -> tuple[str, int]:
    """Apply replacements whose text and arguments are literals."""
    total = 0
    low = text.lower()
    for pattern in (p for word, p in _GUARDS if word in low):
        text, count = substitute(pattern, lambda m: _replaced(m[1], m[2], m[3]), text)
        total += count
    if "str_" in low:
        text, count = substitute(_PHP, lambda m: _replaced(m[3], m[1], m[2]), text)
        total += count
    return text, total


def _replaced(where: str, what: str, by: str) -> str | None:
    old, new = _META.sub(r"\1", inner(what) if what[:1] in "'\"" else what), inner(by)
    content = inner(where)
    if not old or len(content) + content.count(old) * len(new) > LARGEST:
        return None
    return literal(content.replace(old, new))
