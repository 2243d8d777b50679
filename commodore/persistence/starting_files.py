"""Content of `scout/references/places.json`: which files start programs, and how SCOUT reads the names in them.

It follows from the rows of the persistence table and the declarations of the artefacts that they judge, so that SCOUT, which cannot import
COMMODORE, follows the references of every place that the table has.
"""

from __future__ import annotations

import json
from importlib import import_module

from commodore import catalogue
from commodore.containers.registry import Keys
from commodore.persistence.places import FILES_DATASET, file_places
from commodore.persistence.table import all_places
from scout.discovery import modules

SYSTEMS = ("linux", "windows")
_TOO_MANY = frozenset({"com_classes"})
"""artefacts whose keys name most libraries of a host: the reader takes those of users only"""


def places() -> str:
    """Return the file: system → reader → language → path patterns."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {system: {} for system in SYSTEMS}
    for place in file_places():
        languages = found[place.os].setdefault(FILES_DATASET, {})
        languages.setdefault(place.language, []).extend(place.patterns)
    known = catalogue.artefacts()
    for system in SYSTEMS:
        for name, _ in modules(import_module(f"scout.references.{system}")):
            if name in known and name != FILES_DATASET:
                found[system][name] = {"": list(known[name].artefact.match)}
    keys, files = _registry()
    found["windows"]["registry"] = {"\n".join(keys): files}
    return json.dumps(_sorted(found), indent=1, sort_keys=True) + "\n"


def _sorted(found: dict[str, dict[str, dict[str, list[str]]]]) -> dict[str, dict[str, dict[str, list[str]]]]:
    return {
        system: {reader: {language: sorted(set(patterns)) for language, patterns in languages.items()} for reader, languages in of.items()}
        for system, of in found.items()
    }


def _registry() -> tuple[list[str], list[str]]:
    """Return the key patterns of the artefacts that rows judge, and the path patterns of their hives."""
    keys: set[str] = set()
    files: set[str] = set()
    for name in {row.dataset for row in all_places()} - _TOO_MANY:
        known = catalogue.artefacts().get(name)
        holds = known.artefact.holds if known else None
        if isinstance(holds, Keys):
            keys.update(holds.paths)
            files.update(holds.match)
    return sorted(keys), sorted(files)
