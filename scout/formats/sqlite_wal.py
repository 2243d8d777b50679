"""The write-ahead log of a SQLite database: changes that are committed and not yet in the database file.

Source: SQLite, Database File Format, section 4 (header of 32 bytes; frames of 24 bytes and a page; checksums over both).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

LARGEST = 64 << 20
"""bytes of a log that are read: its checksums cost a second per 30 MB"""
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""magic → byte order of the checksums"""
_VERSION = 3_007_000
_HEAD, _FRAME = 32, 24
_LARGEST_PAGE = 65_536


def apply(database: bytearray, log: bytes) -> str:
    """Bring a database to the last state that its log commits. Returns why the log could not be used, '' where it was or has nothing new.

    Frames of an earlier use of the log, and those behind the first one whose checksum does not fit, are not valid for SQLite either.
    """
    if not log:
        return ""
    if len(log) < _HEAD:
        return f"its write-ahead log of {len(log)} bytes is cut"
    magic, version, size, _, *salts = struct.unpack_from(">IIIIII", log)
    if magic not in _MAGIC or version != _VERSION or size & (size - 1) or not 512 <= size <= _LARGEST_PAGE:
        return "its write-ahead log has no header of one"
    own = struct.unpack_from(">H", database.ljust(18, b"\0"), 16)[0]
    if database and size != (_LARGEST_PAGE if own == 1 else own):
        return f"its write-ahead log is of a database with pages of {size:,} bytes"
    order = _MAGIC[magic]
    sums = _sums(order, log[:_FRAME], (0, 0))
    if sums != struct.unpack_from(">II", log, 24):
        return "the checksum of its write-ahead log's header does not fit"
    pages: dict[int, int] = {}
    last = 0
    for at, number, after in _frames(log, order, size, salts, sums):
        pages[number] = at
        if after:
            _put(database, log, pages, size, after)
            pages.clear()
            last = at + size
    if len(log) > LARGEST and last + size + _FRAME > LARGEST:
        return f"its write-ahead log has {len(log):,} bytes: what is behind {LARGEST:,} was not applied"
    return ""


def _frames(log: bytes, order: str, size: int, salts: list[int], sums: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield (place of the page, page number from 1, pages of the database after this commit or 0) of each valid frame."""
    for at in range(_HEAD, min(len(log), LARGEST) - _FRAME - size + 1, _FRAME + size):
        number, after, *own, first, second = struct.unpack_from(">IIIIII", log, at)
        sums = _sums(order, log[at : at + 8] + log[at + _FRAME : at + _FRAME + size], sums)
        if own != salts or sums != (first, second) or number == 0:
            return
        yield at + _FRAME, number, after


def _put(database: bytearray, log: bytes, pages: dict[int, int], size: int, after: int) -> None:
    """Write the pages of one commit. A page beyond the end that the commit states is not part of the database."""
    end = after * size
    if end > len(database) + len(log):  # each page that is new is in the log
        return
    del database[end:]
    database.extend(bytes(end - len(database)))
    for number, at in pages.items():
        if number <= after:
            database[(number - 1) * size : number * size] = log[at : at + size]


def _sums(order: str, data: bytes, before: tuple[int, int]) -> tuple[int, int]:
    first, second = before
    for one, other in struct.iter_unpack(f"{order}II", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
