"""Read the data files of the persistence table: the rows, `traits.yaml` and `evidence.yaml`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from commodore.finding import SEVERITIES
from scout.data import load_data, parse_yaml


def _texts(part: str = "") -> list[tuple[str, bytes]]:
    """Return (file name, content) of the YAML files below a folder of the package, sorted."""
    found = _yaml(files("commodore.persistence").joinpath(part))
    return sorted((file.name, file.read_bytes().replace(b"\r\n", b"\n")) for file in found)


def _yaml(folder: Traversable) -> Iterator[Traversable]:
    """Yield the YAML files below a folder, at any depth."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _yaml(item)
        elif item.name.endswith(".yaml"):
            yield item


@cache
def documents(part: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return (file name, document) of the YAML files below a folder of the package."""
    return tuple((name, parse_yaml(raw)) for name, raw in _texts(part))


def documents_of(name: str) -> list[dict[str, Any]]:
    """Return the list that a data file of the package has."""
    listed: list[dict[str, Any]] = load_data("commodore.persistence", name)
    return listed


@cache
def traits() -> dict[str, Any]:
    """Return `traits.yaml`. Raises ValueError for an unknown severity, an invalid pattern or a trait without words."""
    document: dict[str, Any] = load_data("commodore.persistence", "traits.yaml")
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
