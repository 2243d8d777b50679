r"""Bytes in hexadecimal: `4d5a90…`, `4D-5A-90`, `\x4d\x5a`, `0x4d,0x5a` of 16 bytes or more, where they are text or a known file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.model import Decoded
from commodore.readers.layers.texts import decoded

_PLAIN = re.compile(r"((?:[0-9A-Fa-f]{2}){16,})(?![0-9A-Za-z])")
_SPACED = re.compile(r"(?:[0-9A-Fa-f]{2}[-, :]\s{0,2}){15,}[0-9A-Fa-f]{2}(?![0-9A-Za-z])")
_PREFIXED = re.compile(r"(?i)(?:0x|&h)[0-9a-f]{2}(?:[, ]\s{0,2}(?:0x|&h)[0-9a-f]{2}){15,}(?![0-9a-z])")
_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}){16,}")
_NOT_HEX = re.compile(r"(?i)\\x|0x|&h|[^0-9a-f]")
CLUES = (
    *("[0-9A-Fa-f]{32}", rf"(?:[0-9A-Fa-f]{{2}}[-, :]{BLANK}{{0,2}}){{3}}"),
    *("(?i)(?:0x|&h)[0-9a-f]{2}[, ]", r"(?:\\x[0-9A-Fa-f]{2}){16}"),
)


_GUARDS = (((" ", ""), _PLAIN), (("-", ",", " ", ":"), _SPACED), (("0x", "&h"), _PREFIXED), (("\\x",), _ESCAPED))
"""texts of which one must occur for a pattern to be tried"""


def extract(text: str) -> Iterator[Decoded]:
    """Yield what hexadecimal values decode to."""
    low = text.lower()
    for pattern in (p for words, p in _GUARDS if any(word in low for word in words)):
        for match in pattern.finditer(text):
            value = _NOT_HEX.sub("", match[1] if pattern is _PLAIN else match[0])
            found = decoded("hexadecimal", bytes.fromhex(value[: len(value) & ~1]))
            if found and not (found.unsure and pattern is _PLAIN and len(value) < 256):  # hashes are hexadecimal too
                yield found
