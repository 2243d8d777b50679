"""Lists of character codes: `[char[]](105,101,120)`, `String.fromCharCode(…)`, `bytes([…])`, joined with other signs, or each in quotes.

The codes may be binary or octal, larger or smaller by one number, or multiplied by one: where words of programs show that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise

from commodore.readers.layers.clues import BLANK, DIGIT
from commodore.readers.layers.model import Decoded
from commodore.readers.layers.texts import decoded, readable

_BETWEEN = r"""(?:['"]?\s{0,3}[,;~!_x:|&*+/-]\s{0,3}['"]?|[ \t]{1,3})"""
_LIST = re.compile(rf"(?<![\w.])\d{{1,8}}(?:{_BETWEEN}\d{{1,8}}){{15,262144}}+(?![\w.])")
_SHORT = re.compile(
    r"(?i)(?:fromcharcode|fromcodepoint|\[char\[\]\])\s?\(?\s?\(?((?:0x[0-9a-f]{1,4}|\d{1,5})(?:\s{0,3},\s{0,3}(?:0x[0-9a-f]{1,4}|\d{1,5})){2,})"
)
_NUMBER = re.compile(r"(?i)0x[0-9a-f]+|\d+")
_PLAIN = re.compile(r"\d{1,3}(?:\s{0,3}[,;~!_x:|&-]\s{0,3}\d{1,3})*")
_WORDS = re.compile(
    r"(?i)https?://|powershell|createobject|wscript|activexobject|invoke-|\biex\b|downloadstring|cmd\.exe|cmd /c|/bin/(?:ba)?sh"
    r"|\bcurl |\bwget |\beval\(|import os|socket|base64|<script|function ?\(|system\("
)
_SHOWING = (
    *("http", "powershell", "CreateObject", "createobject", "WScript", "Invoke-"),
    *("ActiveXObject", "cmd /c", "cmd.exe", "function", "import "),
)
"""words of which one must be there for a number to be found that was added to all codes"""
_LARGEST = 99_999
CLUES = (
    rf"{DIGIT}(?:{BLANK}{{0,3}}[,;~!_x:|&-]{BLANK}{{0,3}}{DIGIT}{{1,3}}){{3}}",
    rf"""{DIGIT}(?:(?:['"]?{BLANK}{{0,3}}[,;~!_x:|&*+/-]{BLANK}{{0,3}}['"]?|[ \t]{{1,3}}){DIGIT}{{1,8}}){{15}}""",
    r"(?i)fromcharcode|fromcodepoint|\[char\[\]\]",
)


def extract(text: str) -> Iterator[Decoded]:
    """Yield what lists of codes are as text or bytes."""
    for match in _SHORT.finditer(text):
        codes = [int(n, 16) if n[:2] in ("0x", "0X") else int(n) for n in _NUMBER.findall(match[1])]
        if all(code < 0xD800 for code in codes):
            yield Decoded("character codes", "".join(map(chr, codes)))
    for match in _LIST.finditer(text):
        digits = re.findall(r"\d+", match[0])
        codes = [int(n) for n in digits]
        if max(codes) < 256 and len(set(codes)) > 4 and _PLAIN.fullmatch(match[0]) and (found := decoded("character codes", bytes(codes))):
            yield found
            if not found.unsure:
                continue
        if shown := _shown(digits, codes):
            yield shown


def _shown(digits: list[str], codes: list[int]) -> Decoded | None:
    """Return the text that codes of another form give; None where it has no word of programs."""
    forms: list[tuple[str, list[int]]] = [("character codes", codes)]
    if all(set(n) <= {"0", "1"} for n in digits):
        forms.append(("binary codes", [int(n, 2) for n in digits]))
    elif all(len(n) <= 3 and not set(n) & {"8", "9"} for n in digits):
        forms.append(("octal codes", [int(n, 8) for n in digits]))
    if max(codes) <= _LARGEST:
        if (factor := math.gcd(*codes)) > 1:
            forms.append((f"character codes times {factor}", [code // factor for code in codes]))
        if (more := _added(codes)) is not None:
            forms.append((f"character codes {'plus' if more >= 0 else 'minus'} {abs(more)}", [code - more for code in codes]))
    for how, plain in forms:
        if max(plain) < 0xD800 and min(plain) >= 0:
            text = "".join(map(chr, plain))
            if readable(text) and _WORDS.search(text):
                return Decoded(how, text)
    return None


def _added(codes: list[int]) -> int | None:
    """Return the number that was added to each code of a text with one of the words: their differences are those of the word."""
    steps = "".join(chr(0x10000 + b - a) for a, b in pairwise(codes) if abs(b - a) < 0x8000)
    if len(steps) != len(codes) - 1:
        return None
    for word in _SHOWING:
        at = steps.find("".join(chr(0x10000 + ord(b) - ord(a)) for a, b in pairwise(word)))
        if at >= 0 and codes[at] != ord(word[0]):
            return codes[at] - ord(word[0])
    return None
