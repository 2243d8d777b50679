"""Read a document by its content or the ending of its name, and the documents in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import NamedTuple

from commodore.readers.archives.model import Budget
from commodore.readers.archives.opening import HEAD, BrokenArchiveError, entries, format_of
from commodore.readers.documents import formats
from commodore.readers.documents.model import DEEPEST, Document
from scout.discovery import modules

_RUNS = re.compile(r"(?i)\.(?:lnk|js|jse|vbs|vbe|wsf|hta|ps1|bat|cmd|chm|url|scf|jar|iqy|sct|msc)$")
_PROGRAM = re.compile(r"(?i)\.(?:exe|scr|com|pif|cpl|dll|msi)$")
_DISGUISED = re.compile(
    r"(?i)\.(?:pdf|docx?|xlsx?|jpe?g|png|txt)\s*\.(?:exe|scr|js|jse|vbs|wsf|hta|lnk|bat|cmd|com|pif|ps1|iso)$|[\u202a-\u202e\u2066-\u2069]"
)


class _Format(NamedTuple):
    name: str
    magic: tuple[tuple[int, bytes], ...]
    endings: tuple[str, ...]
    read: Callable[[bytes, Document], None]


@cache
def _formats() -> tuple[_Format, ...]:
    return tuple(_Format(m.NAME, m.MAGIC, m.ENDINGS, m.read) for _, m in modules(formats))


@cache
def magic() -> tuple[tuple[int, bytes], ...]:
    """Return the magic of all formats, for the declaration of an artefact."""
    return tuple(dict.fromkeys(sign for one in _formats() for sign in one.magic))


@cache
def patterns() -> tuple[str, ...]:
    """Return path patterns of the formats that only their names show."""
    return tuple(f"**/*.{ending}" for one in _formats() for ending in one.endings)


def read(data: bytes, name: str, depth: int = 1) -> Document | None:
    """Return what a document shows, with the documents in it; None for another file. Never raises but MemoryError.

    A file that only its name makes a document, and that is none, has no format, and a trouble that says so.
    """
    document = Document(name, depth=depth)
    ending = name.lower().rpartition(".")[2]
    for one in _formats():
        if any(data.startswith(sign, at) for at, sign in one.magic) or (not one.magic and ending in one.endings):
            try:
                one.read(data, document)
            except MemoryError:
                raise
            except Exception as e:  # the libraries of formats raise whatever the bytes make them
                document.troubles[f"{one.name}: {type(e).__name__}: {e}"[:200]] = None
                document.format = document.format or one.name
            if document.format:
                _carried(document)
                return document
    return document if document.troubles else None


def _carried(document: Document) -> None:
    """Note what the files in a document are; read the documents among them."""
    done = 0
    while done < len(document.embedded):
        part = document.embedded[done]
        done += 1
        if part.data[:2] == b"MZ" or part.data[:4] == b"\x7fELF" or _PROGRAM.search(part.name):
            document.trait("carries-program", part.name or "a program without a name")
        elif _RUNS.search(part.name) or part.data[:20] == b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F":
            document.trait("carries-script", part.name or "a shortcut")
        if _DISGUISED.search(part.name):
            document.trait("disguised-name", part.name)
        if document.depth >= DEEPEST:
            document.bounds[f"documents more than {DEEPEST} deep were not read"] = None
        elif (inner := read(part.data, part.name, document.depth + 1)) is not None:
            _join(document, inner, part.name or "object")
        elif document.depth == 1:
            _unpack(document, part.data, part.name or "object")


def _unpack(document: Document, data: bytes, name: str) -> None:
    """Add the files of an archive in a document. `entries` yields those of archives in it too."""
    budget = Budget(len(data))
    try:
        for entry in entries(BytesIO(data), name, budget, above=f"{name}/"):
            if entry.content and not format_of(entry.content[:HEAD]):
                document.embed(entry.name, entry.content)
    except BrokenArchiveError as e:
        document.troubles[f"{name}: {e}"[:200]] = None
    document.bounds |= budget.bounds


def _join(document: Document, inner: Document, name: str) -> None:
    document.macros += [(f"{name}/{label}", text) for label, text in inner.macros]
    for label, text in inner.texts:
        document.text(f"{name}/{label}", text)
    for id_, found in inner.traits.items():
        document.traits.setdefault(id_, found)
    for link in inner.links:
        document.link(link)
    document.bounds |= inner.bounds
    document.troubles |= {f"{name}: {trouble}": None for trouble in inner.troubles}
    document.spent += inner.spent
    for label, data in inner.searched:
        document.search(f"{name}/{label}", data)
    for part in inner.embedded:
        document.embed(f"{name}/{part.name}", part.data)
