"""Object kind `task`: one task of the running Windows, deleted and registered by the Task Scheduler. Its content is its definition.

What `undo` restores: the definition and the descriptor. The task gets a new id, and loses when it ran last.
"""

from __future__ import annotations

import hashlib
import io
import sys
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

_COMPARED = ("definition_sha256", "descriptor")


def scheduler_of(view: HostView) -> RemovalHost | None:
    """Return the host whose Task Scheduler answers: the running Windows."""
    return view if isinstance(view, RemovalHost) and view.live and sys.platform == "win32" else None


class _Task(ManagedState):
    kind = "task"
    exact = True
    facts: ClassVar[Mapping[str, str]] = dict.fromkeys(_COMPARED, "text")

    def place(self, ref: Ref) -> str:
        """Return the place of its definition: where a task may be removed is said once, of files."""
        return "Windows/System32/Tasks" + ref.name.replace("\\", "/")

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        if scheduler_of(host) is None:
            raise UnsafeError("Windows does not run here")
        from hunter.host.windows import tasks

        known = tasks.read(ref.name)
        if known is None:
            return None
        raw = known[0].encode("utf-16")
        return {
            "definition_sha256": hashlib.sha256(tasks.canonical(known[0]).encode()).hexdigest(),
            "descriptor": known[1],
            "sha256": hashlib.sha256(raw).hexdigest(),
            "size": len(raw),
            "logon": tasks.logon_type(known[0]),
        }

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:  # noqa: ARG002
        from hunter.host.windows import tasks

        known = tasks.read(ref.name)
        if known is None:
            raise UnsafeError("it went away")
        yield io.BytesIO(known[0].encode("utf-16"))

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return all(one[name] == other[name] for name in _COMPARED)

    def changes(self, was: Described, now: Described) -> str:
        if was is None or now is None:
            return "" if now is was else "it was there, is gone" if now is None else "it was removed, is there"
        return "; ".join(f"{name} was {was[name]}, is {now[name]}" for name in _COMPARED if was[name] != now[name])

    def not_restorable(self, state: State) -> str:
        lost = "the password of its account, " if state["logon"] == 1 else ""
        return f"{lost}its id, and when it ran last"

    def barrier(self, host: RemovalHost, ref: Ref) -> str:  # noqa: ARG002
        from hunter.host.windows.native import administrator

        return "" if administrator() else f"{ref.name}: no right to change tasks: run as administrator"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        from hunter.host.windows import tasks

        present = self.observe(host, ref)
        if not self.same(present, now):
            raise SurpriseError(self.changes(now, present))
        if then is None and present is not None:
            tasks.delete(ref.name)
        elif then is not None:
            tasks.register(ref.name, read(content).decode("utf-16"), str(then["descriptor"]))
        if not self.same(self.observe(host, ref), then):
            raise UnsafeError("the Task Scheduler reported success, but the task is not in the new state")


OBJECT = _Task()
