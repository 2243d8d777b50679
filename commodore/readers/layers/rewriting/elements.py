"""Lists of literals that have a name: `var a = ['x', 'y']; a[0] + a[0x1]`, `p = ('a', 'b'); ''.join(p)`."""

from __future__ import annotations

import re

from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal
from commodore.readers.layers.rewriting.joining import LIST, PARTS

LANGUAGES = ("powershell", "jscript", "hta", "php", "perl", "python", "ruby", "lua", "jsp", "aspx", "command")
_NAME = r"[$@]?[A-Za-z_]\w{0,60}"
_BEGIN = re.compile(r"(?i)=\s{0,8}(?:\[|@?\(|\{|array\s?\(|new\s+array\s?\()\s{0,80}(?=['\"])")
_LISTED = re.compile(rf"(?P<list>{LIST})[\])}}]")
_BEFORE = re.compile(rf"(?<![\w$.@])({_NAME})\s{{0,8}}\Z")
_ELEMENT = re.compile(rf"(?i)(?<![\w$.@])(?P<name>{_NAME})\[\s{{0,4}}(?P<at>0x[0-9a-f]{{1,6}}|\d{{1,6}})\s{{0,4}}\]")
_JOINED = re.compile(
    rf"(?i)(?P<before>(?:\b(?:implode|join)\s?\(\s?(?:{QUOTED}\s?,\s?)?|{QUOTED}\.join\(\s?|-join\s{{1,4}}))(?P<a>{_NAME})(?![\w\[(.])"
    rf"|(?<![\w$.@])(?P<b>{_NAME})(?P<behind>\.join\s?\(|\s{{1,4}}-join\s{{1,4}})"
)
_USED, _JOINS = re.compile(r"\w\[\s{0,4}\d"), re.compile(r"(?i)-join\s|\bimplode\s?\(|\bjoin\s?\(")
"""one of which a text must have"""
MOST = 200
LARGEST = 2 << 20
CLUES = (r"""(?i)=\s{0,8}(?:\[|@?\(|\{|array\s?\(|new\s+array\s?\()\s{0,80}['"]""",)


def rewrite(text: str) -> tuple[str, int]:
    """Put elements of lists, and lists that are joined, into the places where they are used."""
    is_used, is_joined = _USED.search(text) is not None, _JOINS.search(text) is not None
    if not is_used and not is_joined:
        return text, 0
    known: dict[str, list[str]] = {}
    for begin in _BEGIN.finditer(text):
        name = _BEFORE.search(text[max(0, begin.start() - 72) : begin.start()])
        if len(known) < MOST and name and (match := _LISTED.match(text, begin.end())):
            known[name[1].lower().lstrip("@")] = [inner(part) for part in PARTS.findall(match["list"])]
    if not known:
        return text, 0
    count, grown = 0, len(text)

    def element(match: re.Match[str]) -> str:
        nonlocal count, grown
        found, at = known.get(match["name"].lower()), int(match["at"], 16 if match["at"][:2] in ("0x", "0X") else 10)
        if found is None or at >= len(found) or grown + len(found[at]) > LARGEST:
            return match[0]
        count, grown = count + 1, grown + len(found[at])
        return literal(found[at])

    def listed(match: re.Match[str]) -> str:
        nonlocal count, grown
        found = known.get((match["a"] or match["b"]).lower().lstrip("@"))
        size = sum(map(len, found)) + 4 * len(found) if found else 0
        if found is None or grown + size > LARGEST:
            return match[0]
        count, grown = count + 1, grown + size
        made = "(" + ", ".join(map(literal, found)) + ")"
        return f"{match['before']}{made}" if match["a"] else f"{made}{match['behind']}"

    text = _ELEMENT.sub(element, text) if is_used else text
    return _JOINED.sub(listed, text) if is_joined else text, count
