"""xz, and LZMA alone with the usual settings. Source: the .xz and .lzma file formats, tukaani.org. The memory of the decoder is bounded."""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterator
from typing import BinaryIO

from commodore.readers.archives.formats._stream import single
from commodore.readers.archives.model import Budget, Entry

NAME = "xz"
MAGIC = ((0, b"\xfd7zXZ\0"), *((0, b"]\0\0" + size) for size in (b"\x80\0", b"\0\x01", b"\x10\0", b"\x04\0")))
_MEMORY = 96 << 20


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:
    """Yield the file inside."""

    def opened() -> BinaryIO:
        engine = lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=_MEMORY)
        made, most = bytearray(), budget.left() + 1
        while not engine.eof and len(made) < most:
            piece = stream.read(1 << 20) if engine.needs_input else b""
            if engine.needs_input and not piece:
                break
            made += engine.decompress(piece, most - len(made))
        return io.BytesIO(bytes(made))

    yield single(name, (".xz", ".lzma"), budget, opened)
