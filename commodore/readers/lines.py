"""Text evidence as lines: bounded in memory, lossless, decompressed as it streams by. Shared by the artefacts that read text files.

A line ends at a line feed and nowhere else: carriage returns, form feeds and Unicode separators stay inside it, as they do for the
program that wrote or reads the file. Compressed logs (gzip, xz, bzip2, zstd) are known by their first bytes.

What the programs that read the files on the host do with marks of transport; each artefact does the same:

    systemd          CR, LF, NUL and different ones in a row end a line; a BOM at the beginning is skipped (conf-parser.c, fileio.c)
    cron, cronie     only LF ends a line; an entry at the end of the file without one is refused (entry.c); CR is part of the command
    sshd             only LF ends a line, the last may lack it; CR behind a key is blank to its base64 reader; a BOM spoils the first line
    ld.so            LF, blank, tab and colon part the names; CR and a BOM are part of a name, so that such a library is not found
    log files        nothing reads them back: a BOM, CR at the end and NUL padding come from transport or a crash and are removed
"""

from __future__ import annotations

import base64
import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Protocol

import zstandard

from commodore.artefact import Problem, Record
from commodore.evidence import Evidence
from commodore.fence import fenced
from scout.formats.textlines import BOM, WHOLE, Line, decode, split, unmarked

__all__ = [
    "BOM",
    "WHOLE",
    "Line",
    "beginnings",
    "decode",
    "each",
    "fields",
    "lines",
    "locator",
    "pieces",
    "plain_lines",
    "shortened",
    "shown",
    "text",
    "unended",
    "unmarked",
    "unread",
]
PIECE = 1 << 18
UNPACKED = 4 << 30
"""bytes that a compressed log may grow to"""

_HIDING = re.compile(rb"[\x00\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!$)")


def lines(evidence: Evidence, limit: int = WHOLE, *, packed: bool = False) -> Iterator[Line | Problem]:
    """Yield all lines of a file, the last one with or without a line feed. Of a line above `limit` bytes, only the beginning is given.

    `packed`: the file may be compressed, and offsets are those of the unpacked text.
    """
    return split(pieces(evidence, packed=packed), limit)


def plain_lines(evidence: Evidence) -> Iterator[Line]:
    """Yield all lines of a file that is read as it is, also where it looks compressed."""
    return split(_as_they_are(evidence))


def _as_they_are(evidence: Evidence) -> Iterator[bytes]:
    with evidence.open() as stream:
        while piece := stream.read(PIECE):
            yield piece


def unread(evidence: Evidence) -> Iterator[Problem]:
    """Yield a note on a file in a form that hides its lines from the programs of the host: what stands in it is not told as running."""
    with evidence.open() as stream:
        head = stream.read(4096)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield Problem("the file is UTF-16: programs of Linux find no line in it that they know")
    elif head.count(b"\r") > 1 and b"\n" not in head:
        yield Problem("the lines end with carriage returns alone: programs of Linux read them as one line")


def each(
    evidence: Evidence, read: Callable[[Line], Iterable[Record | Problem]], limit: int = WHOLE, *, packed: bool = False
) -> Iterator[Record | Problem]:
    """Yield what `read` yields for each line. A line at which it raises is a problem; the lines behind it are read."""
    if not packed:
        yield from unread(evidence)
    yield from fenced(lines(evidence, limit, packed=packed), locator, read)


def locator(line: Line) -> str:
    """Return the locator of a line."""
    return f"line {line.number}"


def fields(line: Line) -> dict[str, Any]:
    r"""`escadre.line` and its companions: from them the bytes of the line can be had back.

    UTF-8 text is returned unchanged; then `escadre.line.encode()` is the line. Otherwise each byte that is not UTF-8 reads `\xNN`,
    and `escadre.line_bytes` holds the line in base64. A line that was too long is marked by `escadre.line_length`.
    """
    out: dict[str, Any] = {"escadre.line_number": line.number}
    try:
        out["escadre.line"] = line.raw.decode()
    except UnicodeDecodeError:
        out["escadre.line"] = line.raw.decode("utf-8", "backslashreplace")
        out["escadre.line_bytes"] = base64.b64encode(line.raw).decode()
    if line.cut:
        out["escadre.line_length"] = line.length
    if _HIDING.search(line.raw):
        out["escadre.line_hidden"] = True
    return out


def shown(value: Any) -> Any:
    r"""Return a value made from `decode`d text, also lists and mappings, with each byte that is not UTF-8 as `\xNN`."""
    if isinstance(value, str):
        return value if value.isascii() else _shown(value)
    if isinstance(value, dict):
        return {shown(k): shown(v) for k, v in value.items()}
    return [shown(v) for v in value] if isinstance(value, list) else value


def _shown(value: str) -> str:
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that no byte made: it came from a name of another system
        return value.encode("utf-8", "backslashreplace").decode()


def beginnings(evidence: Evidence, limit: int = 1 << 16) -> Iterator[bytes]:
    """Yield the first `limit` bytes of each line, independently of `lines`, for counts that must not come from the parser."""
    start = True
    with evidence.open() as stream:
        while piece := stream.readline(limit):
            if start:
                yield piece
            start = piece.endswith(b"\n")


def shortened(line: Line) -> Iterator[Problem]:
    """Yield a problem for a line that was longer than the limit."""
    if line.cut:
        yield Problem(f"line of {line.length:,} bytes was read only to {len(line.raw):,}", f"line {line.number}")


def unended(line: Line) -> Iterator[Problem]:
    """Yield a problem for a last line without a line feed, in a file whose program ends every line with one: the file is cut there."""
    if not line.ended:
        yield Problem("the last line has no end: the file is cut, and so may be what was read of the line", locator(line))


def text(raw: bytes) -> str:
    r"""Return the bytes of a text file as text: UTF-8, each other byte as `\xNN`."""
    return raw.decode("utf-8", "backslashreplace")


class _Unpacker(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...
    def whole(self) -> bool: ...


def pieces(evidence: Evidence, *, packed: bool = False) -> Iterator[bytes | Problem]:
    """Yield the content in pieces of bounded size; `packed`: unpacked where the first bytes say that it is compressed."""
    with evidence.open() as stream:
        head = stream.read(6)
        unpacker = _unpacker(head) if packed else None
        if unpacker is None:
            if head:
                yield head
            while piece := stream.read(PIECE):
                yield piece
            return
        yield from _unpacked(unpacker, head, stream)


def most_bytes(evidence: Evidence) -> int:
    """Return how many bytes a file can hold: its own, or those of a log that it holds compressed."""
    with evidence.open() as stream:
        return UNPACKED if _unpacker(stream.read(6)) else evidence.length


def _unpacked(packed: _Unpacker, head: bytes, stream: BinaryIO) -> Iterator[bytes | Problem]:
    total, data = 0, head
    while data:
        try:
            for piece in packed.feed(data):
                total += len(piece)
                if total > UNPACKED:
                    yield Problem(f"compressed log grows beyond {UNPACKED >> 30} GiB; the rest was not read", f"unpacked offset {total}")
                    return
                yield piece
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, zstandard.ZstdError) as e:
            yield Problem(f"compressed log is damaged: {e}", f"offset {max(stream.tell() - len(data), 0)}")
            return
        data = stream.read(PIECE)
    if not packed.whole():
        yield Problem("compressed log is cut: its end is missing", f"unpacked offset {total}")


def _unpacker(head: bytes) -> _Unpacker | None:
    if head[:3] == b"\x1f\x8b\x08":
        return _Deflated()
    if head[:6] == b"\xfd7zXZ\x00":
        return _Stepwise(lambda: lzma.LZMADecompressor(memlimit=128 << 20))
    if head[:3] == b"BZh":
        return _Stepwise(bz2.BZ2Decompressor)
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return _Zstd()
    return None


class _Deflated:
    """gzip, several members in a row."""

    def __init__(self) -> None:
        self._inner, self._fed = zlib.decompressobj(31), False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:
                if not data.startswith(b"\x1f"):  # padding behind the last member
                    return
                self._inner, self._fed = zlib.decompressobj(31), False
            self._fed = True
            yield self._inner.decompress(data, PIECE)
            data = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail

    def whole(self) -> bool:
        return self._inner.eof or not self._fed


class _Stepwise:
    """xz and bzip2: decompressors that buffer their input and return bounded pieces."""

    def __init__(self, make: Any) -> None:
        self._make, self._inner = make, make()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self._inner.needs_input:
            if self._inner.eof:
                data = self._inner.unused_data or data
                if not data.strip(b"\0"):
                    return
                self._inner = self._make()
            yield self._inner.decompress(data, PIECE)
            data = self._inner.unused_data if self._inner.eof else b""
            if self._inner.eof and not data:
                return

    def whole(self) -> bool:
        return bool(self._inner.eof)


class _Zstd:
    """zstd: input in small steps, so that one step cannot grow without bound."""

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=128 << 20).decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for i in range(0, len(data), 4096):
            if self._inner.eof:
                rest = self._inner.unused_data
                self._inner = zstandard.ZstdDecompressor(max_window_size=128 << 20).decompressobj()
                if rest:
                    yield self._inner.decompress(rest)
            yield self._inner.decompress(data[i : i + 4096])

    def whole(self) -> bool:
        return bool(self._inner.eof)
