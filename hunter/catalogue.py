"""The catalogue of removals (`catalogue.yaml`): for each kind its rows, operation, places, evidence, verb, class and words for the plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from commodore.finding import REMOVALS
from scout.data import load_data
from scout.targets.patterns import path_regex

TARGETS = ("line", "element", "whole")
STAGES = ("freeze", "cut", "quarantine", "irreversible")
CLASSES = ("reversible", "compensable", "irreversible")
SYSTEMS = ("linux", "windows")


@dataclass(frozen=True, slots=True)
class RemovalKind:
    """One kind of removal, as the catalogue declares it."""

    kind: str
    of: str
    """kind of a finding's target"""
    os: str
    rows: tuple[str, ...]
    only: bool
    """it serves these rows and no other one of their kind"""
    operation: str
    """the mechanism that does it"""
    object: str
    """kind of object of a target"""
    target: str
    """`line` or `element`: one of an object; `whole`: the object itself"""
    takes: frozenset[str]
    """fields of a finding's target that may become the target of an action"""
    evidence: tuple[str, ...]
    """independent evidence that makes a target of what a finding only names; () accepts none"""
    options: Mapping[str, Any]
    """what its operation needs to know"""
    login: bool
    """a line of it lets somebody log in"""
    asks: bool
    """the site may have made it itself: a plan asks"""
    places: tuple[re.Pattern[str], ...]
    """where this kind may act: patterns over `Object.place`"""
    removal: str
    stage: str
    cls: str
    reboot: str
    what: str
    detail: str
    risk: str
    back: str

    @property
    def verb(self) -> str:
        """The word of a plan's `do`."""
        return REMOVALS[self.removal].verb

    def may_act_at(self, place: str) -> bool:
        """Return whether this kind may act at a place (`Object.place`)."""
        return any(pattern.fullmatch(place) for pattern in self.places)

    def serves(self, target: Mapping[str, Any], system: str) -> bool:
        """Return whether this kind removes the target of a finding on this operating system."""
        codes = str(target.get("remove") or self.removal).split("+")
        return (self.of, self.os) == (target.get("kind"), system) and (self.removal in codes or not any(c in REMOVALS for c in codes))


@cache
def catalogue() -> dict[str, RemovalKind]:
    """Kind → entry. ValueError where the data does not have the form that this module needs."""
    found = {}
    for kind, e in load_data("hunter", "catalogue.yaml").items():
        system = e.get("os", "linux")
        places = tuple(path_regex(text, fold=system == "windows") for text in e["places"])
        entry = RemovalKind(
            kind,
            e.get("of", kind),
            system,
            tuple(e["rows"]),
            e.get("only") == "yes",
            e["operation"],
            e.get("object", "file"),
            e["target"],
            frozenset(e["takes"]),
            tuple(e["evidence"]),
            e.get("options", {}),
            e.get("login") == "yes",
            e.get("asks") == "yes",
            places,
            e["removal"],
            *(e[name] for name in ("stage", "class", "reboot", "what", "detail", "risk", "back")),
        )
        words = entry.target in TARGETS and entry.stage in STAGES and entry.cls in CLASSES and entry.reboot in ("yes", "no")
        if not words or entry.os not in SYSTEMS or entry.removal not in REMOVALS:
            raise ValueError(f"catalogue.yaml: {kind}: unknown target, stage, class, reboot, system or removal")
        found[kind] = entry
    return found


def kind_of(target: Mapping[str, Any], system: str) -> str:
    """Return the kind that removes the target of a finding on this operating system, '' for none: that of its row, else any of its kind."""
    fitting = [entry for entry in catalogue().values() if entry.serves(target, system)]
    own = [entry.kind for entry in fitting if target.get("mechanism") in entry.rows]
    return next(iter([*own, *(entry.kind for entry in fitting if not entry.only)]), "")


_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|HK(?:LM|U|CU|CR|EY_\w+)(?:\\|\Z)|\?\\|(?i:root)[\\:]")
"""a native path of Windows: drive, share, registry key or object of WMI"""


def system_of(path: str) -> str:
    """Return the operating system of a native path."""
    return "windows" if _WINDOWS.match(path) else "linux"
