"""Raw images, whole or in numbered parts (`disk.001`, `disk.000`, `disk.raw.aa`), and block devices."""

from __future__ import annotations

import re
from pathlib import Path

from scout.blocks import BlockReader, FileBlocks, JoinedBlocks

NAME, ORDER = "raw", 9
MAX_PARTS = 20_000
_FIRST = re.compile(r"(.*\.)(0{2,4}[01]|aa|aaa)", re.DOTALL)


def claims(head: bytes, tail: bytes, path: Path) -> bool:  # noqa: ARG001  (of every format)
    """Return True: whatever no other format claims is raw."""
    return True


def open_image(path: Path) -> BlockReader:
    """Open a raw image. The first part of a split one opens all. Raises OSError."""
    parts = _parts(path)
    if len(parts) == 1:
        return FileBlocks(path)
    opened: list[BlockReader] = []
    try:
        opened.extend(FileBlocks(part) for part in parts)
    except OSError:
        for one in opened:
            one.close()
        raise
    return JoinedBlocks(opened)


def _parts(path: Path) -> list[Path]:
    match = _FIRST.fullmatch(path.name)
    if match is None or not path.is_file():
        return [path]
    stem, number = match[1], match[2]
    zero = path.with_name(stem + "0" * len(number))
    if number.isdigit() and zero.is_file():
        number, path = "0" * len(number), zero
    found = [path]
    while len(found) < MAX_PARTS:
        number = _next(number)
        part = path.with_name(stem + number)
        if not part.is_file():
            break
        found.append(part)
    return found


def _next(number: str) -> str:
    """Return the name of the next part: 001 → 002, aa → ab, az → ba."""
    if number.isdigit():
        return f"{int(number) + 1:0{len(number)}d}"
    letters = list(number)
    for at in range(len(letters) - 1, -1, -1):
        if letters[at] != "z":
            letters[at] = chr(ord(letters[at]) + 1)
            break
        letters[at] = "a"
    return "".join(letters)
