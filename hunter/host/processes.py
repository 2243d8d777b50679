"""Running processes: looked at, stopped, continued and ended, each by its identity and never by its number alone.

A number (pid) is given to another process as soon as its owner has ended. So a process is opened first (a pidfd on Linux, a handle on
Windows, which both hold its identity), then compared with what is expected, then changed. A process goes with everything that it started
and that still runs below it: stopped from the top down, so that nothing starts anything meanwhile, ended from the leaves up.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from hunter.host.memory import MemoryStream
from hunter.host.process import SECONDS, ProcessImage, ProcessSystem, RunningProcess
from hunter.unsafe import SurpriseError, UnsafeError

MOST_MEMORIES = 64
"""processes of one tree whose memory is kept"""
_ROUNDS = 20
"""how often the tree of a process is read until it has nobody new"""


@cache
def system() -> ProcessSystem:
    """Return the processes of this system. UnsafeError on one that HUNTER does not know."""
    if sys.platform == "win32":
        from hunter.host.windows.processes import WindowsProcesses

        return WindowsProcesses()
    if sys.platform != "linux":
        raise UnsafeError(f"HUNTER knows no processes of {sys.platform}: end it by hand")
    from hunter.host.linux_processes import LinuxProcesses

    return LinuxProcesses()


def running(pid: int) -> RunningProcess | None:
    """Return the process with this number, None where none runs."""
    return system().running(pid)


def everything() -> list[RunningProcess]:
    """Return every process that runs, in the order of their numbers."""
    return sorted(system().everything(), key=lambda process: process.pid)


def image(pid: int) -> ProcessImage | None:
    """Return the file that a process runs, None where it has none or ended. UnsafeError where it cannot be read."""
    return system().image(pid)


def open_image(process: RunningProcess) -> Path:
    """Return the path under which the file that a process runs can be opened."""
    return system().open_image(process)


def memory(process: RunningProcess) -> AbstractContextManager[MemoryStream | None]:
    """Open the memory of a process, None where it has ended. UnsafeError where it may not be read."""
    return system().memory(process)


def with_memory(top: RunningProcess) -> list[RunningProcess]:
    """Return the processes of a tree whose memory is kept together."""
    return [top, *below(top)][:MOST_MEMORIES]


def memory_size(top: RunningProcess) -> int:
    """Return the bytes that the memory of a tree takes now. UnsafeError where it may not be read."""
    total = 0
    for process in with_memory(top):
        with memory(process) as stream:
            total += stream.size if stream is not None else 0
    return total


def barrier(process: RunningProcess) -> str:
    """Return why the system does not allow that a process ends, '' where it does."""
    return system().barrier(process)


def ancestors(pid: int) -> list[int]:
    """Return the process itself and everything that it descends from, upwards."""
    found: list[int] = []
    while pid and pid not in found and (process := running(pid)) is not None:
        found.append(pid)
        pid = process.parent
    return found


def below(top: RunningProcess, every: Sequence[RunningProcess] | None = None) -> list[RunningProcess]:
    """Return what descends from a process, from the top down."""
    of: dict[int, list[RunningProcess]] = {}
    for process in every if every is not None else everything():
        of.setdefault(process.parent, []).append(process)
    found: list[RunningProcess] = []
    level = [top]
    while level:
        level = [child for process in level for child in of.get(process.pid, ()) if child not in found and child.pid != top.pid]
        found += level
    return found


def same_program(one: str, other: str) -> bool:
    """Return whether two paths name one program: Windows compares them without case."""
    return one.casefold() == other.casefold() if sys.platform == "win32" else one == other


def expect(process: RunningProcess, identity: tuple[str, str]) -> None:
    """Raise SurpriseError where this is another process."""
    if process.identity != identity:
        raise SurpriseError(f"the number {process.pid} belongs to another process now")


def freeze(top: RunningProcess) -> list[RunningProcess]:
    """Stop a process and everything below it, from the top down; return them. UnsafeError where one does not stop."""
    done: list[RunningProcess] = []
    for _ in range(_ROUNDS):
        known = {(d.pid, d.identity) for d in done}
        new = [p for p in [top, *below(top)] if (p.pid, p.identity) not in known]
        if not new:
            return done
        for process in new:
            system().stop(process)
        _wait_stopped(new)
        done += new
    raise UnsafeError(f"process {top.pid} goes on starting others, faster than they can be stopped")


def _wait_stopped(which: Sequence[RunningProcess]) -> None:
    deadline = time.monotonic() + SECONDS
    for process in which:
        while (now := running(process.pid)) is not None and now.identity == process.identity and not now.stopped:
            if time.monotonic() > deadline:
                raise UnsafeError(f"process {process.pid} has not stopped {SECONDS} s after it was told to")
            time.sleep(0.005)


def resume(top: RunningProcess) -> None:
    """Let a process and everything below it go on, from the leaves up."""
    for process in reversed([top, *below(top)]):
        system().resume(process)


def end(top: RunningProcess) -> None:
    """End a process and everything below it: all stopped first, then ended from the leaves up. UnsafeError where one does not end."""
    for process in reversed(freeze(top)):
        system().end(process)
