"""The persistence table: one YAML file per row below `rows/`, validated and bound to its judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import Any

import commodore.persistence.judges
from commodore.finding import REMOVALS, SEVERITIES
from commodore.hits import DetectionRule
from commodore.persistence.data import SOURCES, documents, parts
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.places import FILES_DATASET, HIVES, VALUES_DATASET
from scout.discovery import modules
from scout.formats.startup import languages

# fmt: off
_KEYS = frozenset((
    "id", "name", "attack", "attack_version", "os", "lives", "expected", "judge", "options", "severity", "remove", "kind", "references",
    "false_positives",
))
# fmt: on
_SOURCES = (frozenset(("dataset", "where")), frozenset(("reads",)), frozenset(("registry",)))
"""A row tests records of a dataset, or reads lines of files (`reads`) or values of the registry (`registry`): see `places.py`."""
_CHANGED = frozenset((*SOURCES, "judge", "options", "severity", "remove", "kind"))
"""What another place of a row (`also`) has of its own."""


@dataclass(frozen=True, slots=True)
class PersistenceRow:
    """One mechanism by which something starts by itself, at one kind of place.

    key       the id, or `<id>.1` and so on for another place of the same mechanism
    places    field → shell patterns without case; a record must match one pattern of each field. Empty for rows that read places by
              themselves: the records name them
    judge     returns None for an entry that is expected
    """

    id: str
    key: str
    name: str
    attack: tuple[str, ...]
    os: str
    dataset: str
    places: Mapping[str, tuple[str, ...]]
    expected: str
    remove: str
    kind: str
    rule: DetectionRule
    judge: Callable[[AutostartEntry], Judgement | None]
    tests: tuple[tuple[str, Callable[[str], object]], ...]

    def concerns(self, record: Mapping[str, Any]) -> bool:
        """Return whether the record is of this row's place."""
        return all(isinstance(value := record.get(field), str) and test(value) for field, test in self.tests)


@cache
def rows() -> tuple[PersistenceRow, ...]:
    """Return all rows, by id, without their other places. Raises ValueError for a row that the validator refuses."""
    return tuple(row for row in all_places() if row.key == row.id)


@cache
def all_places() -> tuple[PersistenceRow, ...]:
    """Return all rows and their other places, each as a row of its own. Raises ValueError for a row that the validator refuses."""
    for name, row in documents("rows"):
        if any(unknown := set(place) - _CHANGED for place in row.get("also", ())):
            raise ValueError(f"{name}: `{min(unknown)}` of another place is the row's")
    return tuple(row_from(name, document, key) for name, key, document in parts())


@cache
def judges() -> dict[str, RowJudge[Any]]:
    """Return all judges by the name of their module."""
    return {name: module.JUDGE for name, module in modules(commodore.persistence.judges)}


def row_from(file: str, row: dict[str, Any], key: str = "") -> PersistenceRow:
    """Return one validated row; `key`: of another place. Raises ValueError with the file and the key at fault."""
    wrong = min((set(row) ^ (_KEYS | source) for source in _SOURCES), key=len)
    if wrong:
        raise ValueError(f"{file}: `{min(wrong)}` is missing or unknown")
    if f"{row['id']}.yaml" != file or not re.fullmatch(r"[WLM]\d{3}", row["id"]):
        raise ValueError(f"{file}: the id must be the name of the file")
    if row["severity"] not in SEVERITIES or not row["references"]:
        raise ValueError(f"{file}: severity or references")
    if unknown := set(row["remove"].split("+")) - REMOVALS.keys():
        raise ValueError(f"{file}: removal `{min(unknown)}` is unknown: {', '.join(REMOVALS)}")
    if not all(re.fullmatch(r"T\d{4}(\.\d{3})?", t) for t in row["attack"]):
        raise ValueError(f"{file}: attack")
    if row["judge"] not in judges():
        raise ValueError(f"{file}: judge `{row['judge']}` is unknown: {', '.join(judges())}")
    rule = DetectionRule(
        row["id"],
        row["name"],
        "persistence",
        row["severity"],
        reference=row["references"][0],
        ruleset="persistence",
        techniques=tuple(row["attack"]),
        attack_version=row["attack_version"],
        description=f"Expected: {row['expected']}.",
    )
    try:
        judge = judges()[row["judge"]].bound(RowText(row["name"], row["expected"], row["severity"]), row["options"])
    except ValueError as e:
        raise ValueError(f"{file}: {e}") from e
    dataset = row["dataset"] if "dataset" in row else _own_place(file, row)
    places = {field: tuple(patterns) for field, patterns in row.get("where", {}).items()}
    return PersistenceRow(
        id=row["id"],
        key=key or row["id"],
        name=row["name"],
        attack=tuple(row["attack"]),
        os=row["os"],
        dataset=dataset,
        places=places,
        expected=row["expected"],
        remove=row["remove"],
        kind=row["kind"],
        rule=rule,
        judge=judge,
        tests=tuple((field, _test(patterns)) for field, patterns in places.items()),
    )


def _own_place(file: str, row: dict[str, Any]) -> str:
    """Return the dataset of a row that reads places by itself. Raises ValueError for a language or a kind of hive that there is not."""
    for read in row.get("reads", ()):
        if set(read) != {"files", "language"} or read["language"] not in languages():
            raise ValueError(f"{file}: each of `reads` has files and a language of {', '.join(languages())}")
    for place in row.get("registry", ()):
        if not {"keys", "values"} <= set(place) <= {"keys", "values", "hives", "absent"} or place.get("hives", "any") not in HIVES:
            raise ValueError(f"{file}: each of `registry` has keys, values and, where it matters, hives: {', '.join(HIVES)}")
    return FILES_DATASET if "reads" in row else VALUES_DATASET


def _test(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a test for any of these shell patterns, without case."""
    return re.compile("|".join(translate(p) for p in patterns), re.IGNORECASE | re.DOTALL).match
