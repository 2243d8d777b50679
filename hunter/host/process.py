"""A running process, and what each system does with one. `hunter.host.processes` uses it for whole trees."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hunter.host.memory import MemoryStream

LARGEST_IMAGE = 512 << 20
"""bytes of a program that are hashed"""
SECONDS = 10
"""how long a process may take to stop or to end after it was told to"""


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """One process.

    executable   path of its program as a plan has it, without ` (deleted)`; '' where it has none
    start        RFC 3339 UTC
    """

    pid: int
    parent: int
    executable: str
    command: str
    start: str
    ticks: str
    """start in clock ticks: since the start of the kernel (Linux), of 100 ns since 1601 (Windows)"""
    boot: str
    """id of the kernel's start, `1601` where ticks do not begin with it"""
    stopped: bool
    kernel: bool
    """it is a part of the kernel and runs no program"""

    @property
    def identity(self) -> tuple[str, str]:
        """What no other process of this host ever has together with the number."""
        return self.boot, self.ticks

    @property
    def told(self) -> str:
        """`812 (/tmp/x -q)`: the process for a person, not escaped."""
        shown = self.command or self.executable
        return f"{self.pid} ({shown[:60]}{'…' if len(shown) > 60 else ''})"


@dataclass(frozen=True, slots=True)
class ProcessImage:
    """The file that a process runs. `nameless`: no path leads to it any more, or never did. `sha256` is '' for one that is too large."""

    inode: str
    size: int
    nameless: bool
    sha256: str


class ProcessSystem(Protocol):
    """What a system does with one process. Every call that changes one opens it first, compares its identity, and does nothing where it
    is another one or has ended.
    """

    def running(self, pid: int) -> RunningProcess | None:
        """Return the process with this number, None where none runs."""

    def everything(self) -> list[RunningProcess]:
        """Return every process that runs."""

    def image(self, pid: int) -> ProcessImage | None:
        """Return the file that a process runs, None where it has none or ended; one that may not be read has no facts. UnsafeError."""

    def open_image(self, process: RunningProcess) -> Path:
        """Return the path under which that file can be opened, also where it has no name any more."""

    def memory(self, process: RunningProcess) -> AbstractContextManager[MemoryStream | None]:
        """Open the memory of a process, None where it has ended. UnsafeError where it may not be read."""

    def barrier(self, process: RunningProcess) -> str:
        """Return why the system does not allow that it ends, or ends with it; '' where it may end."""

    def stop(self, process: RunningProcess) -> None:
        """Stop it. UnsafeError where that is refused."""

    def resume(self, process: RunningProcess) -> None:
        """Let it go on. UnsafeError where that is refused."""

    def end(self, process: RunningProcess) -> None:
        """End it, and return when it has ended. UnsafeError where it has not within `SECONDS`."""
