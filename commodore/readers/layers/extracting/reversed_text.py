"""Literals that are written from the end: with a word of programs that only shows when they are turned around."""

from __future__ import annotations

import re
from collections.abc import Iterator

from commodore.readers.layers.model import Decoded
from commodore.readers.layers.rewriting._literals import DOUBLED, inner

_WORDS = (
    *("http://", "https://", "powershell", "createobject", "wscript.shell", "downloadstring", "invoke-", "cmd.exe", "cmd /c"),
    *("/bin/sh", "/bin/bash", "base64", "shellexecute", "xmlhttp", "webclient", "regsvr32", "rundll32", "eval("),
)
_BACK = "|".join(re.escape(word[::-1]) for word in _WORDS)
_LITERAL = re.compile(DOUBLED)
_SHORTEST = 14
_SHOWN = re.compile(rf"(?i){_BACK}")
CLUES = (f"(?i){_BACK}",)


def extract(text: str) -> Iterator[Decoded]:
    """Yield such literals turned around."""
    for match in _LITERAL.finditer(text):
        if len(match[0]) >= _SHORTEST and _SHOWN.search(match[0]):
            yield Decoded("reversed", inner(match[0])[::-1])
