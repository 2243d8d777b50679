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
MOST_KEYS = 4_000_000
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
    """Yield the keys of the tree, each page once."""
    todo, seen, keys = [root], set[int](), 0
    while todo:
        logical = todo.pop()
        if logical in seen:
            yield Problem("the index leads to a page twice", f"index page {logical}")
            continue
        seen.add(logical)
        try:
            if logical >= len(pages):
                raise WmiFormatError("the page is not in the mapping file")
            found, children = read_page(file.page(pages[logical]))
        except (WmiFormatError, struct.error) as e:
            yield Problem(f"a page of the index could not be read: {e}", f"index page {logical}")
            continue
        if any(child not in (0, _NONE) for child in children):  # else a leaf
            todo.extend(child for child in reversed(children) if child != _NONE)
        keys += len(found)
        if keys > MOST_KEYS:
            yield Problem(f"the index has more than {MOST_KEYS:,} keys: the rest was not read", f"index page {logical}")
            return
        yield from found


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
