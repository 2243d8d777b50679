"""Variables of batch files, with parts of them and replacements in them: `set x=abc` and `%x:~0,1%`, `!x:b=!`. Source: set /?, cmd.exe."""

from __future__ import annotations

import re

LANGUAGES = ("batch", "command")
_SET = re.compile(r"(?im)^[ \t@(]{0,8}set[ \t]+\"?([^=\"\n%]{1,60})=([^\"\r\n&|]{0,4096})")
_USE = re.compile(r"([%!])([^%!:=\s\n]{1,60})(?::(?:~(-?\d{1,4})(?:,(-?\d{1,4}))?|([^=%!\n~*][^=%!\n]{0,40})=([^%!\n]{0,40})))?\1")
LARGEST = 2 << 20
CLUES = (r"(?im)^[ \t@(]{0,8}set[ \t]",)


def rewrite(text: str) -> tuple[str, int]:
    """Put the values of variables into the places where they are used."""
    if "%" not in text and "!" not in text:
        return text, 0
    values: dict[str, str] = {}
    for name, value in _SET.findall(text):
        values.setdefault(name.lower(), value)
    if not values:
        return text, 0
    count, grown = 0, len(text)

    def one(match: re.Match[str]) -> str:
        nonlocal count, grown
        found = values.get(match[2].lower())
        if found is None or ("%" in found and match[3] is None):
            return match[0]
        made = _replaced(found, match[5], match[6]) if match[5] else _part(found, match[3], match[4])
        if grown + len(made) > LARGEST:
            return match[0]
        count, grown = count + 1, grown + len(made)
        return made

    return _USE.sub(one, text), count


def _replaced(value: str, old: str, new: str) -> str:
    return re.sub(re.escape(old), lambda _: new, value, flags=re.IGNORECASE)


def _part(value: str, start: str | None, length: str | None) -> str:
    if start is None:
        return value
    first = int(start) if int(start) >= 0 else max(len(value) + int(start), 0)
    if length is None:
        return value[first:]
    return value[first : first + int(length)] if int(length) >= 0 else value[first : len(value) + int(length)]
