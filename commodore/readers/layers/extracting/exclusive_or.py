"""Data under XOR with a key of one byte, or of two to four bytes where a known beginning or word shows the key."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from commodore.readers.layers.model import LONGEST, Decoded
from commodore.readers.layers.texts import as_bytes, is_file, readable

_HEAD = 1024
_USUAL = (string.ascii_letters + string.digits + " \n").encode()
_MOSTLY = 0.72
"""part of letters, digits and spaces from which on a text is no encrypted one"""
_LEAST = 24
_SHOWING = (
    *(b"this program cannot", b"cmd.exe", b"/bin/sh", b"/bin/bash", b"wscript", b"createobject", b"import ", b"eval(", b"http://"),
    *(b"https://", b"powershell", b"function ", b"invoke-", b"new-object", b"<?php", b"#!/"),
)
"""words of programs in lower case, one of which the plain data must have"""
_WORDS = re.compile(b"(?i)" + b"|".join(map(re.escape, _SHOWING)))
_STUB = b"This program"
_NO_CAPITALS = bytes(byte & 0xDF for byte in range(256))
CRIBS = (
    b"https://",
    b"http://",
    b"powershell",
    b"This program ",
    b"<?php ",
    b"#!/bin/",
    b"function ",
    b"New-Object ",
    b"CreateObject(",
    b"import ",
)


def extract(text: str) -> Iterator[Decoded]:
    """Yield the plain data where a key gives readable text with a word of programs, or a file; nothing for a text."""
    if len(text) < _LEAST or is_file(text) or _is_text(text[:512]):
        return
    data = as_bytes(text[:LONGEST])
    if data is None:
        return
    head = data[:_HEAD]
    for key in _keys(head):
        if _plain(applied(head, key)):
            yield Decoded(f"xor {key.hex()}", applied(data, key).decode("latin-1"))
            return


def _is_text(head: str) -> bool:
    return len(head.encode("latin-1", "replace").translate(None, _USUAL)) < (1 - _MOSTLY) * len(head)


def applied(data: bytes, key: bytes) -> bytes:
    """Return data under XOR with a repeated key."""
    size = len(data)
    mask = (key * (size // max(len(key), 1) + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


def _plain(data: bytes) -> bool:
    head = data[:_HEAD]
    if head[:2] == b"MZ" and _STUB in head:
        return True
    return readable(head.decode("latin-1")) and _WORDS.search(head) is not None


def _keys(head: bytes) -> Iterator[bytes]:
    """Yield keys: all single bytes where one of them may show a word, then those of two to four bytes for which a known word occurs."""
    steps = _steps(head)
    if any(word in steps for word in _SHOWING_STEPS):
        for key in range(1, 256):
            yield bytes([key])
    for length in (2, 3, 4):
        for crib in CRIBS:
            yield from _of_crib(head, crib, length)


def _steps(data: bytes) -> bytes:
    """Return how each byte differs from the one before, but for the bit that tells capitals. Under a key of one byte it stays the same."""
    return applied(data[1:], data[:-1]).translate(_NO_CAPITALS)


def _of_crib(head: bytes, crib: bytes, length: int) -> Iterator[bytes]:
    """Yield the keys under which a word occurs. Bytes `length` apart have the same key: their difference is that of the plain text."""
    apart, wanted = applied(head[length:], head[:-length]), applied(crib[length:], crib[:-length])
    at = apart.find(wanted)
    while at >= 0:
        stream, turn = applied(head[at : at + len(crib)], crib), -at % length
        yield (stream[:length] * 2)[turn : turn + length]
        at = apart.find(wanted, at + 1)


_SHOWING_STEPS = tuple(map(_steps, (*_SHOWING, _STUB)))
