"""Mechanisms of removal, one module each, found by walking this folder. Each has four steps that only read.

    inspect(view, target) → Inspection  the present state of every object that would change, and obstacles
    backup(found)         → paths       files to back up before anything changes
    apply(found, target)  → edits       the changes, with their stages
    restore(edits)        → edits       the same edits in the order in which undo takes them back

The engine (`hunter.run`) encrypts, journals, writes, verifies and undoes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from hunter.host.state import ObjectState
from hunter.host.tree import HostView
from hunter.objects._text import Cut
from hunter.plan.model import RemovalTarget
from scout.discovery import modules


@dataclass(slots=True)
class Inspection:
    """The result of `inspect`."""

    states: dict[str, ObjectState | None] = field(default_factory=dict)
    """every file that the action changes; None where it is not there"""
    gone: str = ""
    """why there is nothing to remove"""
    problems: list[str] = field(default_factory=list)
    """obstacles: the action is blocked"""
    notes: list[str] = field(default_factory=list)
    """notes for the person who reads the plan"""
    starters: list[str] = field(default_factory=list)
    """files that start the target and that this action does not remove"""
    cuts: Sequence[Cut] = ()
    copies: int = 0
    """number of equal lines or elements, the target included"""
    left: int = 0
    """how many of them no action of the plan removes"""
    runtime: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    """(object kind, name) → (state now, state after the removal) of objects other than files"""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one object. Without `cuts` and `after` the object is removed."""

    stage: str
    object: str
    name: str
    cuts: Sequence[Cut] = ()
    drop_if_blank: bool = False
    """remove the file where only white space and separators are left"""
    after: dict[str, Any] | None = None


class Mechanism(Protocol):
    """One mechanism of removal."""

    kind: str

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        """Read the present state. UnsafeError where it cannot be read safely."""

    def backup(self, found: Inspection) -> Sequence[str]:
        """Return the regular files to back up."""

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        """Return the edits that remove the target."""

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        """Return the same edits in the order in which undo takes them back."""


@cache
def mechanisms() -> Mapping[str, Mechanism]:
    """Return kind → mechanism for every module in this folder and below."""
    return {module.MECHANISM.kind: module.MECHANISM for _, module in modules(sys.modules[__name__])}
