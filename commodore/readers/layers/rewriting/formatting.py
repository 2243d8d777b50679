"""PowerShell's format operator: `"{1}{0}" -f 'X','IE'` is `IEX`. Source: about_Operators, Microsoft Learn."""

from __future__ import annotations

import re

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.rewriting._literals import QUOTED, inner, literal, substitute

LANGUAGES = ("powershell", "command")
_FORMAT = re.compile(
    rf"""(?i)\(?\s{{0,4}}(["'])((?:\{{\d{{1,3}}\}}|[^"'{{}}\n]){{1,4096}})\1\s{{0,4}}-f\s{{0,4}}({QUOTED}(?:\s{{0,4}},\s{{0,4}}{QUOTED}){{0,200}})\s{{0,4}}\)?"""
)
_PLACE = re.compile(r"\{(\d{1,3})\}")
_PART = re.compile(QUOTED)
LARGEST = 1 << 20
CLUES = (rf"""(?i)['"]{BLANK}{{0,4}}-f{BLANK}{{0,4}}['"]""",)


def rewrite(text: str) -> tuple[str, int]:
    """Put literals into their places."""
    return substitute(_FORMAT, _formatted, text) if "-f" in text.lower() and "{" in text else (text, 0)


def _formatted(match: re.Match[str]) -> str | None:
    parts = [inner(part) for part in _PART.findall(match[3])]
    places = [int(number) for number in _PLACE.findall(match[2])]
    if not places or max(places) >= len(parts) or sum(len(parts[n]) for n in places) > LARGEST:
        return None
    return literal(_PLACE.sub(lambda m: parts[int(m[1])], match[2]))
