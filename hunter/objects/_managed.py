"""What tasks and objects of WMI share: a service of the running Windows holds them, reads them whole, and writes them whole."""

from __future__ import annotations

import hashlib
import io
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, ClassVar

from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.objects import Content, Described, State
from hunter.objects._plain import ManagedState
from hunter.objects._registry import read
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError


def live_windows(view: HostView) -> RemovalHost | None:
    """Return the host whose services answer: the running Windows."""
    return view if isinstance(view, RemovalHost) and view.live and sys.platform == "win32" else None


class WindowsManagedObject(ManagedState):
    """A module says how to read, delete and write one, and the words of its state that are compared."""

    exact = True
    manager: ClassVar[str]
    """who holds it, for a person"""
    compared: ClassVar[tuple[str, ...]]

    @abstractmethod
    def known(self, ref: Ref) -> tuple[State, bytes] | None:
        """Return (what is compared and told, content), None where it is not there."""

    @abstractmethod
    def delete(self, ref: Ref) -> None:
        """Delete it."""

    @abstractmethod
    def write(self, ref: Ref, then: State, content: bytes) -> None:
        """Write it."""

    def _read(self, host: RemovalHost, ref: Ref) -> tuple[State, bytes] | None:
        if live_windows(host) is None:
            raise UnsafeError("Windows does not run here")
        return self.known(ref)

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        known = self._read(host, ref)
        return None if known is None else {**known[0], "sha256": hashlib.sha256(known[1]).hexdigest(), "size": len(known[1])}

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:
        known = self._read(host, ref)
        if known is None:
            raise UnsafeError("it went away")
        yield io.BytesIO(known[1])

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return all(one[name] == other[name] for name in self.compared)

    def changes(self, was: Described, now: Described) -> str:
        if was is None or now is None:
            return "" if now is was else "it was there, is gone" if now is None else "it was removed, is there"
        return "; ".join(f"{name} was {was[name]}, is {now[name]}" for name in self.compared if was[name] != now[name])

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        present = self.observe(host, ref)
        if not self.same(present, now):
            raise SurpriseError(self.changes(now, present))
        if then is None and present is not None:
            self.delete(ref)
        elif then is not None:
            self.write(ref, then, read(content))
        if not self.same(self.observe(host, ref), then):
            raise UnsafeError(f"{self.manager} reported success, but the object is not in the new state")


def text_facts(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return the shapes of words that are text."""
    return dict.fromkeys(names, "text")
