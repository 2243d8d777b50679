"""Words of a shell that are glued together of three variables or more: `a=cu; b=rl; c=' http'; $a$b$c`. Source: POSIX, 2.6.2."""

from __future__ import annotations

import re

from commodore.readers.layers.rewriting._literals import QUOTED, inner

LANGUAGES = ("shell", "command")
_SET = re.compile(rf"(?m)(?:^|(?<=[;\s&|({{]))(?P<name>[A-Za-z_]\w{{0,60}})=(?P<value>{QUOTED}|[^\s;'\"&|()$`<>]{{1,200}})(?=[\s;&|)]|$)")
_GLUED = re.compile(r"(?:\$(?:[A-Za-z_]\w{0,60}|\{[A-Za-z_]\w{0,60}\})){3,400}")
_ONE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
LARGEST = 2 << 20
CLUES = (r"\$\{?[A-Za-z_][\w\pL\pN]*\}?\$\{?[A-Za-z_]",)


def rewrite(text: str) -> tuple[str, int]:
    """Put the values into glued words, where all but one of a word's variables have a known one."""
    values = {match["name"]: inner(match["value"]) for match in _SET.finditer(text)}
    if not values:
        return text, 0
    count, grown = 0, len(text)

    def glued(match: re.Match[str]) -> str:
        nonlocal count, grown
        names = _ONE.findall(match[0])
        known = [values[name] for name in names if name in values]
        if len(known) < max(3, len(names) - 1) or grown + sum(map(len, known)) > LARGEST:
            return match[0]
        count, grown = count + 1, grown + sum(map(len, known))
        return "".join(values.get(name, "") for name in names)

    return _GLUED.sub(glued, text), count
