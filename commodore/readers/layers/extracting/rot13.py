"""Literals under ROT13: all of a text that names it (`str_rot13`, `'rot13'`, `tr A-Za-z N-ZA-Mn-za-m`), else those with a word under it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from commodore.readers.layers.model import Decoded
from commodore.readers.layers.rewriting._literals import ESCAPED
from commodore.readers.layers.texts import decoded

_LITERAL = re.compile(ESCAPED)
_SHORTEST = 12
_NAMED = re.compile(r"(?i)rot_?13|\btr\s+['\"]?(?:\[?a-z\]?)")
_HIDDEN = re.compile(r"(?i)uggcf?://|cbjrefuryy|perngrbowrpg|jfpevcg\.furyy|vaibxr-|onfr64_qrpbqr")
CLUES = (r"(?i)rot_?13|\btr\s+['\"]?\[?a-z", r"(?i)uggcf?://|cbjrefuryy|perngrbowrpg|jfpevcg\.furyy|vaibxr-|onfr64_qrpbqr")


def extract(text: str) -> Iterator[Decoded]:
    """Yield the literals in plain."""
    named = _NAMED.search(text) is not None
    for match in _LITERAL.finditer(text):
        value = match[0][1:-1]
        if len(value) < _SHORTEST or not (named or _HIDDEN.search(value)):
            continue
        plain = codecs.encode(value.replace("\\n", "\n"), "rot13")
        if found := decoded("rot13", plain.encode("utf-8", "surrogatepass")):
            yield found
