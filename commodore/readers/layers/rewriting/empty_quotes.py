r"""Quotes and signs within a word: `wh""oami`, `w'g'et`, `ht"tp":/"/"x`, `c\url`, `curl${IFS}http`.

Source: quote removal and field splitting, POSIX shell; CommandLineToArgvW.
"""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK

LANGUAGES = ("shell", "batch", "command")
_EMPTY = re.compile(r"""(?<=[A-Za-z.:/])(?:""|'')(?=[A-Za-z.:/])""")
_INNER = re.compile(r"""(?<![\w'"=\\-])([A-Za-z]{1,20})(['"])([A-Za-z]{1,3})\2([A-Za-z]{1,20})(?![\w'"])""")
_GLUED = re.compile(r"""(?<=[A-Za-z0-9:/.])(['"])([\w:/.]{1,20})\1(?=[A-Za-z0-9:/.'"])""")
_SLASH = re.compile(r"(?<![\w\\/:])([a-z.]{1,20})\\([a-z]{1,20})(?=[\s;|&/.]|$)")
_BLANK = re.compile(r"\$(?:\{IFS[^}\n]{0,12}\}|IFS(?:\$\d)?(?!\w))")
CLUES = (
    *(r"""[A-Za-z.:/](?:""|''|['"][A-Za-z]{1,3}['"])[A-Za-z.:/]""", rf"[a-z.]\\[a-z]{{1,20}}(?:{BLANK}|[;|&/.]|$)"),
    *(r"""[A-Za-z0-9:/.](?:'[\w\pL\pN:/.]{1,20}'|"[\w\pL\pN:/.]{1,20}")[A-Za-z0-9:/.'"]""", r"\$\{?IFS"),
)


def rewrite(text: str) -> tuple[str, int]:
    """Take away quotes that only split a word, and put blanks in the place of the variable that has them."""
    total = 0
    for pattern, form in ((_BLANK, " "), (_EMPTY, ""), (_INNER, r"\1\3\4"), (_GLUED, r"\2"), (_SLASH, r"\1\2")):
        text, count = pattern.subn(form, text)
        total += count
    return text, total
