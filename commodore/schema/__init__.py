"""The field registry: one type per key, for every artefact, index, mapping and table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scout.data import load_data

TYPES = ("keyword", "text", "long", "double", "boolean", "date", "ip", "flattened")
"""keyword: exact string; text: prose, searched by word; long: signed 64 bit; date: RFC 3339 UTC string; flattened: object of strings"""


@dataclass(frozen=True, slots=True)
class Field:
    """One key. `many`: the value is always a list. `ecs`: the name and meaning are Elastic Common Schema 9."""

    name: str
    type: str
    meaning: str
    ecs: bool = False
    many: bool = False


@cache
def registry() -> dict[str, Field]:
    """All fields by name, from `fields.yaml`. Raises ValueError for an entry that the validator refuses."""
    result: dict[str, Field] = {}
    for name, entry in load_data(__name__, "fields.yaml").items():
        type_, flags, meaning = _entry(name, entry)
        result[name] = Field(name, type_, meaning, ecs="ecs" in flags, many="many" in flags)
    return result


def _entry(name: str, entry: object) -> tuple[str, list[str], str]:
    """`keyword many ecs | meaning` → its parts."""
    head, bar, meaning = str(entry).partition(" | ")
    type_, *flags = head.split()
    if not bar or type_ not in TYPES or set(flags) - {"many", "ecs"}:
        raise ValueError(f"fields.yaml: {name}: `type flags | meaning` expected, got `{entry}`")
    return type_, flags, meaning
