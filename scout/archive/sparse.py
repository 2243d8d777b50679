"""Find the data of sparse files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

MAX_EXTENTS = 65_535
"""extents of one member; the reader accepts so many, and one more where the file ends in a hole"""
_LOOKED_AT = 1 << 18
"""extents after which the rest of a file counts as data, so that the list stays small"""


def extents(fd: int, size: int) -> tuple[tuple[int, int], ...] | None:
    """Return the data of an open file as (offset, length), at most `MAX_EXTENTS`: beyond that, holes are part of the data.

    Return None where there are no holes, or the system cannot report them. Moves the file position to 0.

    Source: lseek(2), SEEK_DATA and SEEK_HOLE.
    """
    if not hasattr(os, "SEEK_DATA") or size == 0:
        return None
    found: list[tuple[int, int]] = []
    at = 0
    try:
        while at < size:
            try:
                start = os.lseek(fd, at, os.SEEK_DATA)
            except OSError as e:
                if e.errno == errno.ENXIO:
                    break  # only a hole from here to the end
                raise
            at = os.lseek(fd, start, os.SEEK_HOLE) if len(found) < _LOOKED_AT else size
            found.append((start, min(at, size) - start))
            if at <= start:
                return None
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        return None
    return None if found == [(0, size)] else normal(found, size)


def normal(given: Iterable[tuple[int, int]], size: int) -> tuple[tuple[int, int], ...]:
    """Return extents in order, within the file, joined where they touch; at most `MAX_EXTENTS` (the smallest holes become data)."""
    joined: list[list[int]] = []
    for offset, length in sorted(given):
        start, end = max(offset, 0), min(offset + length, size)
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    if len(joined) > MAX_EXTENTS:
        narrow = sorted(range(1, len(joined)), key=lambda at: joined[at][0] - joined[at - 1][1])[: len(joined) - MAX_EXTENTS]
        for at in sorted(narrow, reverse=True):
            joined[at - 1][1] = joined[at][1]
        closed = set(narrow)
        joined = [pair for at, pair in enumerate(joined) if at not in closed]
    return tuple((start, end - start) for start, end in joined)
