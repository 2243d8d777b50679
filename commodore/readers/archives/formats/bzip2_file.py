"""bzip2."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from typing import BinaryIO, cast

from commodore.readers.archives.formats._stream import single
from commodore.readers.archives.model import Budget, Entry

NAME = "bzip2"
MAGIC = tuple((0, b"BZh" + bytes([digit]) + b"1AY&SY") for digit in b"123456789")


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:
    """Yield the file inside."""
    yield single(name, (".bz2",), budget, lambda: cast(BinaryIO, bz2.BZ2File(stream)))
