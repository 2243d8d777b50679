"""An input made several times as large: as bytes, and, where it is JSON, YAML or XML, with more of each thing that it has several of."""

from __future__ import annotations

import copy
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any

import yaml

Grow = Callable[[int], bytes]
"""returns the input, so many times as large"""
MOST = 12
"""lists of one document that are made longer, one after the other"""
FORMS: dict[str, Callable[[bytes, int], bytes]] = {
    "repeated": lambda data, times: data * times,
    "one line": lambda data, times: data.replace(b"\n", b" ") * times,
    "quotes": lambda data, times: data + b"\"'\\" * (len(data) * times // 3),
    "blanks": lambda data, times: data + b" \t" * (len(data) * times // 2),
}


def forms(data: bytes) -> Iterator[tuple[str, Grow]]:
    """Yield (name, way to make it larger)."""
    for name, form in FORMS.items():
        yield name, lambda times, form=form: form(data, times)
    for kind, read, write in (("JSON", json.loads, _json), ("YAML", lambda text: list(yaml.safe_load_all(text)), _yaml)):
        try:
            value = read(data)
        except (ValueError, yaml.YAMLError):
            continue
        for number, place in enumerate(list(_lists(value))[:MOST]):
            yield f"{kind}, list {number}", lambda times, value=value, place=place, write=write: write(_longer(value, place, times))
        return
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError):
        return
    for number in range(min(MOST, sum(1 for one in root.iter() if len(one)))):
        yield f"XML, element {number}", lambda times, number=number: _more_children(data, number, times)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def _yaml(value: Any) -> bytes:
    return yaml.safe_dump_all(value, allow_unicode=True).encode()


def _lists(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every list."""
    if isinstance(value, list):
        yield place
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _lists(below, (*place, key))


def _longer(value: Any, place: tuple[Any, ...], times: int) -> Any:
    """Return a copy in which the list at `place` is so many times as long; what it has is copied, so that no alias is written."""
    value = copy.deepcopy(value)
    at = value
    for key in place:
        at = at[key]
    at += [copy.deepcopy(one) for _ in range(times - 1) for one in at]
    return value


def _more_children(data: bytes, number: int, times: int) -> bytes:
    root = ET.fromstring(data)
    element = [one for one in root.iter() if len(one)][number]
    element.extend([copy.deepcopy(child) for _ in range(times - 1) for child in list(element)])
    return ET.tostring(root)
