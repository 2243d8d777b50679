"""Ways of removing: one small file each, found by folder, each with four pure steps behind one protocol.

    inspect(view, target) → Found       what is there now: states of every object that would change, what is in the way
    backup(found)         → paths       whose bytes must be kept before anything changes
    apply(found, target)  → edits       what changes, in which stage
    restore(edits)        → edits       the order in which the same edits are taken back

They read through the view and write nothing; the engine encrypts, journals, writes, verifies and takes back.
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
    """What `inspect` saw."""

    states: dict[str, ObjectState | None] = field(default_factory=dict)
    """every file that the action changes; None = not there"""
    gone: str = ""
    """why there is nothing to remove"""
    problems: list[str] = field(default_factory=list)
    """what is in the way: the action is blocked"""
    notes: list[str] = field(default_factory=list)
    """what stays and a person should know of"""
    starters: list[str] = field(default_factory=list)
    """files that start what is removed and do not go with it"""
    cuts: Sequence[Cut] = ()
    copies: int = 0
    """how many equal lines or elements stand there, the guilty one included"""
    left: int = 0
    """how many of them no action of the plan takes out"""
    runtime: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    """(object kind, name) → (now, after the removal), of what is no file"""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one object. Without `cuts` and `after` the object is removed."""

    stage: str
    object: str
    name: str
    cuts: Sequence[Cut] = ()
    drop_if_blank: bool = False
    """remove the file where nothing but white space and separators is left of it"""
    after: dict[str, Any] | None = None


class Mechanism(Protocol):
    """One way of removing."""

    kind: str

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        """Read only. UnsafeError where it cannot be looked at."""

    def backup(self, found: Inspection) -> Sequence[str]:
        """Paths of regular files whose bytes must be kept."""

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        """The edits that remove it."""

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        """The same edits in the order in which they are taken back."""


@cache
def mechanisms() -> Mapping[str, Mechanism]:
    """Kind → mechanism, of every module in this folder and below."""
    return {module.MECHANISM.kind: module.MECHANISM for _, module in modules(sys.modules[__name__])}
