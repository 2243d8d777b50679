"""Kinds of objects that can be changed: one file each, found by folder. A mechanism says which objects change; an object knows how.

An object module has `OBJECT` with the methods of `Object`. The engine journals a transition (from, to) before `put`, so after a kill
`observe` tells which of the two holds: `put` must leave exactly one of them at any instant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, BinaryIO, Protocol

from hunter.host.tree import HostTree
from scout.discovery import modules

Described = dict[str, Any] | None
"""State of an object as the journal writes it; None = it is not there"""
Content = Callable[[BinaryIO], None]
"""writes the bytes that an object is to have"""


class Object(Protocol):
    """How one kind of object is looked at and changed."""

    kind: str

    def observe(self, tree: HostTree, name: str) -> Described:
        """The present state, in the words of `same`. UnsafeError where it cannot be told."""

    def same(self, one: Described, other: Described) -> bool:
        """True where both describe the same state."""

    def changes(self, was: Described, now: Described) -> str:
        """What differs between two states, for a person: what was expected and what is there."""

    def put(self, tree: HostTree, name: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
        """From `now` to `then`, atomically and synced. Surprise where the object is not in the state `now` right before the write."""

    def tidy(self, tree: HostTree, name: str, mark: str) -> None:
        """Remove what a killed `put` of this mark left beside the object."""


class SurpriseError(Exception):
    """The object was not as the journal says, right before a write: nothing was written."""


@cache
def objects() -> Mapping[str, Object]:
    """Kind → object, of every module in this folder and below."""
    return {module.OBJECT.kind: module.OBJECT for _, module in modules(sys.modules[__name__])}
