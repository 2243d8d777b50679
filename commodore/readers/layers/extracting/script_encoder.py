"""Text of Microsoft's Script Encoder (`.vbe`, `.jse`): `#@~^` length `==` text checksum `==^#~@`.

Each character of the text is replaced by one of three alphabets, which follow each other in a fixed order of 64.
Source: the alphabets and the order are those of screnc.exe; `script_encoder.yaml` has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from commodore.readers.layers.model import Decoded
from scout.data import load_data

_BEGIN, _END = "#@~^", "==^#~@"
_HEAD, _SUM = 12, 6
"""characters of the marker with the length, and of the checksum"""
_MEANT = {"&": "\n", "#": "\r", "*": ">", "!": "<", "$": "@"}


@cache
def _alphabets() -> tuple[dict[str, str], ...]:
    known: dict[str, list[str]] = load_data(__package__, "script_encoder.yaml")
    plain = known["codes"]
    return tuple({code: bytes.fromhex(pair)[n : n + 1].decode("latin-1") for code, pair in _pairs(plain)} for n in range(3))


def _pairs(codes: list[str]) -> Iterator[tuple[str, str]]:
    for entry in codes:
        code, _, pair = entry.partition(" ")
        yield chr(int(code)), pair


@cache
def _order() -> str:
    known: dict[str, str] = load_data(__package__, "script_encoder.yaml")
    return known["order"]


def extract(text: str) -> Iterator[Decoded]:
    """Yield the decoded scripts."""
    end = 0
    while (start := text.find(_BEGIN, end)) >= 0 and (end := text.find(_END, start)) >= 0:
        yield Decoded("script encoder", plain(text[start + _HEAD : end - _SUM]))


def plain(encoded: str) -> str:
    """Return an encoded text in plain."""
    alphabets, order, made, place = _alphabets(), _order(), [], 0
    at = 0
    while at < len(encoded):
        char = encoded[at]
        at += 1
        if char == "@" and at < len(encoded) and encoded[at] in _MEANT:
            made.append(_MEANT[encoded[at]])
            at += 1
            place += 1
            continue
        made.append(alphabets[int(order[place % 64])].get(char, char))
        place += char < "\x80"
    return "".join(made)
