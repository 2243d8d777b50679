"""Open an archive by its content, and the archives in it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from typing import BinaryIO, NamedTuple

from commodore.readers.archives import formats
from commodore.readers.archives.model import DEEPEST, Budget, Entry
from scout.discovery import modules

HEAD = 40_000
"""bytes at the beginning that show the format: that of an ISO image is at 32,769"""


class _Format(NamedTuple):
    name: str
    magic: tuple[tuple[int, bytes], ...]
    read: Callable[[BinaryIO, Budget, str], Iterator[Entry]]


class BrokenArchiveError(ValueError):
    """An archive that cannot be read further: the reason is the text."""


@cache
def _formats() -> tuple[_Format, ...]:
    return tuple(_Format(m.NAME, m.MAGIC, m.read) for _, m in modules(formats))


@cache
def magic() -> tuple[tuple[int, bytes], ...]:
    """Return the magic of all formats, for the declaration of an artefact."""
    return tuple(sign for one in _formats() for sign in one.magic)


def format_of(head: bytes) -> str:
    """Return the name of the format of an archive by its first bytes, '' for other files."""
    found = _format(head)
    return found.name if found else ""


def _format(head: bytes) -> _Format | None:
    return next((one for one in _formats() if any(head.startswith(sign, at) for at, sign in one.magic)), None)


def entries(stream: BinaryIO, name: str, budget: Budget, depth: int = 1, above: str = "") -> Iterator[Entry]:
    """Yield the entries of an archive, and behind each archive in it the entries of that.

    `name`: of the archive, from which formats of one file make the name of their entry. Raises BrokenArchiveError.
    """
    head = stream.read(HEAD)
    stream.seek(0)
    found = _format(head)
    if found is None:
        return
    try:
        for entry in found.read(stream, budget, name):
            if not budget.entry():
                return
            entry.name, entry.format, entry.depth = budget.name(above + entry.name), found.name, depth
            yield entry
            yield from _inner(entry, budget, depth)
    except (ArithmeticError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError) as e:
        if isinstance(e, BrokenArchiveError):
            raise
        raise BrokenArchiveError(f"{found.name}: {type(e).__name__}: {e}"[:200]) from e
    except Exception as e:  # the libraries of formats have exceptions of their own
        if isinstance(e, MemoryError):
            raise
        raise BrokenArchiveError(f"{found.name}: {type(e).__name__}: {e}"[:200]) from e


def _inner(entry: Entry, budget: Budget, depth: int) -> Iterator[Entry]:
    content = entry.content
    if not content or not format_of(content[:HEAD]):
        return
    if depth >= DEEPEST:
        budget.bounds[f"archives more than {DEEPEST} deep were not opened"] = None
        return
    try:
        yield from entries(io.BytesIO(content), entry.name.rpartition("/")[2], budget, depth + 1, f"{entry.name}/")
    except BrokenArchiveError as e:
        entry.state = f"read; as an archive it is broken: {e}"
        budget.bounds[f"{entry.name}: {e}"[:300]] = None
