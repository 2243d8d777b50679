"""Data of this folder: packers by section, and imported functions that matter. Each file is validated when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from scout.data import load_data

SHOWN_FUNCTIONS = 64


class Packers(NamedTuple):
    """Packers by the name of a section, and by a text in the head of the file."""

    sections: Mapping[str, str]
    texts: tuple[tuple[bytes, str], ...]


@cache
def _packers() -> Packers:
    """Return the packers. Raises ValueError for an entry of another form."""
    data = load_data(__package__, "packers.yaml")
    if set(data) != {"sections", "texts"} or not all(
        isinstance(x, str) and x for table in data.values() for pair in table.items() for x in pair
    ):
        raise ValueError("packers.yaml: `sections` and `texts` expected, each name: packer")
    return Packers(data["sections"], tuple((text.encode("ascii"), name) for text, name in data["texts"].items()))


def packers(sections: Iterable[str], head: bytes) -> list[str]:
    """Return the packers that the names of sections or a text in the head of the file show."""
    known = _packers()
    found = {known.sections[name] for name in sections if name in known.sections}
    return sorted(found | {name for text, name in known.texts if text in head})


@cache
def functions() -> Mapping[str, str]:
    """Return function → what it is used for. Raises ValueError for a function in two groups."""
    found: dict[str, str] = {}
    for group, names in load_data(__package__, "functions.yaml").items():
        for name in names:
            if not isinstance(name, str) or name in found:
                raise ValueError(f"functions.yaml: {name!r} is in two groups, or no name")
            found[name] = group
    return found


def notable(libraries: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the imported functions that matter, sorted, `SHOWN_FUNCTIONS` at most."""
    known = functions()
    return sorted({name for names in libraries.values() for name in names if name in known})[:SHOWN_FUNCTIONS]
