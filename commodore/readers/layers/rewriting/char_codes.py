"""Characters by their codes: `[char]105`, `[char]0x69`, `ChrW(&H69)`, `chr(105)`, `Chr(210/2)`. Joined ones become one literal."""

from __future__ import annotations

import operator
import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import literal

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "perl", "python", "jsp", "aspx", "command")
_NUMBER = r"(?:0x[0-9a-f]{1,4}|&H[0-9a-f]{1,4}|\d{1,5})"
_SUM = rf"{_NUMBER}(?:\s?[-+*/^]\s?{_NUMBER})?"
_ONE = rf"(?:\[char\]\s?\(?\s?{_NUMBER}\s?\)?|\bchrw?\$?\s?\(\s?{_SUM}\s?\))"
_CHAIN = re.compile(rf"(?i){_ONE}(?:\s{{0,8}}[+&.]\s{{0,8}}(?:_\s{{1,8}})?{_ONE}){{0,4000}}")
_CODE = re.compile(rf"(?i)({_NUMBER})(?:\s?([-+*/^])\s?({_NUMBER}))?")
CLUES = (r"(?i)\[char\]", rf"(?i)chrw?\$?{BLANK}?\(")


def rewrite(text: str) -> tuple[str, int]:
    """Replace codes by the characters; at least three in a text, because one alone is a usual way to write a line end."""
    low = text.lower()
    if low.count("char]") + low.count("chr") < 3:
        return text, 0
    return _CHAIN.subn(lambda m: literal("".join(map(_character, _CODE.finditer(m[0])))), text)


def _character(code: re.Match[str]) -> str:
    number = _number(code[1])
    if code[2]:
        number = _SIGNS[code[2]](number, _number(code[3]))
    return chr(number) if 0 <= number < 0xD800 else "?"


def _number(digits: str) -> int:
    low = digits.lower()
    return int(low[2:], 16) if low[:2] in ("0x", "&h") else int(low)


_SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": lambda a, b: a // max(b, 1), "^": operator.xor}
