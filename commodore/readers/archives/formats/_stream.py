"""Formats that hold one compressed file: what they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from commodore.readers.archives.model import Budget, Entry, unpacked


def single(name: str, endings: tuple[str, ...], budget: Budget, opened: Callable[[], BinaryIO], inner: str = "") -> Entry:
    """Return the one entry of a compressed file. Its name is the one inside, else that of the file without its ending."""
    low = name.lower()
    plain = next((name[: -len(end)] for end in endings if low.endswith(end) and len(name) > len(end)), name)
    if low.endswith((".tgz", ".tbz2", ".txz", ".tbz")):
        plain = f"{name.rpartition('.')[0]}.tar"
    entry = Entry(inner or plain)
    unpacked(entry, budget, opened)
    entry.size = len(entry.content) if entry.content is not None else -1
    return entry
