"""The catalogue of removals (`catalogue.yaml`): kind of mechanism ↔ rows of the persistence table, verb, class, words for the plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scout.data import load_data

STAGES = ("freeze", "cut", "quarantine", "irreversible")
CLASSES = ("reversible", "compensable", "irreversible")


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of removal as the catalogue tells it."""

    kind: str
    rows: tuple[str, ...]
    verb: str
    stage: str
    cls: str
    reboot: str
    what: str
    detail: str
    risk: str
    back: str


@cache
def catalogue() -> dict[str, Entry]:
    """Kind → entry. ValueError where the data is not as it must be."""
    found = {}
    for kind, e in load_data("hunter", "catalogue.yaml").items():
        entry = Entry(kind, tuple(e["rows"]), e["verb"], e["stage"], e["class"], e["reboot"], e["what"], e["detail"], e["risk"], e["back"])
        if entry.stage not in STAGES or entry.cls not in CLASSES or entry.reboot not in ("yes", "no"):
            raise ValueError(f"catalogue.yaml: {kind}: stage, class or reboot is none of the known ones")
        found[kind] = entry
    return found
