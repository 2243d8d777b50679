r"""Characters written as escapes: `\x41`, `\101` (Lua: `\65`), `\u0041`, `%41`, `%u0041`, `$'\x41'`. Four in a row are a trick."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import DIGIT

LANGUAGES = ("jscript", "hta", "php", "python", "perl", "shell", "vbscript", "jsp", "aspx", "powershell", "ruby", "lua", "command")
_RUNS = (
    (re.compile(r"(?:\\x[0-9A-Fa-f]{2}){4,}"), re.compile(r"\\x(..)"), 16),
    (re.compile(r"(?:\\u00[0-9A-Fa-f]{2}){4,}"), re.compile(r"\\u(....)"), 16),
    (re.compile(r"(?:%u00[0-9A-Fa-f]{2}){4,}"), re.compile(r"%u(....)"), 16),
    (re.compile(r"(?=(?:\\\d{2,3}){0,400}\\\d?(?:[89]\d?|\d[89]))(?:\\\d{2,3}){4,}"), re.compile(r"\\(\d{2,3})"), 10),
    (re.compile(r"(?:\\[0-3]?[0-7]{2}){4,}"), re.compile(r"\\([0-3]?[0-7]{2})"), 8),
    (re.compile(r"(?:%[0-9A-Fa-f]{2}){4,}"), re.compile(r"%(..)"), 16),
    (re.compile(r"(?:&#x[0-9A-Fa-f]{2};){4,}"), re.compile(r"&#x(..);"), 16),
    (re.compile(r"(?:&#\d{2,3};){4,}"), re.compile(r"&#(\d+);"), 10),
)
CLUES = (
    *(r"(?:\\x[0-9A-Fa-f]{2}){4}", r"(?:\\u00[0-9A-Fa-f]{2}){4}", r"(?:\\[0-9]{2,3}){4}", "(?:%u00[0-9A-Fa-f]{2}){4}"),
    *("(?:%[0-9A-Fa-f]{2}){4}", "(?:&#x[0-9A-Fa-f]{2};){4}", f"(?:&#{DIGIT}{{2,3}};){{4}}"),
)


def rewrite(text: str) -> tuple[str, int]:
    """Replace runs of escapes that give readable text."""
    total = 0
    for run, one, base in _RUNS:
        changed = 0

        def text_of(match: re.Match[str], one: re.Pattern[str] = one, base: int = base) -> str:
            nonlocal changed
            made = "".join(chr(min(int(code, base), 0xFFFF)) for code in one.findall(match[0]))
            if not made.isascii() or not made.replace("\n", "").replace("\t", "").replace("\r", "").isprintable():
                return match[0]
            changed += 1
            return made

        text = run.sub(text_of, text)
        total += changed
    return text, total
