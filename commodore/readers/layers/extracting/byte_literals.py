r"""Literals of which a part is written as `\x..`: `b'x\x9c\xabV*'`, and PHP's and JScript's. They are data where that is no text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from commodore.readers.layers.model import Decoded
from commodore.readers.layers.rewriting._literals import ESCAPED_LINE
from commodore.readers.layers.texts import decoded

_LITERAL = re.compile(ESCAPED_LINE)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[0-7]{1,3}|.)")
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_FEWEST, _SHORTEST = 4, 24
CLUES = (r"\\x[0-9A-Fa-f]{2}",)


def extract(text: str) -> Iterator[Decoded]:
    """Yield the bytes of such literals, each as one character."""
    for match in _LITERAL.finditer(text):
        value = match[0][1:-1]
        if len(value) < _SHORTEST or value.count("\\x") < _FEWEST or not value.isascii():
            continue
        if found := decoded("escapes", _ESCAPE.sub(_character, value).encode("latin-1", "replace")):
            yield found


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "x" and len(code) == 3:
        return chr(int(code[1:], 16))
    return chr(int(code, 8) & 0xFF) if code.isdigit() and "8" not in code and "9" not in code else _SIGNS.get(code, code)
