"""Base64, also with line ends, of UTF-16 text (`powershell -enc`), and written from its end. Source: RFC 4648, sections 4 and 5."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.model import Decoded
from commodore.readers.layers.texts import PACKED, decoded

_WRAPPED = r"(?:[A-Za-z0-9+/]{40,}[ \t]{0,4}\r?\n[ \t]{0,8}){1,}[A-Za-z0-9+/]{4,}={0,2}"
_VALUE = re.compile(
    rf"(?<![A-Za-z0-9+/_-])(?:{_WRAPPED}|={{0,2}}[A-Za-z0-9+/]{{20,}}={{0,2}}|[A-Za-z0-9_-]{{32,}}={{0,2}})(?![A-Za-z0-9+/_-])"
)
_ASKED = (
    ("base64", re.compile(r"""(?i)base64(?:string|_decode)?\s{0,4}\(\s{0,4}["'b]{0,2}([A-Za-z0-9+/]{8,}={0,2})""")),
    ("b64decode", re.compile(r"""(?i)b64decode\s{0,4}\(\s{0,4}["'b]{0,2}([A-Za-z0-9+/]{8,}={0,2})""")),
    ("atob", re.compile(r"""(?i)atob\s{0,4}\(\s{0,4}["']{0,2}([A-Za-z0-9+/]{8,}={0,2})""")),
    ("base64", re.compile(r"""(?i)echo\s+(?:-n\s+)?["']?([A-Za-z0-9+/]{8,}={0,2})""")),
    ("-e", re.compile(r"""(?i)[\s\x00]-e[ncodedmam]{0,14}\s+["']?([A-Za-z0-9+/]{8,}={0,2})""")),
    ("/e", re.compile(r"""(?i)\s/e[ncodedmam]{0,14}\s+["']?([A-Za-z0-9+/]{8,}={0,2})""")),
)
"""text without which a pattern is not tried, and calls and options that decode their argument"""
CLUES = (*("(?i)[A-Z0-9+/_-]{20}", "(?i)base64|b64decode|atob|echo"), rf"""(?i)(?:{BLANK}|\x00)[-/]e[a-z]*{BLANK}+["']?[A-Z0-9+/]{{8}}""")


def extract(text: str) -> Iterator[Decoded]:
    """Yield what base64 values decode to. Those that a script decodes itself may be short or hold data of no known kind."""
    low = text.lower()
    sure = dict.fromkeys(match[1] for word, pattern in _ASKED if word in low for match in pattern.finditer(text))
    for value in sure:
        if (data := _bytes(value)) and (found := decoded("base64", data, sure=True)):
            yield found
    for match in _VALUE.finditer(text):
        if match[0] in sure or not _mixed(match[0]):
            continue
        found = decoded("base64", data) if (data := _bytes(match[0])) else None
        if (found is None or found.unsure) and (data := _bytes(match[0].lstrip("=")[::-1])):
            turned = decoded("reversed base64", data)
            found = turned if turned and (not turned.unsure or data.startswith(PACKED)) else found
        if found:
            yield found


def _mixed(value: str) -> bool:
    """Return whether a value may be base64: neither hexadecimal nor a word."""
    head = value.lstrip("=")[:256]
    return not head.isdigit() and any(c.isupper() for c in head) and any(c.islower() for c in head)


def _bytes(value: str) -> bytes:
    """Return the decoded bytes, b"" where it is no base64."""
    plain = re.sub(r"\s", "", value).translate(str.maketrans("-_", "+/")).rstrip("=")
    plain = plain[: len(plain) - 1] if len(plain) % 4 == 1 else plain
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""
