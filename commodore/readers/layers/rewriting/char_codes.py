"""Characters by their codes: `[char]105`, `[char]0x69`, `Chr(105)`, `ChrW(&H69)`, `chr(105)`. Joined ones become one literal."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import literal

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "perl", "python", "jsp", "aspx", "command")
_NUMBER = r"(?:0x[0-9a-f]{1,4}|&H[0-9a-f]{1,4}|\d{1,5})"
_ONE = rf"(?:\[char\]\s?\(?\s?{_NUMBER}\s?\)?|\bchrw?\$?\s?\(\s?{_NUMBER}\s?\))"
_CHAIN = re.compile(rf"(?i){_ONE}(?:\s{{0,8}}[+&.]\s{{0,8}}(?:_\s{{1,8}})?{_ONE}){{0,4000}}")
_CODE = re.compile(rf"(?i){_NUMBER}")
CLUES = (r"(?i)\[char\]", rf"(?i)chrw?\$?{BLANK}?\(")


def rewrite(text: str) -> tuple[str, int]:
    """Replace codes by the characters; at least three in a text, because one alone is a usual way to write a line end."""
    low = text.lower()
    if low.count("char]") + low.count("chr") < 3:
        return text, 0
    return _CHAIN.subn(lambda m: literal("".join(map(_character, _CODE.findall(m[0])))), text)


def _character(code: str) -> str:
    low = code.lower()
    number = int(low[2:], 16) if low[:2] in ("0x", "&h") else int(low)
    return chr(number) if number < 0xD800 else "?"
