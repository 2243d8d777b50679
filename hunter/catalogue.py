"""The catalogue of removals (`catalogue.yaml`): for each kind its rows, fields, places, evidence, verb, class and words for the plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from commodore.finding import REMOVALS
from scout.data import load_data
from scout.targets.patterns import path_regex

TARGETS = ("line", "whole")
STAGES = ("freeze", "cut", "quarantine", "irreversible")
CLASSES = ("reversible", "compensable", "irreversible")


@dataclass(frozen=True, slots=True)
class RemovalKind:
    """One kind of removal, as the catalogue declares it."""

    kind: str
    rows: tuple[str, ...]
    target: str
    """`line`: one line or element of a file; `whole`: the object itself"""
    takes: frozenset[str]
    """fields of a finding's target that may become the target of an action"""
    evidence: tuple[str, ...]
    """independent evidence that makes a target of what a finding only names; () accepts none"""
    places: tuple[re.Pattern[str], ...]
    """where this kind may act: patterns over native paths without the leading `/`"""
    verb: str
    stage: str
    cls: str
    reboot: str
    what: str
    detail: str
    risk: str
    back: str

    def may_act_at(self, path: str) -> bool:
        """Return whether this kind may act at a native path."""
        below = path.lstrip("/")
        return any(pattern.fullmatch(below) for pattern in self.places)


@cache
def catalogue() -> dict[str, RemovalKind]:
    """Kind → entry. ValueError where the data does not have the form that this module needs."""
    found = {}
    for kind, e in load_data("hunter", "catalogue.yaml").items():
        words = (REMOVALS[e["removal"]].verb, e["stage"], e["class"], e["reboot"], e["what"], e["detail"], e["risk"], e["back"])
        places = tuple(path_regex(text, fold=False) for text in e["places"])
        entry = RemovalKind(kind, tuple(e["rows"]), e["target"], frozenset(e["takes"]), tuple(e["evidence"]), places, *words)
        known = entry.target in TARGETS and entry.stage in STAGES and entry.cls in CLASSES and entry.reboot in ("yes", "no")
        if not known:
            raise ValueError(f"catalogue.yaml: {kind}: unknown target, stage, class or reboot")
        found[kind] = entry
    return found
