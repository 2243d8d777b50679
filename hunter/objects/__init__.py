"""Kinds of objects that can be changed, one module each, found by walking this folder.

A mechanism returns which objects change; an object changes one thing of its kind.

An object module has `OBJECT` with the methods of `Object`. The engine journals a transition (from, to) before `put`, so after a kill
`observe` tells which of the two holds: `put` must leave exactly one of the two at any instant.

A state is a JSON object. Where it has a `sha256`, the object has content: the engine keeps an encrypted copy of what `content` reads before
anything changes, and hands it to `put` when the object is put back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, BinaryIO, Protocol

from hunter.host.files import Content
from hunter.host.host import RemovalHost
from hunter.ref import Ref
from scout.discovery import modules

__all__ = ["Areas", "Change", "Content", "Described", "Object", "State", "objects", "of", "told"]

State = dict[str, Any]
Described = State | None
"""the state of an object as the journal holds it; None where the object is not there"""
Change = tuple[Ref, Described, Described, Content | None]
"""(object, its state now, then, writer of its content)"""
Areas = dict[str, dict[str, Any]]
"""name of an area → its entries and times, as JSON"""


class Object(Protocol):
    """Reads and changes one kind of object."""

    kind: str
    exact: bool
    """nothing changes its state by itself, and `put` compares right before it writes: after a SurpriseError nothing was written"""
    drifts: bool
    """a state that differs from the journal stops the run"""
    fleeting: bool
    """it may end by itself, and nothing makes it again: an action on one that has ended is settled, and undo leaves it ended"""
    address: frozenset[str]
    """the words that name such an object in a plan"""
    facts: Mapping[str, str]
    """the words of an expected state in a plan → their shape: `text`, `map` or `list`"""

    def words(self, ref: Ref) -> dict[str, str]:
        """Return the name as a plan has it."""

    def ref(self, words: Mapping[str, Any]) -> Ref:
        """Return the object that words of a plan name. ValueError where they name none, or more than one (a pattern)."""

    def told(self, ref: Ref) -> str:
        """Return the name as one text for a person, not escaped; `--i-know` takes it."""

    def place(self, ref: Ref) -> str:
        """Return the name as patterns of places are compared with it: components separated by `/`, none in front."""

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        """Return the present state. UnsafeError where it cannot be read safely."""

    def content(self, host: RemovalHost, ref: Ref) -> AbstractContextManager[BinaryIO]:
        """Open the bytes whose hash is in the state. UnsafeError, OSError."""

    def edited(self, before: State, data: bytes, stamp: int) -> State:
        """Return the state of the object with other content, written at `stamp` (ns since 1970 UTC)."""

    def blank(self, state: State, data: bytes) -> bool:
        """Return True where content has nothing but white space and separators."""

    def recorded(self, facts: Mapping[str, Any], root_ino: object) -> dict[str, Any]:
        """Return what a plan expects, from facts of a collection; what was not recorded is absent and must be sealed on the host."""

    def same(self, one: Described, other: Described) -> bool:
        """Return True where both describe the same state."""

    def like(self, now: Described, before: Described) -> bool:
        """Return True where what was removed is there again, in whatever clothes."""

    def changes(self, was: Described, now: Described) -> str:
        """Return what differs between the expected and the present state, as text for a person."""

    def expectation(self, state: State) -> dict[str, Any]:
        """Return what a plan expects of this state: text, maps of text and lists of text."""

    def lacking(self, expect: Mapping[str, Any]) -> list[str]:
        """Return the facts that an expectation needs and does not have."""

    def differences(self, expect: Mapping[str, Any], now: State, *, copy: bool) -> list[tuple[str, str, str]]:
        """Return (what, expected, now) of every difference. `copy`: the tree is a copy of the plan's host."""

    def controller(self, host: RemovalHost, ref: Ref) -> int:
        """Return the uid of a user who is not root and may change the object, 0 for nobody, `EVERYBODY` for several."""

    def barrier(self, host: RemovalHost, ref: Ref) -> str:
        """Return why the object cannot be changed here, '' where it can. UnsafeError, OSError."""

    def not_restorable(self, state: State) -> str:
        """Return what of this state undo cannot restore, '' for nothing."""

    def survey(self, host: RemovalHost, refs: Iterable[Ref]) -> Areas:
        """Return the areas in which these objects lie, with everything that is beside them."""

    def changed(self, host: RemovalHost, before: Areas, explained: set[Ref]) -> tuple[list[str], int]:
        """Return (what changed in the areas apart from `explained`, number of entries compared)."""

    def restore_areas(self, host: RemovalHost, before: Areas) -> list[str]:
        """Restore the times of areas after everything was taken back; return what could not be restored."""

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:
        """Change the object from `now` to `then`, atomically and synced. SurpriseError where it is not in the state `now` right before."""

    def bundle(self, host: RemovalHost, ref: Ref) -> str:
        """Return what is written as one with the object (the file of a hive), '' where the object is written alone."""

    def put_all(self, host: RemovalHost, changes: Sequence[Change], mark: str) -> None:
        """Do the changes of objects of one bundle in one write, as `put`: after a kill all of them are done, or none."""

    def tidy(self, host: RemovalHost, ref: Ref, mark: str) -> None:
        """Remove what a killed `put` of this mark left beside the object."""


@cache
def objects() -> Mapping[str, Object]:
    """Return kind → object for every module in this folder and below."""
    return {module.OBJECT.kind: module.OBJECT for _, module in modules(sys.modules[__name__])}


def of(ref: Ref) -> Object:
    """Return the object of a reference. KeyError for a kind that is none."""
    return objects()[ref.object]


def told(ref: Ref) -> str:
    """Return the name of a reference for a person, not escaped."""
    return of(ref).told(ref)
