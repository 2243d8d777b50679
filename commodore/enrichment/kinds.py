"""The kinds of values that are looked up across a case, and the form in which two spellings of one value are the same."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from scout.data import load_data
from scout.formats import refang

LONGEST = 2048
"""Characters of a value; a longer one is none that a person looks up, and is counted as left out."""
_HASHES = {"md5": 32, "sha1": 40, "sha256": 64}
_SID = re.compile(r"S-1-\d+(?:-\d+){1,15}")


@cache
def fields() -> Mapping[str, tuple[str, ...]]:
    """Return kind → fields of records that hold it. Source: `kinds.yaml`."""
    return {kind: tuple(names) for kind, names in load_data(__package__, "kinds.yaml").items()}


@cache
def by_field() -> Mapping[str, str]:
    """Return field → kind."""
    return {field: kind for kind, names in fields().items() for field in names}


def normal(kind: str, value: str) -> str | None:
    """Return the form in which a value of a kind is compared; None for what is no such value (a user id that is no SID, a bare `-`)."""
    text = value.strip()
    if not text or text == "-":
        return None
    if kind == "address":
        try:
            return ipaddress.ip_address(text.partition("%")[0]).compressed
        except ValueError:
            return None
    if kind in _HASHES:
        text = text.lower()
        return text if len(text) == _HASHES[kind] and not text.strip("0123456789abcdef") else None
    if kind == "sid":
        return text.upper() if _SID.fullmatch(text.upper()) else None
    if kind == "name":
        return text.rstrip(".").lower() or None
    if kind == "url":
        return text
    return text if text.startswith("/") else text.lower()  # Linux paths differ in case


def of_record(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (kind, value as the record spells it) for every value of a record that has a kind."""
    for field, kind in by_field().items():
        found = record.get(field)
        if isinstance(found, str):
            yield kind, found
        elif isinstance(found, list):
            yield from ((kind, each) for each in found if isinstance(each, str))


def typed(text: str) -> list[tuple[str, str]]:
    """Return what a person may mean by a value: (kind, normal form), the most special kind first. Defanged spellings are understood."""
    text = refang.refang(text)
    meant = [(kind, form) for kind in ("address", *_HASHES, "sid") if (form := normal(kind, text))]
    if meant:
        return meant
    kinds = ("url",) if "://" in text else ("file", "program") if re.search(r"[\\/]", text) else ("name", "account", "program", "file")
    return [(kind, form) for kind in kinds if (form := normal(kind, text))]
