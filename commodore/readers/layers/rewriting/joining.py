"""Lists of literals that become one: `'a','b' -join ''`, `['a','b'].join('')`, `''.join(['a','b'])`, `implode('', array('a','b'))`."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal, substitute

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "perl", "python", "ruby", "lua", "jsp", "aspx", "command")
_GAP = r"\s{0,80}"
LIST = rf"{QUOTED}(?:{_GAP},{_GAP}{QUOTED}){{1,4000}}+{_GAP},?{_GAP}"
"""two literals or more"""
_OPEN = r"(?:\[|@?\(|\barray\s?\(|\bnew\s+array\s?\()"
_FORMS = (
    ("join", re.compile(rf"(?i){_OPEN}{_GAP}(?P<list>{LIST})[\])]\s{{0,4}}\.join\s?\(\s?(?P<by>{QUOTED})\s?\)")),
    ("join", re.compile(rf"(?i)(?P<by>{QUOTED})\.join\(\s?[\[(]{_GAP}(?P<list>{LIST})[\])]\s?\)")),
    ("-join", re.compile(rf"(?i){_OPEN}{_GAP}(?P<list>{LIST})\)\s{{0,4}}-join\s{{0,4}}(?P<by>{QUOTED})")),
    ("-join", re.compile(rf"(?i)(?<=[=(;])\s{{0,4}}(?P<list>{LIST})-join\s{{0,4}}(?P<by>{QUOTED})")),
    ("-join", re.compile(rf"(?i)-join\s{{0,4}}{_OPEN}{_GAP}(?P<list>{LIST})[\])](?P<by>)")),
    ("implode", re.compile(rf"(?i)\b(?:implode|join)\s?\(\s?(?P<by>{QUOTED})\s?,\s?{_OPEN}{_GAP}(?P<list>{LIST})[\])]\s?\)")),
    ("join", re.compile(rf"(?i)\bjoin\s?\(\s?{_OPEN}{_GAP}(?P<list>{LIST})\)\s?(?:,\s?(?P<by>{QUOTED})\s?)?\)")),
)
"""text without which a pattern is not tried, and the pattern: the list, and what is put between"""
PARTS = re.compile(QUOTED)
LARGEST = 1 << 20
CLUES = (rf"""(?i)['"]{BLANK}{{0,80}},{BLANK}{{0,80}}['"]""",)


def rewrite(text: str) -> tuple[str, int]:
    """Join the literals of lists."""
    low, total = text.lower(), 0
    for word, pattern in _FORMS:
        if word in low or (word == "implode" and "join" in low):
            text, count = substitute(pattern, _joined, text)
            total += count
    return text, total


def _joined(match: re.Match[str]) -> str | None:
    parts, by = [inner(part) for part in PARTS.findall(match["list"])], inner(match["by"] or "''")
    if sum(map(len, parts)) + len(parts) * len(by) > LARGEST:
        return None
    return literal(by.join(parts))
