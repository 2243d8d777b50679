"""Variables of batch files, with parts of them: `set x=abc` and `%x:~0,1%`. Source: set /?, cmd.exe."""

from __future__ import annotations

import re

LANGUAGES = ("batch", "command")
_SET = re.compile(r"(?im)^[ \t@(]{0,8}set[ \t]+\"?([^=\"\n%]{1,60})=([^\"\r\n&|]{0,4096})")
_USE = re.compile(r"%([^%:=\s\n]{1,60})(?::~(-?\d{1,4})(?:,(-?\d{1,4}))?)?%")
LARGEST = 2 << 20
CLUES = (r"(?im)^[ \t@(]{0,8}set[ \t]",)


def rewrite(text: str) -> tuple[str, int]:
    """Put the values of variables into the places where they are used."""
    if "%" not in text:
        return text, 0
    values: dict[str, str] = {}
    for name, value in _SET.findall(text):
        values.setdefault(name.lower(), value)
    if not values:
        return text, 0
    count, grown = 0, len(text)

    def one(match: re.Match[str]) -> str:
        nonlocal count, grown
        found = values.get(match[1].lower())
        if found is None or ("%" in found and match[2] is None):
            return match[0]
        made = _part(found, match[2], match[3])
        if grown + len(made) > LARGEST:
            return match[0]
        count, grown = count + 1, grown + len(made)
        return made

    return _USE.sub(one, text), count


def _part(value: str, start: str | None, length: str | None) -> str:
    if start is None:
        return value
    first = int(start) if int(start) >= 0 else max(len(value) + int(start), 0)
    if length is None:
        return value[first:]
    return value[first : first + int(length)] if int(length) >= 0 else value[first : len(value) + int(length)]
