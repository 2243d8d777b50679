"""Running processes of Linux, each held by a pidfd, which never names another process.

Sources: proc(5), pidfd_open(2), signal(7).
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from hunter.host import linux_memory
from hunter.host.memory import MemoryStream
from hunter.host.process import LARGEST_IMAGE, SECONDS, ProcessImage, RunningProcess
from hunter.unsafe import UnsafeError
from scout.live.linux import procfs

_KERNEL_THREAD = 0x200000
_STOPPED, _DEAD = ("T", "t"), ("Z", "X", "")


class LinuxProcesses:
    """`hunter.host.process.ProcessSystem` by /proc and pidfds."""

    def everything(self) -> list[RunningProcess]:
        return [process for pid in procfs.pids() if (process := self.running(pid)) is not None]

    def barrier(self, process: RunningProcess) -> str:
        """Root may signal every process but the first one and the threads of the kernel."""
        if process.pid == 1:
            return "it is the first process: the host ends with it"
        return "it is a thread of the kernel" if process.kernel or not process.executable else ""

    def stop(self, process: RunningProcess) -> None:
        self._signal(process, signal.SIGSTOP)

    def resume(self, process: RunningProcess) -> None:
        self._signal(process, signal.SIGCONT)

    def end(self, process: RunningProcess) -> None:
        self._signal(process, signal.SIGKILL)

    def running(self, pid: int) -> RunningProcess | None:
        """Return the process with this number. One that has ended and waits for its parent does not run."""
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

    def image(self, pid: int) -> ProcessImage | None:
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

    def open_image(self, process: RunningProcess) -> Path:
        return Path(f"{procfs.PROC}/{process.pid}/exe")

    @contextmanager
    def memory(self, process: RunningProcess) -> Iterator[MemoryStream | None]:
        with self._held(process) as fd:
            if fd is None:
                yield None
                return
            with linux_memory.opened(process.pid) as stream:
                now = self.running(process.pid)  # what was opened is of this process only if the number is still its own
                yield stream if now is not None and now.identity == process.identity else None

    @contextmanager
    def _held(self, process: RunningProcess) -> Iterator[int | None]:
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
            why = f"{e.strerror}; Linux has them from 5.3"
            raise UnsafeError(f"process {process.pid} cannot be held by a pidfd ({why}): end it by hand") from e
        try:
            now = self.running(process.pid)
            yield fd if now is not None and now.identity == process.identity else None
        finally:
            os.close(fd)

    def _signal(self, process: RunningProcess, number: signal.Signals) -> None:
        with self._held(process) as fd:
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


@lru_cache(maxsize=256)
def _digest(path: str, inode: str, mtime_ns: int, size: int) -> str:  # noqa: ARG001  (they make the key)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
