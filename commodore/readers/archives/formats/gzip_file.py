"""gzip. Source: RFC 1952."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, cast

from commodore.readers.archives.formats._stream import single
from commodore.readers.archives.model import Budget, Entry

NAME = "gzip"
MAGIC = ((0, b"\x1f\x8b\x08"),)
_NAMED, _EXTRA = 8, 4


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:
    """Yield the file inside, with the name and the time of the header."""
    head = stream.read(4096)
    stream.seek(0)
    inner = ""
    if len(head) > 10 and head[3] & _NAMED and not head[3] & _EXTRA:
        inner = head[10:].split(b"\0", 1)[0].decode("latin-1").replace("\\", "/").rpartition("/")[2]
    entry = single(name, (".gz", ".z"), budget, lambda: cast(BinaryIO, gzip.GzipFile(fileobj=stream)), inner)
    if len(head) >= 8 and (seconds := struct.unpack_from("<I", head, 4)[0]):
        entry.modified = datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    yield entry
