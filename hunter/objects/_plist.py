"""Find the scalars of a property list of macOS, XML or binary, so that one member of a dictionary or element of an array can go.

In an XML list every other byte stays. A binary list holds tables of offsets: it is written anew with the same values. Sources: Apple's
PropertyList-1.0.dtd; CFBinaryPList.c.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hunter.objects._text import Cut
from hunter.objects._xml import XmlElement, elements

BINARY = b"bplist0"
_SCALARS = ("string", "integer", "real", "date", "data", "true", "false")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlistScalar:
    """One scalar: the name of its member (that of the array for an element) and its text.

    where   (begin, end) in the text of an XML list, with its key; the keys and indices that lead to it in a binary one
    """

    name: str
    text: str
    where: Any


def in_text(text: str) -> list[PlistScalar]:
    """Return the scalars of an XML list, in their order. ValueError where it is none."""
    found, open_ones = [], list[tuple[XmlElement, str]]()
    key: XmlElement | None = None
    for element in sorted(elements(text), key=lambda each: each.begin):
        while open_ones and open_ones[-1][0].end <= element.begin:
            open_ones.pop()
        if element.name == "key":
            key = element
            continue
        own = key if key is not None and not _COMMENT.sub("", text[key.end : element.begin]).strip() else None
        name = "".join(own.texts) if own is not None else open_ones[-1][1] if open_ones else ""
        if element.name in _SCALARS:
            value = element.name if element.name in ("true", "false") else "".join(element.texts)
            found.append(PlistScalar(name, value, (own.begin if own is not None else element.begin, element.end)))
        elif element.name in ("dict", "array"):
            open_ones.append((element, name))
    return found


def in_binary(data: bytes) -> list[PlistScalar]:
    """Return the scalars of a binary list. ValueError where it cannot be read, and where its parts refer to each other by number."""
    return list(_walk(_loaded(data), "", ()))


def without_binary(data: bytes, scalar: PlistScalar) -> bytes:
    """Return a binary list without one scalar and with the same other values in the same order."""
    whole = _loaded(data)
    holder = whole
    for step in scalar.where[:-1]:
        holder = holder[step]
    del holder[scalar.where[-1]]
    made = plistlib.dumps(whole, fmt=plistlib.FMT_BINARY, sort_keys=False)
    if plistlib.loads(made) != whole:
        raise ValueError("the property list cannot be written anew with the same values")
    return made


def cut_of(text: str, scalar: PlistScalar) -> Cut:
    """Return what goes of an XML list: key and value, with the line where nothing else is in it."""
    begin, end = scalar.where
    first, last = text.rfind("\n", 0, begin) + 1, text.find("\n", end) + 1 or len(text)
    alone = not text[first:begin].strip() and not text[end:last].strip()
    return (first, last) if alone else (begin, end)


def _loaded(data: bytes) -> Any:
    try:
        whole = plistlib.loads(data, fmt=plistlib.FMT_BINARY)
    except Exception as e:  # plistlib raises what its parts do: ValueError, OverflowError, RecursionError, struct.error …
        raise ValueError(f"it is no property list: {type(e).__name__}") from e
    if isinstance(whole, dict) and "$archiver" in whole:
        raise ValueError("it is an archive of objects, which refer to each other by number")
    return whole


def _walk(value: Any, name: str, where: tuple[Any, ...]) -> Iterator[PlistScalar]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _walk(each, str(key), (*where, key))
    elif isinstance(value, list):
        for n, each in enumerate(value):
            yield from _walk(each, name, (*where, n))
    elif where and not isinstance(value, bytes | plistlib.UID):
        text = str(value).lower() if isinstance(value, bool) else f"{value.isoformat()}Z" if isinstance(value, datetime) else str(value)
        yield PlistScalar(name, text, where)
