"""Bounded access to the bytes of a hostile file: nothing raises for an offset that is not there."""

from __future__ import annotations

import struct
from typing import Any

_STRUCTS: dict[str, struct.Struct] = {}


class UnreadableProgramError(ValueError):
    """The bytes are no program of this format; the text says why."""


def unpack(data: bytes, at: int, layout: str) -> tuple[Any, ...] | None:
    """Return the values of a `struct` layout at an offset; None where they are not all there."""
    form = _STRUCTS.get(layout)
    if form is None:
        form = _STRUCTS.setdefault(layout, struct.Struct(layout))
    if at < 0 or at + form.size > len(data):
        return None
    return form.unpack_from(data, at)


def number(data: bytes, at: int, layout: str = "<I") -> int:
    """Return one number at an offset, 0 where it is not there."""
    found = unpack(data, at, layout)
    return int(found[0]) if found else 0


def string(data: bytes, at: int, most: int = 512) -> str:
    """Return the text at an offset up to a NUL, at most `most` bytes; bytes that are not UTF-8 as escapes."""
    if not 0 <= at < len(data):
        return ""
    piece = data[at : at + most]
    return printable(piece.partition(b"\0")[0])


def printable(raw: bytes) -> str:
    """Return bytes as text, those that are no UTF-8 and control characters as escapes."""
    text = raw.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
