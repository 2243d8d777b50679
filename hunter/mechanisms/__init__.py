"""Mechanisms of removal, one module each, named by their operation and found by walking this folder. They only read.

    targets(fields)       → targets     what a finding names, as targets of actions
    inspect(view, target) → Inspection  the present state of every object that would change, and obstacles
    apply(found, target)  → edits       the changes, with their stages
    restore(edits)        → edits       the same edits in the order in which undo takes them back

The engine (`hunter.run`) encrypts, journals, writes, verifies and undoes. Before anything changes it keeps a copy of every object with
content that an edit names. What a row of the persistence table needs (places, words, class) is data in `kinds/`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from hunter.catalogue import catalogue
from hunter.host.view import HostView
from hunter.objects import Described, State
from hunter.objects._text import Cut, Put
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref
from scout.discovery import modules


@dataclass(slots=True)
class Inspection:
    """The result of `inspect`."""

    states: dict[Ref, Described] = field(default_factory=dict)
    """everything that the action changes; None where it is not there"""
    gone: str = ""
    """why there is nothing to remove"""
    problems: list[str] = field(default_factory=list)
    """obstacles: the action is blocked"""
    notes: list[str] = field(default_factory=list)
    """notes for the person who reads the plan"""
    starters: list[Ref] = field(default_factory=list)
    """what starts the target and is not removed by this action"""
    cuts: Sequence[Cut] = ()
    edits: Mapping[Ref, tuple[Sequence[Cut], Sequence[Put]]] = field(default_factory=dict)
    """cuts and puts of each object, where more than one changes"""
    data: bytes | None = None
    """the whole new content, where the operation computes it"""
    copies: int = 0
    """number of equal lines or elements, the target included"""
    left: int = 0
    """how many of them no action of the plan removes"""
    holder: str = "the file"
    """what holds the lines or elements"""
    later: str = ""
    """why it can be done on the running host only; the target is not looked at here"""
    stays: bool = False
    """the target is still there when it is done, with other content"""
    memory: int = 0
    """bytes of memory that are kept beside the plan"""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one object. Without `cuts`, `puts`, `data` and `after` the object is removed."""

    stage: str
    ref: Ref
    cuts: Sequence[Cut] = ()
    puts: Sequence[Put] = ()
    drop_if_blank: bool = False
    """remove the object where only white space and separators are left"""
    default: bytes | None = None
    """content where only white space and separators are left"""
    data: bytes | None = None
    """the whole new content"""
    after: State | None = None
    memory: bool = False
    """the memory of the process is kept as soon as all that is to be frozen is"""


class Mechanism(Protocol):
    """One operation."""

    operation: str
    starts: bool
    """what it removes starts something: files that the finding names are judged too"""
    stays: bool
    """the object of its target stays, with other content"""
    loads: bool
    """an element of its target is the path of a file"""
    encloses: bool
    """other objects belong to its target and go with it"""
    names_others: bool
    """some of them by their name alone: `names` says which"""

    def bind(self, options: Mapping[str, Any]) -> Mechanism:
        """Return the mechanism with the options of a kind of removal."""

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        """Return the targets from these fields of a finding. ValueError where they name none."""

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the finding says of the present state of its target."""

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:
        """Return what goes with the target."""

    def companions(self, fields: Mapping[str, Any]) -> list[Ref]:
        """Return what goes with the target as the finding names it: another action on it is part of this one."""

    def names(self, ref: Ref, other: Ref) -> bool:
        """Return whether another object belongs to the target by its name alone, so that it goes with it whatever the case knows."""

    def starters(self, view: HostView, ref: Ref) -> list[tuple[Ref, str]]:
        """Return (what starts the target and has its name, row of the persistence table): an action of its own where it is guilty too."""

    def unit(self, ref: Ref) -> str:
        """Return the name of the unit that the removal of a target ends, '' for none."""

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        """Read the present state. UnsafeError where it cannot be read safely."""

    def returned(self, view: HostView, target: RemovalTarget, expect: Mapping[str, Any]) -> str:
        """Return what does the work of a target that is gone, for a person; '' for nothing. `expect`: what the plan expected of it."""

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        """Return the edits that remove the target."""

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        """Return the same edits in the order in which undo takes them back."""


@cache
def mechanisms() -> Mapping[str, Mechanism]:
    """Return operation → mechanism for every module in this folder and below."""
    return {module.MECHANISM.operation: module.MECHANISM for _, module in modules(sys.modules[__name__])}


@cache
def mechanism_of(kind: str) -> Mechanism:
    """Return the mechanism that a kind of removal uses."""
    return mechanisms()[catalogue()[kind].operation].bind(catalogue()[kind].options)
