"""Read the data files of the persistence table: the rows, `traits.yaml` and `evidence.yaml`."""

from __future__ import annotations

import hashlib
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


SOURCES = ("dataset", "where", "reads", "registry")
"""Keys of a row that say where its entries are from."""


@cache
def parts() -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Return (file name, key, document) of all rows and, behind each, of the other places that it lists in `also`.

    The key of a row is its id, that of its first other place `<id>.1`. The document of a place is the row's with what the place changes.
    """
    found = []
    for name, row in sorted(documents("rows"), key=lambda one: str(one[1]["id"])):
        alone = {key: value for key, value in row.items() if key != "also"}
        shared = {key: value for key, value in alone.items() if key not in SOURCES}
        found.append((name, str(row["id"]), alone))
        found += [(name, f"{row['id']}.{number}", shared | place) for number, place in enumerate(row.get("also", ()), 1)]
    return tuple(found)


def documents_of(name: str) -> list[dict[str, Any]]:
    """Return the list that a data file of the package has."""
    listed: list[dict[str, Any]] = load_data("commodore.persistence", name)
    return listed


@cache
def traits() -> dict[str, Any]:
    """Return `traits.yaml`. Raises ValueError for an unknown severity or a trait without words."""
    document: dict[str, Any] = load_data("commodore.persistence", "traits.yaml")
    for part in ("windows", "linux"):
        for kind in ("place", "script", "command"):
            for severity, pattern, words in document[part].get(kind, []):
                if severity not in SEVERITIES or not words:
                    raise ValueError(f"traits.yaml: {part}.{kind}: `{pattern}`")
    return document


@cache
def digest() -> str:
    """Return the sha256 of all the data."""
    whole = hashlib.sha256()
    for name, raw in _texts():
        whole.update(name.encode() + b"\0" + hashlib.sha256(raw).digest())
    return whole.hexdigest()
