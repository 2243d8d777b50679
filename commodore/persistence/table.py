"""The table as data, validated: `W001.yaml` and its kin beside this module, and `traits.yaml`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Any

from commodore.finding import SEVERITIES
from commodore.hits import DetectionRule
from scout.data import parse_yaml

REMOVE = frozenset(("RV", "RK", "RS", "XE", "FQ", "TK", "SV", "WM", "LN", "JS", "UN", "AC", "PK", "MM"))
# fmt: off
_KEYS = frozenset((
    "id", "name", "attack", "attack_version", "os", "dataset", "where", "lives", "expected", "judge", "options", "severity", "remove",
    "kind", "targets", "references", "false_positives",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One row. `where`: field → test that a record must pass before it is judged; `judge`: name of the function that judges it."""

    id: str
    name: str
    attack: tuple[str, ...]
    attack_version: str
    dataset: str
    where: tuple[tuple[str, Callable[[str], Any]], ...]
    expected: str
    judge: str
    options: dict[str, list[str]]
    severity: str
    remove: str
    kind: str
    targets: tuple[str, ...]
    rule: DetectionRule

    def concerns(self, record: dict[str, Any]) -> bool:
        """Whether the record is of this mechanism's place."""
        return all(isinstance(value := record.get(field), str) and test(value) for field, test in self.where)


@cache
def mechanisms() -> tuple[Mechanism, ...]:
    """All rows, by id. Raises ValueError for a row that the validator refuses."""
    rows = [_mechanism(name, document) for name, document in _documents() if name != "traits.yaml"]
    return tuple(sorted(rows, key=lambda m: m.id))


@cache
def traits() -> dict[str, Any]:
    """`traits.yaml`. Raises ValueError for a severity or pattern that is none."""
    document: dict[str, Any] = dict(_documents())["traits.yaml"]
    for part in ("windows", "linux"):
        for kind in ("place", "script", "command"):
            for severity, pattern, words in document[part].get(kind, []):
                if severity not in SEVERITIES or not words:
                    raise ValueError(f"traits.yaml: {part}.{kind}: `{pattern}`")
                re.compile(pattern)
    return document


@cache
def digest() -> str:
    """sha256 of all the data."""
    whole = hashlib.sha256()
    for name, raw in _texts():
        whole.update(name.encode() + b"\0" + hashlib.sha256(raw).digest())
    return whole.hexdigest()


def _texts() -> list[tuple[str, bytes]]:
    here = files("commodore.persistence")
    rows = [row for folder in here.joinpath("rows").iterdir() for row in folder.iterdir()]
    return sorted((file.name, file.read_bytes().replace(b"\r\n", b"\n")) for file in [here.joinpath("traits.yaml"), *rows])


def _documents() -> list[tuple[str, dict[str, Any]]]:
    return [(name, parse_yaml(raw)) for name, raw in _texts()]


def _mechanism(file: str, row: dict[str, Any]) -> Mechanism:
    wrong = set(row) ^ _KEYS
    if wrong:
        raise ValueError(f"{file}: `{wrong.pop()}` is missing or unknown")
    if f"{row['id']}.yaml" != file or not re.fullmatch(r"[WLM]\d{3}", row["id"]):
        raise ValueError(f"{file}: the id must be the file's name")
    if row["severity"] not in SEVERITIES or set(row["remove"].split("+")) - REMOVE or not row["references"]:
        raise ValueError(f"{file}: severity, remove or references")
    if not all(re.fullmatch(r"T\d{4}(\.\d{3})?", t) for t in row["attack"]):
        raise ValueError(f"{file}: attack")
    where = tuple((field, _test(patterns)) for field, patterns in row["where"].items())
    rule = DetectionRule(
        row["id"],
        row["name"],
        "persistence",
        row["severity"],
        reference=row["references"][0],
        ruleset="persistence",
        techniques=tuple(row["attack"]),
        attack_version=row["attack_version"],
        description=f"expected: {row['expected']}",
    )
    return Mechanism(
        row["id"],
        row["name"],
        tuple(row["attack"]),
        row["attack_version"],
        row["dataset"],
        where,
        row["expected"],
        row["judge"],
        row["options"],
        row["severity"],
        row["remove"],
        row["kind"],
        tuple(row["targets"]),
        rule,
    )


def _test(patterns: list[str]) -> Callable[[str], Any]:
    """Shell patterns without case, any of them."""
    return re.compile("|".join(translate(p) for p in patterns), re.IGNORECASE | re.DOTALL).match
