"""Compressed data: gzip, zlib, raw deflate, bzip2, xz and LZMA, bounded by ratio and size. Sources: RFC 1950, 1951, 1952."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from commodore.readers.layers.model import LONGEST, RATIO, Decoded
from commodore.readers.layers.texts import as_bytes, decoded, readable

_LEAST = 12
_MEMORY = 64 << 20
"""bytes that a decoder of LZMA may take"""
_OTHERS: tuple[tuple[str, bytes, Callable[[], Any]], ...] = (
    ("bzip2", b"BZh", bz2.BZ2Decompressor),
    ("xz", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(memlimit=_MEMORY)),
    ("lzma", b"\x5d\0\0", lambda: lzma.LZMADecompressor(memlimit=_MEMORY)),
)


def extract(text: str) -> Iterator[Decoded]:
    """Yield what the data is when inflated; nothing for a text."""
    if len(text) < _LEAST or readable(text[:512]):
        return
    data = as_bytes(text)
    if data is None:
        return
    for how, magic, engine in _OTHERS:
        if data.startswith(magic) and (made := _opened(data, engine())) and (found := decoded(how, made, sure=True)):
            yield found
            return
    for how, window in (("gzip", 31), ("zlib", 15), ("deflate", -15)):
        made = inflated(data, window)
        if made and (found := decoded(how, made, sure=True)) and not (found.unsure and window < 0):
            yield found
            return


def _opened(data: bytes, engine: Any) -> bytes:
    try:
        return bytes(engine.decompress(data, min(LONGEST + 1, len(data) * RATIO)))
    except (OSError, ValueError, EOFError, lzma.LZMAError):
        return b""


def inflated(data: bytes, window: int) -> bytes:
    """Return the inflated data, at most `LONGEST` + 1 bytes and `RATIO` times the input; b"" where it is not compressed this way."""
    engine = zlib.decompressobj(window)
    most = min(LONGEST + 1, len(data) * RATIO)
    try:
        made = engine.decompress(data, most)
    except zlib.error:
        return b""
    return made if engine.eof or len(made) >= most or (window > 0 and len(made) > _LEAST) else b""
