"""Object kind `task`: one task of the running Windows, deleted and registered by the Task Scheduler. Its content is its definition.

What `undo` restores: the definition and the descriptor. The task gets a new id, and loses when it ran last.
"""

from __future__ import annotations

import hashlib

from hunter.host.host import RemovalHost
from hunter.objects import State
from hunter.objects._managed import WindowsManagedObject, text_facts
from hunter.ref import Ref


class _Task(WindowsManagedObject):
    kind = "task"
    manager = "the Task Scheduler"
    compared = ("definition_sha256", "descriptor")
    facts = text_facts(compared)

    def place(self, ref: Ref) -> str:
        """Return the place of its definition: where a task may be removed is said once, of files."""
        return "Windows/System32/Tasks" + ref.name.replace("\\", "/")

    def known(self, ref: Ref) -> tuple[State, bytes] | None:
        from hunter.host.windows import tasks

        known = tasks.read(ref.name)
        if known is None:
            return None
        definition = hashlib.sha256(tasks.canonical(known[0]).encode()).hexdigest()
        facts = {"definition_sha256": definition, "descriptor": known[1], "logon": tasks.logon_type(known[0])}
        return facts, known[0].encode("utf-16")

    def not_restorable(self, state: State) -> str:
        lost = "the password of its account, " if state["logon"] == 1 else ""
        return f"{lost}its id, and when it ran last"

    def barrier(self, host: RemovalHost, ref: Ref) -> str:  # noqa: ARG002
        from hunter.host.windows.native import administrator

        return "" if administrator() else f"{ref.name}: no right to change tasks: run as administrator"

    def delete(self, ref: Ref) -> None:
        from hunter.host.windows import tasks

        tasks.delete(ref.name)

    def write(self, ref: Ref, then: State, content: bytes) -> None:
        from hunter.host.windows import tasks

        tasks.register(ref.name, content.decode("utf-16"), str(then["descriptor"]))


OBJECT = _Task()
