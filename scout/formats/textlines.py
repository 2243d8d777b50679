"""Split text files into lines as the programs of the host do: a line ends at a line feed and nowhere else, and no byte is lost.

`commodore/readers/lines.py` says what the programs that read such files do with marks of transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")
BOM = b"\xef\xbb\xbf"
WHOLE = 1 << 20
"""bytes of a line that are returned by default"""
UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""byte order marks of UTF-16"""


class Line(NamedTuple):
    """One line: `raw` without its line feed, number from 1, offset in the (unpacked) file, and its full length in bytes."""

    number: int
    offset: int
    raw: bytes
    length: int
    ended: bool = True
    """False for a last line without line feed"""

    @property
    def cut(self) -> bool:
        """Return whether `raw` is only the beginning."""
        return self.length > len(self.raw)


def split(pieces: Iterable[bytes | T], limit: int = WHOLE) -> Iterator[Line | T]:
    """Yield all lines of a text that comes in pieces, the last one with or without a line feed. What is no piece of text is passed on.

    Of a line above `limit` bytes, only the beginning is given.
    """
    number, offset, kept, length = 0, 0, b"", 0
    for piece in pieces:
        if not isinstance(piece, bytes):
            yield piece
            continue
        first, *rest = piece.split(b"\n")
        if not rest:
            kept, length = (kept + first)[:limit], length + len(first)
            continue
        number += 1
        yield Line(number, offset, (kept + first)[:limit] if kept or len(first) > limit else first, length + len(first))
        offset += length + len(first) + 1
        for raw in rest[:-1]:
            number += 1
            yield Line(number, offset, raw[:limit], len(raw))
            offset += len(raw) + 1
        kept, length = rest[-1][:limit], len(rest[-1])
    if length:
        yield Line(number + 1, offset, kept, length, ended=False)


def lines_of(data: bytes) -> Iterator[Line]:
    """Yield the lines of a text in memory; those of UTF-16 as UTF-8, without offsets."""
    if not data.startswith(UTF16):
        yield from split((data,))
        return
    for number, text in enumerate(data.decode("utf-16", "replace").split("\n"), 1):
        encoded = text.encode("utf-8", "replace")
        yield Line(number, 0, encoded, len(encoded))


def unmarked(line: Line) -> Line:
    """Return the line without the byte order mark of UTF-8 that the first line of a file may have."""
    return line._replace(raw=line.raw.removeprefix(BOM)) if line.number == 1 else line


def decode(raw: bytes) -> str:
    """Text to take apart: a byte that is not UTF-8 is a lone surrogate, so that no escape looks like syntax."""
    return raw.decode("utf-8", "surrogateescape")
