"""The catalogue of removals (`kinds/*.yaml`): for each kind its rows, operation, places, evidence, verb, class and words for the plan.

A kind is data: what it does is one of the operations of mechanisms/. The keys of an entry:

operation   the mechanism. object: kind of object of a target (objects/), `file` if not given. options: what the operation needs to know
of          kind of a finding's target, the name of the entry if not given. os: its operating system, `linux` if not given
removal     one of the codes of `commodore.finding.REMOVALS` that the target of such a finding allows; it has the verb of a plan's `do`
rows        rows of the persistence table that it serves. only: "yes" where it serves these and no other one of the same kind. Where several
            kinds serve a row, the first one of a file that can do it at that place does
target      what an action names of its object: one `line` or one `element` of it, or the `whole`
takes       the fields of a finding's target that become the target of an action. No other field does
evidence    what must be known of an object that a finding does not judge itself, but only names (a file that a command starts). One of the
            list is enough; the names are those of commodore/persistence/evidence.yaml. Empty: only a finding of its own makes it a target
asks        "yes" where the site may have made it itself: the plan asks, and a person or a list of what is known decides
login       "yes" where it decides who can log in or become root: the last administrator keeps a way in
check       what must hold of the file afterwards (checks/)
places      where this kind may act. Anywhere else it is refused unless the user names the exact target with --i-know. `*` matches within a
            component, `**` across components
class       reversible, compensable or irreversible. stage: the order within a plan. reboot: "yes" where it takes effect at the next start
what        the title of an action, with `detail` for a second line ({path}, {name}, {data}; {begin} and {end} of the data)
inside      the title where the target is a drop-in in a folder of the object, {owner} (`/x/y.service.d/z.conf` → `y.service`)
risk, back  what a person reads in the plan
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from commodore.finding import REMOVALS
from scout.data import parse_yaml
from scout.targets.patterns import path_regex

TARGETS = ("line", "element", "whole")
STAGES = ("freeze", "stop", "cut", "quarantine", "irreversible")
"""the order of a run: processes are frozen, units and services stopped, persistence is cut, files go; what cannot be taken back is last"""
BARRIER = "irreversible"
"""the stage that begins when everything before it is done and was looked at again"""
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
    """it decides who can log in or become root"""
    asks: bool
    """the site may have made it itself: a plan asks"""
    check: str
    """the module of checks/ that looks at the file as it would be, '' for none"""
    places: tuple[str, ...]
    """where this kind may act: patterns over `Object.place`"""
    removal: str
    stage: str
    cls: str
    reboot: str
    what: str
    inside: str
    """the title of an action on a drop-in, '' where that is no other one"""
    detail: str
    risk: str
    back: str

    @property
    def verb(self) -> str:
        """The word of a plan's `do`."""
        return REMOVALS[self.removal].verb

    def may_act_at(self, place: str) -> bool:
        """Return whether this kind may act at a place (`Object.place`)."""
        return any(path_regex(pattern, fold=self.os == "windows").fullmatch(place) for pattern in self.places)

    def serves(self, target: Mapping[str, Any], system: str) -> bool:
        """Return whether this kind removes the target of a finding on this operating system."""
        codes = str(target.get("remove") or self.removal).split("+")
        return (self.of, self.os) == (target.get("kind"), system) and (self.removal in codes or not any(c in REMOVALS for c in codes))


@cache
def catalogue() -> dict[str, RemovalKind]:
    """Kind → entry. ValueError where the data does not have the form that this module needs."""
    found: dict[str, RemovalKind] = {}
    for kind, e in _entries():
        system = e.get("os", "linux")
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
            e.get("check", ""),
            tuple(e["places"]),
            e["removal"],
            *({"inside": "", **e}[name] for name in ("stage", "class", "reboot", "what", "inside", "detail", "risk", "back")),
        )
        words = entry.target in TARGETS and entry.stage in STAGES and entry.cls in CLASSES and entry.reboot in ("yes", "no")
        if not words or entry.os not in SYSTEMS or entry.removal not in REMOVALS:
            raise ValueError(f"{kind}: unknown target, stage, class, reboot, system or removal")
        if kind in found:
            raise ValueError(f"{kind} is there twice")
        found[kind] = entry
    return found


def _entries() -> Iterator[tuple[str, dict[str, Any]]]:
    folder = files("hunter").joinpath("kinds")
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            yield from parse_yaml(file.read_bytes()).items()


def kinds_of(target: Mapping[str, Any], system: str) -> list[str]:
    """Return the kinds that may remove the target of a finding on this operating system, those of its row first, then any of its kind."""
    fitting = [entry for entry in catalogue().values() if entry.serves(target, system)]
    own = [entry.kind for entry in fitting if target.get("mechanism") in entry.rows]
    return list(dict.fromkeys([*own, *(entry.kind for entry in fitting if not entry.only)]))


_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|HK(?:LM|U|CU|CR|EY_\w+)(?:\\|\Z)|\?\\|(?i:root)[\\:]")
"""a native path of Windows: drive, share, registry key or object of WMI"""


def system_of(path: str) -> str:
    """Return the operating system of a native path."""
    return "windows" if _WINDOWS.match(path) else "linux"
