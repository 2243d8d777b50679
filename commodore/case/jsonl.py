"""JSON lines on disk, plain (`.jsonl`) or as zstd frames (`.jsonl.zst`): the one reader and the one writer for all packages.

A `.jsonl.zst` file is any number of zstd frames, one after the other; a line may span two of them. Memory is bounded: a block of
compressed bytes and one line are held at a time.

Source of the format: RFC 8878 (Zstandard), section 3: frames can be concatenated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

from scout.console import COULD_NOT, Complaint
from scout.formats.json_text import parsed as nested

MAX_LINE = 64 << 20
"""bytes; a longer line is refused, since no record has one"""
LEVEL = 2
"""zstd level of what is written. Records of the registry and of event logs are 3 to 7 % smaller than at 3, in two thirds of the time"""
FRAME = 4 << 20
"""bytes of lines that go into one frame"""
_BLOCK = 1 << 16
Search = Callable[[bytes, int, int], "tuple[int, int] | None"]
"""(block, start, end) → where the next piece of a wanted line begins and ends, None where there is none before `end`"""
_AGAIN = "Run `commodore process` again with the same inputs, into a new case if this does not help."


def matching(pattern: re.Pattern[bytes]) -> Search:
    """Return a search for the lines in which a pattern is found."""

    def search(block: bytes, start: int, end: int) -> tuple[int, int] | None:
        found = pattern.search(block, start, end)
        return found.span() if found else None

    return search


def having(field: str, values: Iterable[str]) -> Search:
    """Return a search for the lines whose `field`, a text, has one of the values. It is several times as fast as a pattern."""
    key = f'"{field}":"'.encode()
    wanted = frozenset(value.encode() for value in values)

    def search(block: bytes, start: int, end: int) -> tuple[int, int] | None:
        while (at := block.find(key, start, end)) >= 0:
            begin = at + len(key)
            start = block.find(b'"', begin, end)
            if start < 0:
                return None
            if block[begin:start] in wanted:
                return at, start
        return None

    return search


def naming(field: str) -> Search:
    """Return a search for the lines that have `field` with a text."""
    key = f'"{field}":"'.encode()

    def search(block: bytes, start: int, end: int) -> tuple[int, int] | None:
        at = block.find(key, start, end)
        return (at, at + len(key)) if at >= 0 else None

    return search


class AnyOf:
    """A search for the lines in which one of several searches finds something. What a search found ahead is kept, so each block is read
    once by each of them.
    """

    def __init__(self, *searches: Search) -> None:
        self._searches = searches
        self._block, self._ahead = b"", [(-1, -1)] * len(searches)

    def __call__(self, block: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Return the first piece that one of the searches finds."""
        if block is not self._block:
            self._block, self._ahead = block, [(-1, -1)] * len(self._searches)
        for number, search in enumerate(self._searches):
            if self._ahead[number][0] < start:
                self._ahead[number] = search(block, start, end) or (end, end)
        first = min(self._ahead)
        return first if first[0] < end else None


def lines(path: Path, search: Search | None = None) -> Iterator[bytes]:
    """Yield the lines of a file, without the newline and without empty ones.

    With `search`, yield only the lines in which it finds something: it runs over whole blocks, so the other lines cost little. Raises
    Complaint where the file cannot be read, is damaged, or ends within a frame.
    """
    rest: list[bytes] = []
    length = 0
    for chunk in _chunks(path):
        begin = chunk.find(b"\n") + 1
        if rest and begin:
            yield from _chosen(b"".join([*rest, chunk[:begin]]), 0, length + begin, search)
            rest, length = [], 0
        elif not rest:
            begin = 0
        end = chunk.rfind(b"\n") + 1
        if end:
            yield from _chosen(chunk, begin, end, search)
        rest.append(chunk[end:])
        length += len(chunk) - end
        if length > MAX_LINE:
            raise Complaint(f"{path} is damaged: a line is longer than {MAX_LINE >> 20} MiB.", _AGAIN, COULD_NOT)
    last = b"".join(rest)
    yield from _chosen(last, 0, len(last), search)


def objects(path: Path, search: Search | None = None) -> Iterator[dict[str, Any]]:
    """Yield the object of each line, as `lines` chooses them. Raises Complaint, also for a line that is no JSON object."""
    for line in lines(path, search):
        yield parsed(path, line)


def parsed(path: Path, line: bytes) -> dict[str, Any]:
    """Return the object on a line of `path`; an escaped lone surrogate is accepted, as Python's own reader does. Raises Complaint."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _lenient(path, line)
    if not isinstance(value, dict):
        raise Complaint(f"{path} is damaged: a line is no JSON object: {line[:60]!r}.", _AGAIN, COULD_NOT)
    return value


def _lenient(path: Path, line: bytes) -> Any:
    try:
        return nested(line)
    except ValueError as e:
        raise Complaint(f"{path} is damaged: a line is no JSON ({e}): {line[:60]!r}.", _AGAIN, COULD_NOT) from None


def frames(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Compress lines, each with its newline, into frames of about 4 MiB of lines. Yields at least one frame, so that no file is empty."""
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    held: list[bytes] = []
    weight, written = 0, False
    for row in rows:
        held.append(row)
        weight += len(row)
        if weight >= FRAME:
            yield compressor.compress(b"".join(held))
            held, weight, written = [], 0, True
    if held or not written:
        yield compressor.compress(b"".join(held))


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the content block by block, decompressed where the name says so."""
    try:
        with path.open("rb") as raw:
            yield from _unpacked(raw, path) if path.suffix == ".zst" else iter(lambda: raw.read(_BLOCK), b"")
    except PermissionError:
        raise Complaint(f"{path} may not be read by this user.", "Read the case as the user who made it.", COULD_NOT) from None
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", _AGAIN, COULD_NOT) from None
    except zstandard.ZstdError as e:
        raise Complaint(f"{path} is damaged: {e}.", _AGAIN, COULD_NOT) from None


def _unpacked(raw: Any, path: Path) -> Iterator[bytes]:
    make = zstandard.ZstdDecompressor()
    frame = None
    while block := raw.read(_BLOCK):
        while block:
            frame = frame or make.decompressobj()
            yield frame.decompress(block)
            block = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise Complaint(f"{path} is damaged: it ends within a zstd frame.", _AGAIN, COULD_NOT)


def _chosen(block: bytes, start: int, end: int, search: Search | None) -> Iterator[bytes]:
    """Yield the lines between two places of a block, at each of which a line begins."""
    if search is None:
        yield from filter(None, block[start:end].split(b"\n"))
        return
    while found := search(block, start, end):
        begin = max(block.rfind(b"\n", start, found[0]) + 1, start)
        start = block.find(b"\n", found[1], end)
        start = end if start < 0 else start
        yield block[begin:start]
