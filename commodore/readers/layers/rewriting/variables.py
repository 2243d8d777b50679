"""Variables that get one literal and are used once it is there: `$a = 'Down'; $b = 'load'; $a + $b`. The value is put in their place."""

from __future__ import annotations

import re

from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal

LANGUAGES = ("powershell", "vbscript", "jscript", "hta", "shell", "command")
_SET = re.compile(
    r"(?im)(?:^|[;{(\n]|\bvar|\blet|\bconst|\bdim\b[^\n]{0,80}:)[ \t]{0,40}(\$?[A-Za-z_]\w{0,60})[ \t]{0,8}="
    rf"[ \t]{{0,8}}({QUOTED})[ \t]{{0,8}}(?=[;\r\n:)&|]|$)"
)
_ASSIGNED = re.compile(r"(?<![\w$.])(\$?[A-Za-z_]\w{0,60})[ \t]{0,8}(?:[+.&-]=|=[ \t]{0,8}\1\b)", re.IGNORECASE)
"""a variable that grows: its value is not the literal"""
_GLUED = r""""(?:[^"\n`]|`.){0,4000}?(?:\$\{?[A-Za-z_]\w{0,60}\}?){3,60}(?:[^"\n`]|`.){0,4000}\""""
"""a literal in double quotes with three variables side by side"""
_WORD = re.compile(
    rf"""{_GLUED}|\$[A-Za-z_]\w{{0,60}}(?!\w|\s{{0,8}}[+.\-]?=[^=])|(?<![\w'"$.])[A-Za-z_]\w{{0,60}}(?![\w'"]|\s{{0,8}}(?:\(|[+.\-]?=[^=]))"""
)
_INSIDE = re.compile(r"\$\{?([A-Za-z_]\w{0,60})\}?")
"""a variable within a literal in double quotes"""
MOST = 500
LARGEST = 2 << 20
CLUES = (r"""(?im)(?:^|[;{(\n:]|var|let|const)[ \t]*\$?[A-Z_][\w\pL\pN]*[ \t]{0,8}=[ \t]{0,8}['"]""",)


def rewrite(text: str) -> tuple[str, int]:
    """Put the literals of variables that are set exactly once, and do not grow, into the places where they are used."""
    if "=" not in text or not any(sign in text for sign in "$+&("):
        return text, 0
    values: dict[str, str] = {}
    several: set[str] = set()
    for match in _SET.finditer(text):
        name = match[1].lower()
        if name in values and values[name] != match[2]:
            several.add(name)
        if len(values) >= MOST:
            break
        values[name] = match[2]
    if not values:
        return text, 0
    several.update(match[1].lower() for match in _ASSIGNED.finditer(text))
    known = {name: inner(value) for name, value in values.items() if name not in several and len(value) <= LARGEST // 8}
    return _placed(text, known) if known else (text, 0)


def _placed(text: str, known: dict[str, str]) -> tuple[str, int]:
    count, grown = 0, len(text)

    def value(match: re.Match[str]) -> str:
        nonlocal count, grown
        if match[0][0] == '"':
            return _INSIDE.sub(lambda one: inside(one), match[0])
        found = known.get(match[0].lower())
        if found is None or grown + len(found) > LARGEST:
            return match[0]
        count += 1
        grown += len(found)
        return literal(found)

    def inside(match: re.Match[str]) -> str:
        nonlocal count, grown
        found = known.get(f"${match[1]}".lower())
        if found is None or '"' in found or grown + len(found) > LARGEST:
            return match[0]
        count, grown = count + 1, grown + len(found)
        return found

    return _WORD.sub(value, text), count
