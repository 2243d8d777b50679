"""Remove one line, or one element of a list, from a text file and keep every other byte. Lines end at LF; a CR belongs to the line.

Cuts are (begin, end) byte offsets of the original. So the result of several cuts, and of undoing some of them, is defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Cut = tuple[int, int]

ELEMENT = re.compile(rb"[^\s:#]+")


class NotFoundError(Exception):
    """The line or element is not in the file."""


class AmbiguousError(Exception):
    """The file holds it `count` times, and nothing says which one is meant."""

    def __init__(self, what: str, count: int) -> None:
        super().__init__(what)
        self.count = count


def lines(data: bytes) -> list[Cut]:
    """Return (begin, end) of every line with its LF; the last line may have none."""
    found, at = [], 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        found.append((at, end))
        at = end
    return found


def find_line(data: bytes, line: bytes, number: int | None = None) -> tuple[list[Cut], int]:
    """Return ([cut of the line with its line end], number of equal lines). `number` counts from 1. `line` has no line end."""
    wanted = line.rstrip(b"\n")
    spans = lines(data)
    equal = [i for i, (a, b) in enumerate(spans) if data[a:b].rstrip(b"\n") == wanted]
    if not equal and not wanted.endswith(b"\r"):
        equal = [i for i, (a, b) in enumerate(spans) if data[a:b].removesuffix(b"\n").removesuffix(b"\r") == wanted]
    return [spans[i] for i in _chosen(equal, equal, number, "line")], len(equal)


def _chosen(equal: list[int], line_of: list[int], number: int | None, what: str) -> list[int]:
    """Return those of `equal` in line `number` (from 1), or the only one wherever it is: lines above it may have come or gone."""
    if not equal:
        raise NotFoundError(f"the {what} is not there")
    if len(equal) == 1:
        return equal
    here = [e for e, line in zip(equal, line_of, strict=True) if number is None or line == number - 1]
    if not here:
        raise NotFoundError(f"the {what} is not in line {number} any more")
    if len(here) > 1 and number is None:
        places = ", ".join(str(line + 1) for line in line_of[:5])
        raise AmbiguousError(f"the file holds the {what} {len(equal)} times (lines {places}): name one with `number`", len(equal))
    return here


def find_element(data: bytes, element: bytes, number: int | None = None) -> tuple[list[Cut], int]:
    """Return (cuts of one element of a list like `ld.so.preload`, number of equal elements).

    `number` is the line of the element, from 1. All equal ones of that line are cut, as one that stays would do the same.

    Elements are separated by white space or `:`, a `#` begins a comment (ld.so(8); elf/rtld.c of glibc). An element that is alone
    in its line is cut with the line. Otherwise it is cut with the separator behind it, or with the one before it where it is the last.
    """
    spans, rows = [], []
    for row, (begin, end) in enumerate(lines(data)):
        for m in ELEMENT.finditer(data[begin:end].partition(b"#")[0]):
            spans.append((begin + m.start(), begin + m.end()))
            rows.append(row)
    equal = [i for i, (a, b) in enumerate(spans) if data[a:b] == element]
    chosen = _chosen(equal, [rows[i] for i in equal], number, "element")
    return [_with_separator(data, spans[i]) for i in chosen], len(equal)


def _with_separator(data: bytes, span: Cut) -> Cut:
    begin, end = next((a, b) for a, b in lines(data) if a <= span[0] < b)
    if not (data[begin : span[0]] + data[span[1] : end]).strip(b" \t\r\n\v\f:"):
        return begin, end
    if data[span[1] : span[1] + 1] in (b" ", b"\t", b":", b"\v", b"\f"):
        return span[0], span[1] + 1
    return (span[0] - 1, span[1]) if span[0] > begin else span


def without(data: bytes, cuts: Iterable[Cut]) -> bytes:
    """Return `data` without the cuts; cuts that overlap count once."""
    kept, at = [], 0
    for begin, end in sorted(cuts):
        kept.append(data[at : max(at, begin)])
        at = max(at, end)
    return b"".join([*kept, data[at:]])
