r"""Keys of the index: texts such as `NS_<hash>\CI_<hash>\IL_<hash>.<page>.<id>.<size>`, in a tree of pages."""

from __future__ import annotations

import hashlib
import re
import struct
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from commodore.readers.wmi.pages import PagedFile, WmiFormatError
from commodore.record import Problem

ACTIVE = 0xACCC
MOST_KEYS = 500_000
"""keys of one index that are read; a Windows 10 with many roles has 60,000"""
_NONE = 0xFFFFFFFF
_POINTER = re.compile(r"([A-Z]{1,2}_[0-9A-F]{64})\.(\d{1,10})\.(\d{1,10})\.(\d{1,10})")
_DEEPEST, _LONGEST = 8, 512
"""components of a key, and bytes of a component"""


class Pointer(NamedTuple):
    """Where a record is: logical page, id within the page, bytes."""

    page: int
    id: int
    size: int


class IndexKey(NamedTuple):
    """One key: its components without the pointer, and the pointer where the key has one."""

    parts: tuple[str, ...]
    pointer: Pointer | None


def name_hash(name: str) -> str:
    """Return the hash under which a namespace, class or key is in the index: SHA-256 of the name in upper case and UTF-16."""
    return hashlib.sha256(name.upper().encode("utf-16-le", "surrogatepass")).hexdigest().upper()


def walk(file: PagedFile, pages: array[int], root: int) -> Iterator[IndexKey | Problem]:
    """Yield the keys of the tree, each page of the file once, whatever number leads to it; last a problem that counts the others."""
    todo, asked, seen, keys = [root], {root}, set[int](), 0
    again: list[int] = []
    while todo:
        logical = todo.pop()
        try:
            if logical >= len(pages):
                raise WmiFormatError("the page is not in the mapping file")
            if pages[logical] in seen:
                again.append(logical)
                continue
            seen.add(pages[logical])
            found, children = read_page(file.page(pages[logical]))
        except (WmiFormatError, struct.error) as e:
            yield Problem(f"a page of the index could not be read: {e}", f"index page {logical}")
            continue
        if any(child not in (0, _NONE) for child in children):  # else a leaf
            below = [child for child in reversed(children) if child != _NONE]
            again += [child for child in below if child in asked]
            todo.extend(child for child in dict.fromkeys(below) if child not in asked)
            asked.update(below)
        keys += len(found)
        if keys > MOST_KEYS:
            yield Problem(f"the index has more than {MOST_KEYS:,} keys: the rest was not read", f"index page {logical}")
            return
        yield from found
    if again:
        times = "a page twice" if len(again) == 1 else f"{len(again):,} pages twice"
        yield Problem(f"the index leads to {times}", f"index page {again[0]}")


def read_page(page: bytes) -> tuple[list[IndexKey], tuple[int, ...]]:
    """Return the keys of a page and its children. Raises WmiFormatError or struct.error."""
    kind, _, _, _, count = struct.unpack_from("<5I", page)
    if kind != ACTIVE:
        raise WmiFormatError(f"its type is 0x{kind:x}, not 0x{ACTIVE:x}")
    if count > len(page) // 12:
        raise WmiFormatError(f"it has {count} keys, more than fit")
    at = 20 + 4 * count
    children = struct.unpack_from(f"<{count + 1}I", page, at)
    at += 4 * (count + 1)
    offsets = struct.unpack_from(f"<{count}H", page, at)
    (words,) = struct.unpack_from("<H", page, at + 2 * count)
    keys = at + 2 * count + 2
    texts = _texts(page, keys + 2 * words)
    return [_key(page, keys + 2 * offset, texts) for offset in offsets], children


def _texts(page: bytes, at: int) -> list[str]:
    (count,) = struct.unpack_from("<H", page, at)
    offsets = struct.unpack_from(f"<{count + 1}H", page, at + 2)
    base = at + 2 + 2 * (count + 1)
    return [page[base + one : base + one + _LONGEST].split(b"\0", 1)[0].decode("latin-1") for one in offsets[:count]]


def _key(page: bytes, at: int, texts: list[str]) -> IndexKey:
    (count,) = struct.unpack_from("<H", page, at)
    if count > _DEEPEST:
        raise WmiFormatError(f"a key has {count} components, more than {_DEEPEST}")
    numbers = struct.unpack_from(f"<{count}H", page, at + 2)
    if any(number >= len(texts) for number in numbers):
        raise WmiFormatError("a key names a text that the page does not have")
    parts = [texts[number] for number in numbers]
    found = _POINTER.fullmatch(parts[-1]) if parts else None
    if found is None:
        return IndexKey(tuple(parts), None)
    return IndexKey((*parts[:-1], found[1]), Pointer(int(found[2]), int(found[3]), int(found[4])))
