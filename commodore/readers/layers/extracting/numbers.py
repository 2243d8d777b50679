"""Lists of decimal character codes: `[char[]](105,101,120)`, `String.fromCharCode(…)`, `bytes([…])`, and joined with other signs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from commodore.readers.layers.clues import BLANK, DIGIT
from commodore.readers.layers.model import Decoded
from commodore.readers.layers.texts import decoded

_LIST = re.compile(r"(?<![\w.])\d{1,3}(?:\s{0,3}[,;~!_x:|&-]\s{0,3}\d{1,3}){15,}(?![\w.])")
_SHORT = re.compile(
    r"(?i)(?:fromcharcode|fromcodepoint|\[char\[\]\])\s?\(?\s?\(?((?:0x[0-9a-f]{1,4}|\d{1,5})(?:\s{0,3},\s{0,3}(?:0x[0-9a-f]{1,4}|\d{1,5})){2,})"
)
_NUMBER = re.compile(r"(?i)0x[0-9a-f]+|\d+")
CLUES = (rf"{DIGIT}(?:{BLANK}{{0,3}}[,;~!_x:|&-]{BLANK}{{0,3}}{DIGIT}{{1,3}}){{3}}", r"(?i)fromcharcode|fromcodepoint|\[char\[\]\]")


def extract(text: str) -> Iterator[Decoded]:
    """Yield what lists of codes are as text or bytes."""
    for match in _SHORT.finditer(text):
        codes = [int(n, 16) if n[:2] in ("0x", "0X") else int(n) for n in _NUMBER.findall(match[1])]
        if all(code < 0xD800 for code in codes):
            yield Decoded("character codes", "".join(map(chr, codes)))
    for match in _LIST.finditer(text):
        codes = [int(n) for n in re.findall(r"\d+", match[0])]
        if max(codes) < 256 and len(set(codes)) > 4 and (found := decoded("character codes", bytes(codes))):
            yield found
