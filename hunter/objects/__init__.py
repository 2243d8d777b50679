"""Kinds of objects that can be changed, one module each, found by walking this folder.

A mechanism returns which objects change; an object changes one thing of its kind.

An object module has `OBJECT` with the methods of `Object`. The engine journals a transition (from, to) before `put`, so after a kill
`observe` tells which of the two holds: `put` must leave exactly one of the two at any instant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, BinaryIO, Protocol

from hunter.host.tree import HostTree
from scout.discovery import modules

Described = dict[str, Any] | None
"""the state of an object as the journal holds it; None where the object is not there"""
Content = Callable[[BinaryIO], None]
"""writes the new bytes of an object into a stream"""


class Object(Protocol):
    """Reads and changes one kind of object."""

    kind: str

    def observe(self, tree: HostTree, name: str) -> Described:
        """Return the present state. UnsafeError where it cannot be read safely."""

    def same(self, one: Described, other: Described) -> bool:
        """Return True where both describe the same state."""

    def changes(self, was: Described, now: Described) -> str:
        """Return what differs between the expected and the present state, as text for a person."""

    def put(self, tree: HostTree, name: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
        """Change the object from `now` to `then`, atomically and synced. SurpriseError where it is not in the state `now` right before."""

    def tidy(self, tree: HostTree, name: str, mark: str) -> None:
        """Remove what a killed `put` of this mark left beside the object."""


class SurpriseError(Exception):
    """The object was not in the state that the journal says, right before a write. Nothing was written."""


@cache
def objects() -> Mapping[str, Object]:
    """Return kind → object for every module in this folder and below."""
    return {module.OBJECT.kind: module.OBJECT for _, module in modules(sys.modules[__name__])}
