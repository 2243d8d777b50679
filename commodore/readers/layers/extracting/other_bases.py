"""Base32, base85 and uuencode where the script itself decodes them. Sources: RFC 4648 section 6; Python's `base64`; POSIX uuencode."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import partial

from commodore.readers.layers.model import Decoded
from commodore.readers.layers.texts import decoded

_BASE32 = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{16,262144}={0,6}(?![A-Za-z0-9=])")
_BASE85 = re.compile(
    r"""(?:(?P<kind>[ab])85decode|from_?(?:ascii)?85)\s?\(\s?b?(?:'(?P<a>[^'\n]{16,262144})'|"(?P<b>[^"\n]{16,262144})")"""
)
_UU = re.compile(r"(?m)(?:^|['\"{(])((?:M[\x20-\x60]{60}\r?\n)*[\x21-\x4c](?:[\x20-\x60]{4}){1,20}[ \t]*)(?=\r?\n|['\"})])")
CLUES = (r"(?i)b32decode|base32", r"(?i)[ab]85decode|from_?(?:ascii)?85", r"(?i)uudecode|\bunpack\b.{0,6}\bu\b|(?m)^begin [0-7]{3} ")


def extract(text: str) -> Iterator[Decoded]:
    """Yield what the values decode to."""
    low = text.lower()
    if "b32decode" in low or "base32" in low:
        for match in _BASE32.finditer(text):
            value = match[0].rstrip("=")
            yield from _made("base32", partial(base64.b32decode, value + "=" * (-len(value) % 8)))
    if "85" in low:
        for match in _BASE85.finditer(text):
            value, decode = (match["a"] or match["b"]).replace("\\\\", "\\"), base64.a85decode if match["kind"] == "a" else base64.b85decode
            yield from _made("base85", partial(decode, value))
    if "uudecode" in low or "unpack" in low or "\nbegin " in f"\n{low}":
        for match in _UU.finditer(text):
            lines = match[1].splitlines()
            yield from _made("uuencode", partial(_uu, lines))


def _uu(lines: list[str]) -> bytes:
    return b"".join(binascii.a2b_uu(line.rstrip("\t")) for line in lines)


def _made(how: str, decode: Callable[[], bytes]) -> Iterator[Decoded]:
    try:
        data = decode()
    except ValueError:  # binascii.Error is one
        return
    if found := decoded(how, data, sure=True):
        yield found
