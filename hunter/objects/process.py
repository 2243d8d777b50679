"""Object kind `process`: a running process. It can be ended, and never comes back: nobody can make the same process again.

A plan names it by program, number and start. Its state has what no other process of the host has together (`ticks` since the start of the
kernel, and which `boot` that was) and the program's file. Where that file has no name any more, the engine keeps a copy, as of any content.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO

from hunter.host import processes
from hunter.host.host import RemovalHost
from hunter.host.process import RunningProcess
from hunter.host.windows.processes import planned_path
from hunter.objects import Content, Described, State
from hunter.objects._plain import ManagedState
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError

TOLERANCE = 2.0
"""seconds by which the start of one process may differ between two readings: the kernel tells its own start in whole seconds"""
_COMPARED = ("started", "executable", "image", "ticks", "boot", "inode")
_FACTS = (*_COMPARED, "command")
"""`command` is for a person, and tells the process when it runs again; a process may change its own, so it is not compared"""


class ProcessAddress(ManagedState):
    """How a plan names a process: `path` of its program, `pid`, and `start` (RFC 3339 UTC)."""

    address = frozenset({"path", "pid", "start"})
    fleeting = True

    def words(self, ref: Ref) -> dict[str, str]:
        pid, _, start = ref.part.partition(" ")
        return {"path": ref.name, "pid": pid, "start": start}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        path, pid, start = (str(words.get(name) or "") for name in ("path", "pid", "start"))
        path = planned_path(path)
        if not path.startswith("/") or not (pid.isascii() and pid.isdigit() and 0 < int(pid) < 1 << 31) or instant(start) is None:
            raise ValueError(f"{self.kind} without path, pid and start (RFC 3339) of one process")
        return Ref(self.kind, path, f"{int(pid)} {start}")

    def told(self, ref: Ref) -> str:
        return f"{ref.name} (pid {ref.part.partition(' ')[0]})"


def instant(text: str) -> float | None:
    """Return an RFC 3339 time in seconds since 1970 UTC, None where it is none."""
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return None
    return made.timestamp() if made.tzinfo is not None else None


def near(one: str, other: str) -> bool:
    """Return whether two readings may be of the same start."""
    a, b = instant(one), instant(other)
    return a is not None and b is not None and abs(a - b) <= TOLERANCE


def find(host: RemovalHost, ref: Ref) -> RunningProcess | None:
    """Return the process that a reference names: its number, with its start or its program. UnsafeError on a host that does not run."""
    if not host.live:
        raise UnsafeError("only a running host has processes")
    pid, _, start = ref.part.partition(" ")
    process = processes.running(int(pid))
    if process is None or not (processes.same_program(process.executable, ref.name) or near(process.start, start)):
        return None
    return process


class _Process(ProcessAddress):
    kind = "process"
    facts = dict.fromkeys(_FACTS, "text")

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        process = find(host, ref)
        file = processes.image(process.pid) if process is not None else None
        if process is None or file is None:
            return None
        state: State = {
            "started": process.start,
            "executable": process.executable,
            "command": process.command,
            "image": file.sha256,
            "ticks": process.ticks,
            "boot": process.boot,
            "inode": file.inode,
        }
        return state | ({"sha256": file.sha256, "size": file.size} if file.nameless and file.sha256 else {})

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:
        process = find(host, ref)
        if process is None:
            raise UnsafeError("it ended")
        with processes.open_image(process).open("rb") as file:
            yield file

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return all(one[name] == other[name] for name in ("ticks", "boot", "inode"))

    def changes(self, was: Described, now: Described) -> str:
        if was is None or now is None:
            return "" if was is now else "it ran, has ended" if now is None else "it had ended, runs"
        return "; ".join(f"{name} was {was[name]}, is {now[name]}" for name in _COMPARED if was[name] != now[name])

    def recorded(self, facts: Mapping[str, Any], root_ino: object) -> dict[str, Any]:  # noqa: ARG002
        known = {name: str(facts[name]) for name in _FACTS if facts.get(name)}
        return known | ({"executable": planned_path(known["executable"])} if "executable" in known else {})

    def expectation(self, state: State) -> dict[str, Any]:
        return {name: str(state[name]) for name in _FACTS if state[name]}

    def lacking(self, expect: Mapping[str, Any]) -> list[str]:
        needed = ("started", "executable", *(() if expect.get("ticks") and expect.get("boot") else ("image",)))
        return [name for name in needed if not expect.get(name)]

    def differences(self, expect: Mapping[str, Any], now: State, *, copy: bool) -> list[tuple[str, str, str]]:  # noqa: ARG002
        found = [(name, str(expect[name]), str(now[name])) for name in _COMPARED if name in expect and str(expect[name]) != str(now[name])]
        alike = {"started": near, "executable": processes.same_program}
        return [row for row in found if not (row[0] in alike and alike[row[0]](row[1], row[2]))]

    def barrier(self, host: RemovalHost, ref: Ref) -> str:
        process = find(host, ref)
        return protected(process) if process is not None else ""

    def not_restorable(self, state: State) -> str:  # noqa: ARG002
        return "a process: what it did and what its memory holds is lost"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        process = find(host, ref)
        if process is None or now is None:  # it ended by itself, or undo cannot bring it back
            return
        processes.expect(process, (str(now["boot"]), str(now["ticks"])))
        if why := protected(process):
            raise SurpriseError(why)
        processes.end(process)


def protected(process: RunningProcess) -> str:
    """Return why a process must not be stopped or ended, '' where it may."""
    if why := processes.barrier(process):
        return why
    mine = processes.ancestors(os.getpid())
    if process.pid == mine[0]:
        return "it is HUNTER itself"
    if process.pid in mine:
        return "HUNTER runs below it: it carries your own session"
    return ""


OBJECT = _Process()
