# ruff: noqa: ARG002  (the methods of a protocol, most of which need no argument here)
"""What objects without content share: a state that a manager of the host holds, compared as a whole, with nothing beside it on a disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, ClassVar

from hunter.host.host import RemovalHost
from hunter.objects import Areas, Change, Content, Described, State
from hunter.ref import Ref
from hunter.unsafe import UnsafeError


class ManagedState(ABC):
    """The methods of `hunter.objects.Object` for such an object; a module adds `observe`, `put` and the words of its state."""

    kind: ClassVar[str]
    exact = False
    drifts = True
    fleeting = False
    address = frozenset({"name"})
    facts: ClassVar[Mapping[str, str]] = {}

    def words(self, ref: Ref) -> dict[str, str]:
        return {"name": ref.name}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        if not words.get("name"):
            raise ValueError(f"{self.kind} without a name")
        return Ref(self.kind, str(words["name"]))

    def told(self, ref: Ref) -> str:
        return ref.name

    def place(self, ref: Ref) -> str:
        return ref.name.lstrip("/")

    def content(self, host: RemovalHost, ref: Ref) -> AbstractContextManager[BinaryIO]:
        raise UnsafeError(f"{ref.name} has no content")

    def edited(self, before: State, data: bytes, stamp: int) -> State:
        raise UnsafeError(f"{self.kind} has no content")

    def blank(self, state: State, data: bytes) -> bool:
        return not data

    def recorded(self, facts: Mapping[str, Any], root_ino: object) -> dict[str, Any]:
        return {name: str(facts[name]) for name in self.facts if name in facts}

    def same(self, one: Described, other: Described) -> bool:
        return one == other

    def like(self, now: Described, before: Described) -> bool:
        return self.same(now, before)

    def expectation(self, state: State) -> dict[str, Any]:
        return {name: str(state[name]) for name in self.facts}

    def lacking(self, expect: Mapping[str, Any]) -> list[str]:
        return [name for name in self.facts if name not in expect]

    def differences(self, expect: Mapping[str, Any], now: State, *, copy: bool) -> list[tuple[str, str, str]]:
        return [(name, str(expect[name]), str(now[name])) for name in self.facts if name in expect and str(expect[name]) != str(now[name])]

    def controller(self, host: RemovalHost, ref: Ref) -> int:
        return 0

    def barrier(self, host: RemovalHost, ref: Ref) -> str:
        return ""

    def not_restorable(self, state: State) -> str:
        return ""

    def survey(self, host: RemovalHost, refs: Iterable[Ref]) -> Areas:
        return {}

    def changed(self, host: RemovalHost, before: Areas, explained: set[Ref]) -> tuple[list[str], int]:
        return [], 0

    def restore_areas(self, host: RemovalHost, before: Areas) -> list[str]:
        return []

    @abstractmethod
    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:
        """Change the object."""

    def bundle(self, host: RemovalHost, ref: Ref) -> str:
        return ""

    def put_all(self, host: RemovalHost, changes: Sequence[Change], mark: str) -> None:
        for ref, now, then, content in changes:
            self.put(host, ref, now, then, content, mark)

    def tidy(self, host: RemovalHost, ref: Ref, mark: str) -> None:  # noqa: B027
        """Nothing to do: the manager leaves nothing behind."""
