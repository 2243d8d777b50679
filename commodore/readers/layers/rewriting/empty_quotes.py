r"""Empty quotes and quotes within a word: `wh""oami`, `w'g'et`, `c\url`. Source: quote removal, POSIX shell; CommandLineToArgvW."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK

LANGUAGES = ("shell", "batch", "command")
_EMPTY = re.compile(r"""(?<=[A-Za-z])(?:""|'')(?=[A-Za-z])""")
_INNER = re.compile(r"""(?<![\w'"=\\-])([A-Za-z]{1,20})(['"])([A-Za-z]{1,3})\2([A-Za-z]{1,20})(?![\w'"])""")
_SLASH = re.compile(r"(?<![\w\\/.:])([a-z]{1,8})\\([a-z]{1,8})(?=[\s;|&])")
CLUES = (r"""[A-Za-z](?:""|''|['"][A-Za-z]{1,3}['"])[A-Za-z]""", rf"[a-z]\\[a-z]{{1,8}}(?:{BLANK}|[;|&])")


def rewrite(text: str) -> tuple[str, int]:
    """Take away quotes that only split a word."""
    text, empty = _EMPTY.subn("", text)
    text, inner = _INNER.subn(r"\1\3\4", text)
    text, slashes = _SLASH.subn(r"\1\2", text)
    return text, empty + inner + slashes
