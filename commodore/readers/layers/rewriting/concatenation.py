"""Literals that an operator joins: `'down' + 'load'` (PowerShell, JScript, Python), `"a" & "b"` (VBScript), `'a' . 'b'` (PHP, Perl)."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "perl", "python", "jsp", "aspx", "command")
_CHAIN = re.compile(rf"{QUOTED}(?:[ \t]{{0,8}}[+&.][ \t]{{0,8}}(?:_?\r?\n[ \t]{{0,40}})?{QUOTED}){{1,400}}")
_PART = re.compile(QUOTED)
_BRACKETS = re.compile(rf"(?<![\w\])])\(\s{{0,8}}({QUOTED})\s{{0,8}}\)(?=\s{{0,8}}(?:[+&.,)]|-f|-replace))")
CLUES = (rf"""['"](?:{BLANK}{{0,8}}\))?[ \t]{{0,8}}[+&.][ \t]{{0,8}}(?:_?\r?\n[ \t]{{0,40}})?(?:\({BLANK}{{0,8}})?['"]""",)


def rewrite(text: str) -> tuple[str, int]:
    """Join literals, and take away brackets around one of them."""
    text, brackets = _BRACKETS.subn(r"\1", text)
    made = 0

    def join(match: re.Match[str]) -> str:
        nonlocal made
        made += 1
        return literal("".join(inner(part) for part in _PART.findall(match[0])))

    return _CHAIN.sub(join, text), made + brackets if made else 0
