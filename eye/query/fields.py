"""The fields that a query can name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from commodore.schema import Field, registry


def known_field(name: str, known: Mapping[str, Field] | None = None) -> tuple[Field, str] | None:
    """The field that a name means and, below a free-form field, its key; None where no field is called so."""
    known = registry() if known is None else known
    name = "escadre.id" if name == "_id" else name
    if name in known:
        return known[name], ""
    above = name
    while "." in above:
        above = above.rpartition(".")[0]
        if above in known and known[above].type == "flattened":
            return known[above], name[len(above) + 1 :]
    return None


def known_type(name: str) -> str:
    """The type of a known field."""
    found = known_field(name)
    return found[0].type if found else ""


def similar_fields(query: str) -> list[tuple[str, list[str]]]:
    """Names before a colon that look like a field (with a dot) but are none, each with the nearest fields."""
    named = re.finditer(r"(?<![\w.\-\\/])([A-Za-z_][\w\-]*(?:\.[\w\-]+)+):(?!//)", query)
    return [(name, near) for name in (one[1] for one in named) if known_field(name) is None and (near := near_fields(name))]


def near_fields(name: str) -> list[str]:
    """Up to three fields whose name is like this one."""
    tail = [one for one in registry() if one.rpartition(".")[2] == name.rpartition(".")[2]]
    return list(dict.fromkeys([*difflib.get_close_matches(name, registry(), 3, 0.6), *tail]))[:3]
