"""Sparse files: where their data lies."""

from __future__ import annotations

import os
from collections.abc import Iterable

MAX_EXTENTS = 4096


def extents(fd: int, size: int) -> tuple[tuple[int, int], ...] | None:
    """Data of an open file as (offset, length); None where it has no holes, or the system cannot tell. Moves the file position to 0.

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
            except OSError:
                break  # ENXIO: only a hole from here to the end
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found.append((start, min(at, size) - start))
            if at <= start:
                return None
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        return None
    return None if found == [(0, size)] else normal(found, size)


def normal(given: Iterable[tuple[int, int]], size: int) -> tuple[tuple[int, int], ...]:
    """In order, within the file, joined where they touch; at most `MAX_EXTENTS` of them (the smallest holes are then read as data)."""
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
        widths = sorted((joined[i + 1][0] - joined[i][1] for i in range(len(joined) - 1)), reverse=True)
        least = widths[MAX_EXTENTS - 2]
        kept = [joined[0]]
        for start, end in joined[1:]:
            if start - kept[-1][1] <= least:
                kept[-1][1] = end
            else:
                kept.append([start, end])
        joined = kept
    return tuple((start, end - start) for start, end in joined)
