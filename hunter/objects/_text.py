"""Remove one line, or one element of a list, from a text file and keep every other byte. Lines end at LF; a CR belongs to the line.

Cuts are (begin, end) byte offsets of the original, puts are bytes that come in at an offset. So the result of several of them, and of
undoing some, is defined. A file that begins with the mark of UTF-16 is read as UTF-16.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

Cut = tuple[int, int]
Put = tuple[int, bytes]
ELEMENT = re.compile(rb"[^\s:#]+")
WORD = re.compile(rb"""[^\s"']+""")


class NotFoundError(Exception):
    """The line or element is not in the file."""


class AmbiguousError(Exception):
    """The file holds it `count` times, and nothing says which one is meant."""

    def __init__(self, what: str, count: int) -> None:
        super().__init__(what)
        self.count = count


def wide(data: bytes) -> str:
    """Return the encoding of a file that begins with the mark of UTF-16, '' for any other file."""
    return {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(data[:2], "")


def lines(data: bytes) -> list[Cut]:
    """Return (begin, end) of every line with its LF; the last line may have none."""
    encoding = wide(data)
    step, end_of_line, begin = (2, "\n".encode(encoding), 2) if encoding else (1, b"\n", 0)
    found, at = [], begin
    while at < len(data):
        end = data.find(end_of_line, at)
        while end >= 0 and end % step:
            end = data.find(end_of_line, end + 1)
        end = end + step if end >= 0 else len(data)
        found.append((at, end))
        at = end
    return found


def find_line(data: bytes, line: bytes, number: int | None = None) -> tuple[list[Cut], int]:
    """Return ([cut of the line with its line end], number of equal lines). `number` counts from 1. `line` has no line end, and is UTF-8.

    A line that differs by a CR at its end is equal too; it is cut only where none is the same byte for byte.
    """
    encoding = wide(data) or "utf-8"
    end, back = ("\n".encode(encoding), "\r".encode(encoding))
    wanted = line.rstrip(b"\n")
    if encoding != "utf-8":
        wanted = wanted.decode("utf-8", "replace").encode(encoding, "replace")
    spans = lines(data)
    same = [i for i, (a, b) in enumerate(spans) if _ended(data[a:b], end) == wanted]
    equal = same
    if not wanted.endswith(back):
        equal = [i for i, (a, b) in enumerate(spans) if _ended(data[a:b], end).removesuffix(back) == wanted]
    return [spans[i] for i in chosen(same or equal, same or equal, number, "line")], len(equal)


def _ended(line: bytes, end: bytes) -> bytes:
    return line.removesuffix(end)


def chosen(equal: list[int], line_of: list[int], number: int | None, what: str) -> list[int]:
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

    Elements are separated by white space or `:`, a `#` begins a comment (ld.so(8); elf/rtld.c of glibc).
    """
    return _find(data, element, number, ELEMENT, b" \t:\v\f", "element")


def find_word(data: bytes, word: bytes, number: int | None = None) -> tuple[list[Cut], int]:
    """Return (cuts of one word, number of equal words). Words are separated by white space and quotes, a `#` begins a comment."""
    return _find(data, word, number, WORD, b" \t", "word")


def _find(data: bytes, element: bytes, number: int | None, form: re.Pattern[bytes], separators: bytes, what: str) -> tuple[list[Cut], int]:
    """Return (cuts, number of equal elements). `number` is the line of the element, from 1.

    All equal ones of that line are cut, as one that stays would do the same. An element that is alone in its line is cut with the line.
    Otherwise it is cut with the separator behind it, or with the one before it where it is the last.
    """
    spans, rows = [], []
    for row, (begin, end) in enumerate(lines(data)):
        for m in form.finditer(data[begin:end].partition(b"#")[0]):
            spans.append((begin + m.start(), begin + m.end()))
            rows.append(row)
    equal = [i for i, (a, b) in enumerate(spans) if data[a:b] == element]
    held = {rows[i] for i in equal}
    number = min(held) + 1 if number is None and len(held) == 1 else number
    picked = chosen(equal, [rows[i] for i in equal], number, what)
    return [_with_separator(data, spans[i], separators) for i in picked], len(equal)


def _with_separator(data: bytes, span: Cut, separators: bytes) -> Cut:
    begin, end = next((a, b) for a, b in lines(data) if a <= span[0] < b)
    if not (data[begin : span[0]] + data[span[1] : end]).strip(separators + b" \t\r\n\v\f"):
        return begin, end
    if data[span[1] : span[1] + 1] and data[span[1]] in separators:
        return span[0], span[1] + 1
    return (span[0] - 1, span[1]) if span[0] > begin and data[span[0] - 1] in separators + b"\r" else span


def goes_on(line: bytes) -> bool:
    """Return whether a line ends with a backslash that joins the next one to it."""
    text = line.rstrip(b"\r\n")
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1 and not text.lstrip().startswith(b"#")


def continued(data: bytes, cut: Cut) -> tuple[list[Cut], list[Put]]:
    """Return cuts and puts that remove a line with the lines that it goes on in. The line before, if it goes on here, ends empty."""
    spans = lines(data)
    at = last = spans.index(cut)
    while goes_on(data[slice(*spans[last])]) and last + 1 < len(spans):
        last += 1
    cuts = spans[at : last + 1]
    end = data[slice(*spans[last])]
    joined = at > 0 and goes_on(data[slice(*spans[at - 1])])
    return cuts, [(cut[0], end[len(end.rstrip(b"\r\n")) :])] if joined else []


def without(data: bytes, cuts: Iterable[Cut], puts: Iterable[Put] = ()) -> bytes:
    """Return `data` without the cuts and with the puts; what overlaps or occurs twice counts once."""
    kept, at = [], 0
    for begin, end, new in sorted({*((a, b, b"") for a, b in cuts), *((at, at, new) for at, new in puts)}):
        kept += [data[at : max(at, begin)], new]
        at = max(at, end)
    return b"".join([*kept, data[at:]])
