"""Chains of PHP functions around a literal: `eval(gzinflate(base64_decode(str_rot13('…'))))`.

Source: the PHP manual, string and zlib functions.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from commodore.readers.layers.clues import BLANK
from commodore.readers.layers.extracting.compressed import inflated
from commodore.readers.layers.model import Decoded
from commodore.readers.layers.texts import decoded


def _base64(data: bytes) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


def _rot13(data: bytes) -> bytes:
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


def _unhex(data: bytes) -> bytes:
    return bytes.fromhex(data.decode("latin-1"))


FUNCTIONS: dict[str, Callable[[bytes], bytes]] = {
    "base64_decode": _base64,
    "gzinflate": lambda data: inflated(data, -15),
    "gzuncompress": lambda data: inflated(data, 15),
    "gzdecode": lambda data: inflated(data, 31),
    "str_rot13": _rot13,
    "strrev": lambda data: data[::-1],
    "hex2bin": _unhex,
    "urldecode": lambda data: unquote_to_bytes(data.replace(b"+", b" ")),
    "rawurldecode": unquote_to_bytes,
    "stripslashes": lambda data: data.replace(b"\\", b""),
    "trim": bytes.strip,
}
_NAMES = "|".join(FUNCTIONS)
_CHAIN = re.compile(rf"(?i)((?:@?\b(?:{_NAMES})\s{{0,4}}\(\s{{0,4}}){{1,60}})(?:'([^']{{4,}})'|\"([^\"]{{4,}})\")")
_ONE = re.compile(rf"(?i)\b(?:{_NAMES})\b")
CLUES = (rf"""(?i)(?:{_NAMES}){BLANK}{{0,4}}\({BLANK}{{0,4}}(?:['"]|@?(?:{_NAMES}))""",)


def extract(text: str) -> Iterator[Decoded]:
    """Yield what chains of these functions give for their literal."""
    if not _ONE.search(text):
        return
    for match in _CHAIN.finditer(text):
        names = [name.lower() for name in _ONE.findall(match[1])]
        data = (match[2] or match[3]).encode("latin-1", "replace")
        try:
            for name in reversed(names):
                data = FUNCTIONS[name](data)
        except ValueError:
            continue
        if found := decoded(", ".join(reversed(names)), data, sure=True):
            yield found
