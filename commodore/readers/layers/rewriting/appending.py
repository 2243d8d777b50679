"""Variables that grow piece by piece: `$x += 'a'`, `x = x & "a"`, `$x .= 'a'`. One assignment of the joined literal takes their place."""

from __future__ import annotations

import re
from typing import NamedTuple

from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal

LANGUAGES = ("powershell", "vbscript", "vba", "jscript", "hta", "php", "perl", "python", "ruby", "lua", "jsp", "aspx", "shell", "command")
_NAME = r"\$?[A-Za-z_]\w{0,60}"
_SET = re.compile(
    rf"(?i)(?<![\w$.])(?P<name>{_NAME})[ \t]{{0,8}}(?:(?P<more>[+.&])=|=(?!=)[ \t]{{0,8}}(?P<self>(?P=name))[ \t]{{0,8}}[+.&]|=(?!=))"
)
_TEXT = re.compile(rf"[ \t]{{0,8}}(?P<text>{QUOTED})(?=[ \t]{{0,8}}(?:[;\r\n:)]|\Z))")
LARGEST = 1 << 20
CLUES = (r"""[+.&]=[ \t]{0,8}['"]""", r"""(?i)\$?[A-Z_][\w\pL\pN]*[ \t]{0,8}=[ \t]{0,8}\$?[A-Z_][\w\pL\pN]*[ \t]{0,8}[+.&][ \t]{0,8}['"]""")


class _Series(NamedTuple):
    """Pieces that follow each other: what is in front of the first one, where each of them is, and their texts."""

    head: str
    spans: list[tuple[int, int]]
    texts: list[str]


def rewrite(text: str) -> tuple[str, int]:
    """Join the pieces of each variable, in the place of the last one. A piece that is no literal ends what is joined."""
    open_: dict[str, _Series] = {}
    done: list[_Series] = []
    for head in _SET.finditer(text):
        name, appended, piece = head["name"].lower(), head["more"] or head["self"], _TEXT.match(text, head.end())
        if (not appended or piece is None) and (before := open_.pop(name, None)):
            done.append(before)
        if piece is not None:
            series = open_.setdefault(name, _Series(head[0], [], []))
            series.spans.append((head.start(), piece.end()))
            series.texts.append(inner(piece["text"]))
    changes: list[tuple[int, int, str]] = []
    for series in (*done, *open_.values()):
        joined = "".join(series.texts)
        if len(series.spans) > 1 and len(joined) <= LARGEST:
            changes += [(*span, "") for span in series.spans[:-1]]
            changes.append((*series.spans[-1], f"{series.head} {literal(joined)}"))
    if not changes:
        return text, 0
    parts, at = [], 0
    for start, end, made in sorted(changes):
        parts += [text[at:start], made]
        at = end
    return "".join((*parts, text[at:])), len(changes)
