"""Lists of literals that have a name: `var a = ['x', 'y']; a[0] + a[0x1]`, `p = ('a', 'b'); ''.join(p)`."""

from __future__ import annotations

import re

from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal
from commodore.readers.layers.rewriting.joining import LIST, PARTS

LANGUAGES = ("powershell", "jscript", "hta", "php", "perl", "python", "ruby", "lua", "jsp", "aspx", "command")
_NAME = r"[$@]?[A-Za-z_]\w{0,60}"
_SET = re.compile(
    rf"(?i)(?<![\w$.@])(?P<name>{_NAME})\s{{0,8}}=\s{{0,8}}(?:\[|@?\(|\{{|array\s?\(|new\s+array\s?\()\s{{0,80}}(?P<list>{LIST})[\])}}]"
)
_ELEMENT = re.compile(rf"(?i)(?<![\w$.@])(?P<name>{_NAME})\[\s{{0,4}}(?P<at>0x[0-9a-f]{{1,6}}|\d{{1,6}})\s{{0,4}}\]")
_JOINED = re.compile(
    rf"(?i)(?P<before>(?:\b(?:implode|join)\s?\(\s?(?:{QUOTED}\s?,\s?)?|{QUOTED}\.join\(\s?|-join\s{{1,4}}))(?P<a>{_NAME})(?![\w\[(.])"
    rf"|(?<![\w$.@])(?P<b>{_NAME})(?P<behind>\.join\s?\(|\s{{1,4}}-join\s{{1,4}})"
)
MOST = 200
LARGEST = 2 << 20
CLUES = (r"""(?i)=\s{0,8}(?:\[|@?\(|\{|array\s?\(|new\s+array\s?\()\s{0,80}['"]""",)


def rewrite(text: str) -> tuple[str, int]:
    """Put elements of lists, and lists that are joined, into the places where they are used."""
    known: dict[str, list[str]] = {}
    for match in _SET.finditer(text):
        if len(known) >= MOST:
            break
        known[match["name"].lower().lstrip("@")] = [inner(part) for part in PARTS.findall(match["list"])]
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

    return _JOINED.sub(listed, _ELEMENT.sub(element, text)), count
