"""Zstandard. Source: RFC 8878. The window of the decoder is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

import zstandard

from commodore.readers.archives.formats._stream import single
from commodore.readers.archives.model import Budget, Entry

NAME = "zstd"
MAGIC = ((0, b"\x28\xb5\x2f\xfd"),)
_WINDOW = 64 << 20


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:
    """Yield the file inside."""
    engine = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    yield single(
        name, (".zst", ".zstd"), budget, lambda: cast(BinaryIO, engine.stream_reader(stream, read_across_frames=True, closefd=False))
    )
