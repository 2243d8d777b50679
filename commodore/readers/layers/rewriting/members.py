"""Members that are named by a literal: `$x.('DownloadString')`, `$x."Invoke"()`, `window['eval']`. They become `.DownloadString`."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK

LANGUAGES = ("powershell", "jscript", "hta", "command")
_BRACKETS = re.compile(r"""(?<=[\w)\]])\.\s{0,4}\(\s{0,4}(['"])([A-Za-z_]\w{1,60})\1\s{0,4}\)""")
_QUOTED = re.compile(r"""(?<=[\w)\]])\.(['"])([A-Za-z_]\w{1,60})\1""")
_INDEX = re.compile(r"""(?<=[\w)\]])\[\s{0,4}(['"])([A-Za-z_]\w{1,60})\1\s{0,4}\](?=\s{0,4}[(.\[])""")
_CALLED = re.compile(r"""(?:&|(?<![\w.])\.)\s{0,4}\(?\s{0,4}(['"])([A-Za-z][\w-]{1,60})\1\)?(?=[\s(])""")
CLUES = (
    *(rf"""\.{BLANK}{{0,4}}\({BLANK}{{0,4}}['"][A-Za-z_]""", r"""\.['"][A-Za-z_]"""),
    rf"""\[{BLANK}{{0,4}}['"][A-Za-z_][^'"]+['"]{BLANK}{{0,4}}\]{BLANK}{{0,4}}[(.\[]""",
    rf"""[&.]{BLANK}{{0,4}}\(?{BLANK}{{0,4}}['"][A-Za-z]""",
)


def rewrite(text: str) -> tuple[str, int]:
    """Name members, and commands behind the call operator, without quotes."""
    total = 0
    for pattern, form in ((_BRACKETS, r".\2"), (_QUOTED, r".\2"), (_INDEX, r".\2"), (_CALLED, r"\2")):
        text, count = pattern.subn(form, text)
        total += count
    return text, total
