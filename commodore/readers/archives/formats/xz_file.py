"""xz. Source: the .xz file format, tukaani.org. The memory of the decoder is bounded."""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterator
from typing import BinaryIO

from commodore.readers.archives.formats._stream import single
from commodore.readers.archives.model import Budget, Entry

NAME = "xz"
MAGIC = ((0, b"\xfd7zXZ\0"),)
_MEMORY = 96 << 20


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:
    """Yield the file inside."""

    def opened() -> BinaryIO:
        engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        made, most = bytearray(), budget.left() + 1
        while not engine.eof and len(made) < most:
            piece = stream.read(1 << 20) if engine.needs_input else b""
            if engine.needs_input and not piece:
                break
            made += engine.decompress(piece, most - len(made))
        return io.BytesIO(bytes(made))

    yield single(name, (".xz",), budget, opened)
