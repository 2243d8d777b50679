"""Read the data files of the persistence table: `traits.yaml` and the rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from commodore.finding import SEVERITIES
from scout.data import parse_yaml


def _texts() -> list[tuple[str, bytes]]:
    here = files("commodore.persistence")
    found = [here.joinpath("traits.yaml"), *_yaml(here.joinpath("rows"))]
    return sorted((file.name, file.read_bytes().replace(b"\r\n", b"\n")) for file in found)


def _yaml(folder: Traversable) -> Iterator[Traversable]:
    """Yield the YAML files below a folder, at any depth."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _yaml(item)
        elif item.name.endswith(".yaml"):
            yield item


def documents() -> list[tuple[str, dict[str, Any]]]:
    """Return (file name, document) of `traits.yaml` and of every row."""
    return [(name, parse_yaml(raw)) for name, raw in _texts()]


@cache
def traits() -> dict[str, Any]:
    """Return `traits.yaml`. Raises ValueError for an unknown severity, an invalid pattern or a trait without words."""
    document: dict[str, Any] = dict(documents())["traits.yaml"]
    for part in ("windows", "linux"):
        for kind in ("place", "script", "command"):
            for severity, pattern, words in document[part].get(kind, []):
                if severity not in SEVERITIES or not words:
                    raise ValueError(f"traits.yaml: {part}.{kind}: `{pattern}`")
                re.compile(pattern)
    return document


@cache
def digest() -> str:
    """Return the sha256 of all the data."""
    whole = hashlib.sha256()
    for name, raw in _texts():
        whole.update(name.encode() + b"\0" + hashlib.sha256(raw).digest())
    return whole.hexdigest()
