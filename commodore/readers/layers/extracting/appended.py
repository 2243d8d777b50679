"""Compressed data behind the text of a script that unpacks its own end: `tail -n+4 $0 | gzip -d`."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.readers.layers.model import Decoded

_BEGINNINGS = ("\x1f\x8b\x08", "BZh91AY&SY", "\xfd7zXZ\x00")
CLUES = (r"\n(?:\x{1f}\x{8b}\x08|BZh91AY&SY|\x{fd}7zXZ)",)


def extract(text: str) -> Iterator[Decoded]:
    """Yield the data from its first line on. Such a text has one character per byte."""
    found = [at for beginning in _BEGINNINGS if (at := text.find(f"\n{beginning}")) >= 0]
    if found:
        yield Decoded("behind the script", text[min(found) + 1 :], unsure=True)
