"""The schema of all artefacts, indexes, mappings and tables: one type per field name, one vocabulary of actions.

`fields/<family>.yaml` holds lines `name: type [many] origin | meaning`. Files are found by walking the folder; their comments say what
belongs where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml

from scout.data import load_data, parse_yaml

TYPES = ("keyword", "text", "long", "double", "boolean", "date", "ip", "flattened")
"""keyword: exact string; text: prose, searched by word; long: signed 64 bit; date: RFC 3339 UTC string; flattened: object of strings"""
ORIGINS = ("ecs", "vendor", "ours")
"""ecs: name and meaning are Elastic Common Schema 9; vendor: of another published schema (winlog.*: Winlogbeat); ours: Escadre's own"""
ACTION = re.compile(r"[a-z]+(?:-[a-z]+)+")
"""Form of event.action: lower-case words joined by hyphens, the object first."""


@dataclass(frozen=True, slots=True)
class Field:
    """One name. `many`: the value is always a list. `origin`: one of ORIGINS."""

    name: str
    type: str
    meaning: str
    origin: str = "ours"
    many: bool = False

    @property
    def ecs(self) -> bool:
        """Return whether name and meaning are those of ECS."""
        return self.origin == "ecs"


@cache
def registry() -> dict[str, Field]:
    """Return all fields by name. Raises ValueError for an entry that the validator refuses and for a name that two files define."""
    return collected(_documents(files(__name__).joinpath("fields"), ""))


def collected(documents: Iterator[tuple[str, bytes]]) -> dict[str, Field]:
    """Return the fields of (file name, content) pairs by name, see `registry`."""
    result: dict[str, Field] = {}
    where: dict[str, str] = {}
    for file, content in documents:
        for name, entry in _unique(file, content):
            if name in where:
                raise ValueError(f"{file}: {name} is defined in {where[name]} too")
            result[name], where[name] = _field(file, name, entry), file
    return result


@cache
def actions() -> dict[str, str]:
    """Return the vocabulary of event.action from `actions.yaml`: action → meaning. Raises ValueError for an action of another form."""
    found: dict[str, str] = load_data(__name__, "actions.yaml")
    wrong = [action for action, meaning in found.items() if not ACTION.fullmatch(action) or not meaning]
    if wrong:
        raise ValueError(f"actions.yaml: {wrong[0]}: lower-case words joined by hyphens and a meaning expected")
    return found


def _documents(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            yield from _documents(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(".yaml"):
            yield f"fields/{path}{entry.name}", entry.read_bytes()


def _unique(file: str, content: bytes) -> Iterator[tuple[str, object]]:
    """Yield the entries of a file. YAML silently takes the last of two equal keys, so the keys are counted in the text."""
    keys = [line.partition(": ")[0].strip('"') for line in content.decode("utf-8").splitlines() if line[:1] not in ("", "#", " ")]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"{file}: {twice[0]} is defined twice")
    try:
        yield from parse_yaml(content).items()
    except yaml.YAMLError as e:
        raise ValueError(f"{file}: {e}") from e


def _field(file: str, name: str, entry: object) -> Field:
    """Return the field of `keyword many ecs | meaning`."""
    head, bar, meaning = str(entry).partition(" | ")
    type_, *flags = head.split()
    many = flags[:1] == ["many"]
    origin = flags[many:]
    if not bar or type_ not in TYPES or len(origin) != 1 or origin[0] not in ORIGINS:
        raise ValueError(f"{file}: {name}: `type [many] origin | meaning` expected, got `{entry}`")
    return Field(name, type_, meaning, origin[0], many)
