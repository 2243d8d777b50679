"""Values of records that are searched on their own: binary data of the registry, script blocks, commands."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from scout.data import load_data

SHORTEST = 24
"""bytes of a value that is searched: shorter ones are in the file as they are"""
LONGEST = 16 << 20


@cache
def fields(dataset: str) -> dict[str, str]:
    """Return the fields of a dataset that are searched: name → form."""
    found: dict[str, str] = load_data("commodore.sweep", "blobs.yaml").get(dataset, {})
    return found


def blobs(record: Mapping[str, Any], wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield (name of the field, bytes) of the values of a record."""
    for name, form in wanted.items():
        value = record.get(name)
        if value is None:
            continue
        if form == "base64":
            if isinstance(value, str) and len(value) * 3 // 4 >= SHORTEST:
                yield name, base64.b64decode(value, validate=False)[:LONGEST]
            continue
        parts = value.items() if isinstance(value, dict) else ((name, one) for one in (value if isinstance(value, list) else [value]))
        for key, text in parts:
            if isinstance(text, str) and len(text) >= SHORTEST:
                yield f"{name}.{key}" if isinstance(value, dict) else name, text.encode("utf-8", "surrogatepass")[:LONGEST]
