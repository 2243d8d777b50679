"""The catalogue of removals (`catalogue.yaml`): kind of mechanism ↔ rows of the persistence table, verb, class, words for the plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scout.data import load_data

TARGETS = ("line", "whole")
STAGES = ("freeze", "cut", "quarantine", "irreversible")
CLASSES = ("reversible", "compensable", "irreversible")


@dataclass(frozen=True, slots=True)
class RemovalKind:
    """One kind of removal as the catalogue tells it."""

    kind: str
    rows: tuple[str, ...]
    target: str
    """`line`: one line or element of a file; `whole`: the object itself"""
    verb: str
    stage: str
    cls: str
    reboot: str
    what: str
    detail: str
    risk: str
    back: str


@cache
def catalogue() -> dict[str, RemovalKind]:
    """Kind → entry. ValueError where the data is not as it must be."""
    found = {}
    for kind, e in load_data("hunter", "catalogue.yaml").items():
        words = (e["verb"], e["stage"], e["class"], e["reboot"], e["what"], e["detail"], e["risk"], e["back"])
        entry = RemovalKind(kind, tuple(e["rows"]), e["target"], *words)
        known = entry.target in TARGETS and entry.stage in STAGES and entry.cls in CLASSES and entry.reboot in ("yes", "no")
        if not known:
            raise ValueError(f"catalogue.yaml: {kind}: target, stage, class or reboot is none of the known ones")
        found[kind] = entry
    return found
