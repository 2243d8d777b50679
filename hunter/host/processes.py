"""Running processes of Linux: looked at, stopped, continued and ended, each by its identity and never by its number alone.

A number (pid) is given to another process as soon as its owner has ended. So a signal goes through a pidfd: it is opened first, then the
process is compared with what is expected (kernel's boot, start in clock ticks since then), and a pidfd never names another process.
A process goes with everything that it started and that still runs below it: stopped from the top down, so that nothing starts anything
meanwhile, ended from the leaves up. Sources: proc(5), pidfd_open(2), signal(7).
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hunter.unsafe import SurpriseError, UnsafeError
from scout.live.linux import procfs

LARGEST_IMAGE = 512 << 20
"""bytes of a program that are hashed"""
SECONDS = 10
"""how long a process may take to stop or to end after its signal"""
_KERNEL_THREAD = 0x200000
_STOPPED, _DEAD = ("T", "t"), ("Z", "X", "")
_ROUNDS = 20
"""how often the tree of a process is read until it has nobody new"""


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """One process. `executable`: path of its program without ` (deleted)`, '' where it has none. `start`: RFC 3339 UTC."""

    pid: int
    parent: int
    executable: str
    command: str
    start: str
    ticks: str
    """start in clock ticks since the kernel's"""
    boot: str
    """id of the kernel's start"""
    stopped: bool
    kernel: bool

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


def running(pid: int) -> RunningProcess | None:
    """Return the process with this number, None where none runs. One that has ended and waits for its parent does not run."""
    stat = procfs.stat(pid)
    if len(stat) < 22 or stat[0] in _DEAD:
        return None
    link = procfs.link(f"{procfs.PROC}/{pid}/exe")
    arguments = procfs.text(procfs.read(f"{procfs.PROC}/{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" "))
    start = procfs.moment(procfs.boot_time() + int(stat[19]) / os.sysconf("SC_CLK_TCK"))
    boot = procfs.whole(f"{procfs.PROC}/sys/kernel/random/boot_id").strip()
    kernel = bool(int(stat[6]) & _KERNEL_THREAD)
    program = link.removesuffix(" (deleted)")
    return RunningProcess(pid, int(stat[1]), program, arguments, start, stat[19], boot, stat[0] in _STOPPED, kernel)


def everything() -> list[RunningProcess]:
    """Return every process that runs, in the order of their numbers."""
    return [process for pid in procfs.pids() if (process := running(pid)) is not None]


def image(pid: int) -> ProcessImage | None:
    """Return the file that a process runs, None where it has none or ended. One that may not be read has no facts.

    UnsafeError where it cannot be read for another reason.
    """
    path = f"{procfs.PROC}/{pid}/exe"
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            inode = f"{status.st_dev}:{status.st_ino}"
            digest = _digest(path, inode, status.st_mtime_ns, status.st_size) if status.st_size <= LARGEST_IMAGE else ""
            return ProcessImage(inode, status.st_size, nameless=status.st_nlink == 0, sha256=digest)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        return ProcessImage("", 0, nameless=False, sha256="")
    except OSError as e:
        raise UnsafeError(f"the program of process {pid} cannot be read: {e.strerror or e}") from e


@lru_cache(maxsize=256)
def _digest(path: str, inode: str, mtime_ns: int, size: int) -> str:  # noqa: ARG001  (they make the key)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


@contextmanager
def _held(process: RunningProcess) -> Iterator[int | None]:
    """Open a pidfd of exactly this process; None where it has ended. UnsafeError on a kernel without pidfds."""
    opened = getattr(os, "pidfd_open", None)
    if opened is None:
        raise UnsafeError("this Python cannot hold a process by a pidfd")
    try:
        fd = opened(process.pid)
    except ProcessLookupError:
        yield None
        return
    except OSError as e:
        raise UnsafeError(f"process {process.pid} cannot be held by a pidfd ({e.strerror}; Linux has them from 5.3): end it by hand") from e
    try:
        now = running(process.pid)
        yield fd if now is not None and now.identity == process.identity else None
    finally:
        os.close(fd)


def _signal(process: RunningProcess, number: signal.Signals) -> None:
    with _held(process) as fd:
        if fd is None:
            return
        try:
            signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return
        except OSError as e:
            raise UnsafeError(f"process {process.pid} takes no {number.name}: {e.strerror}") from e
        if number == signal.SIGKILL and not select.select([fd], [], [], SECONDS)[0]:
            raise UnsafeError(f"process {process.pid} has not ended {SECONDS} s after SIGKILL: it waits for a device or a file system")


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
            _signal(process, signal.SIGSTOP)
        _wait_stopped(new)
        done += new
    raise UnsafeError(f"process {top.pid} goes on starting others, faster than they can be stopped")


def _wait_stopped(which: Sequence[RunningProcess]) -> None:
    deadline = time.monotonic() + SECONDS
    for process in which:
        while (now := running(process.pid)) is not None and now.identity == process.identity and not now.stopped:
            if time.monotonic() > deadline:
                raise UnsafeError(f"process {process.pid} has not stopped {SECONDS} s after SIGSTOP")
            time.sleep(0.005)


def resume(top: RunningProcess) -> None:
    """Let a process and everything below it go on, from the leaves up."""
    for process in reversed([top, *below(top)]):
        _signal(process, signal.SIGCONT)


def end(top: RunningProcess) -> None:
    """End a process and everything below it: all stopped first, then ended from the leaves up. UnsafeError where one does not end."""
    for process in reversed(freeze(top)):
        _signal(process, signal.SIGKILL)


def open_image(pid: int) -> Path:
    """Return the path under which the file that a process runs can be opened, also where it has no name any more."""
    return Path(f"{procfs.PROC}/{pid}/exe")
