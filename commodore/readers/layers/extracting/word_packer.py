"""Scripts whose words were numbered: `}('0 1=2(3)',4,4,'var|a|f|x'.split('|'),0,{})`, as the packer of Dean Edwards writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from commodore.readers.layers.model import Decoded
from commodore.readers.layers.rewriting._literals import ESCAPED

_PACKED = re.compile(
    rf"""\}}\s?\(\s?(?P<body>{ESCAPED})"""
    r"""\s?,\s?(?P<base>\d{1,2})\s?,\s?\d{1,5}\s?,"""
    r"""\s?(?:'(?P<c>[^'\\]{0,262144})'|"(?P<d>[^"\\]{0,262144})")\s?\.split\(\s?['"]\|['"]\s?\)"""
)
_WORD = re.compile(r"\w+")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CLUES = (r"""\.split\(\s?['"]\|['"]\s?\)""",)


def extract(text: str) -> Iterator[Decoded]:
    """Yield the scripts with their words."""
    for match in _PACKED.finditer(text):
        base, words = int(match["base"]), (match["c"] or match["d"] or "").split("|")
        if 2 <= base <= len(_DIGITS):
            body = match["body"][1:-1].replace("\\'", "'").replace('\\"', '"').replace("\\\\", "\\")
            yield Decoded("numbered words", _WORD.sub(lambda m, base=base, words=words: _word(m[0], base, words), body))


def _word(number: str, base: int, words: list[str]) -> str:
    value = 0
    for digit in number:
        place = _DIGITS.find(digit)
        if not 0 <= place < base or value > len(words):
            return number
        value = value * base + place
    return words[value] if value < len(words) and words[value] else number
