"""Compressed data: gzip, zlib and raw deflate, bounded by ratio and size. Sources: RFC 1950, 1951, 1952."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from commodore.readers.layers.model import LONGEST, RATIO, Decoded
from commodore.readers.layers.texts import as_bytes, decoded, readable

_LEAST = 12


def extract(text: str) -> Iterator[Decoded]:
    """Yield what the data is when inflated; nothing for a text."""
    if len(text) < _LEAST or readable(text[:512]):
        return
    data = as_bytes(text)
    if data is None:
        return
    for how, window in (("gzip", 31), ("zlib", 15), ("deflate", -15)):
        made = inflated(data, window)
        if made and (found := decoded(how, made, sure=True)) and not (found.unsure and window < 0):
            yield found
            return


def inflated(data: bytes, window: int) -> bytes:
    """Return the inflated data, at most `LONGEST` + 1 bytes and `RATIO` times the input; b"" where it is not compressed this way."""
    engine = zlib.decompressobj(window)
    most = min(LONGEST + 1, len(data) * RATIO)
    try:
        made = engine.decompress(data, most)
    except zlib.error:
        return b""
    return made if engine.eof or len(made) >= most or (window > 0 and len(made) > _LEAST) else b""
