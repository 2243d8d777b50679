r"""Running processes of Windows, each held by a handle, which never names another process.

Their identity is number and creation time. `C:\Users\x.exe` is `/Users/x.exe` of the running Windows, `D:\x.exe` is `/D:/x.exe`.
Sources: the Windows API (OpenProcess, GetProcessTimes, TerminateProcess); phnt (NtSuspendProcess, ThreadSuspendCount,
ProcessBreakOnTermination).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import byref, c_int64, c_uint32, c_void_p, sizeof
from pathlib import Path

from hunter.host.memory import MemoryStream
from hunter.host.process import LARGEST_IMAGE, SECONDS, ProcessImage, RunningProcess
from hunter.host.windows import handles, memory
from hunter.host.windows.native import KERNEL, NTDLL, failed, last_error, raise_privileges
from hunter.unsafe import UnsafeError
from scout.live.windows import _native, _processes

_LOOK = 0x1000 | 0x100000
"""query limited, wait"""
_CHANGE = _LOOK | 0x0801
"""also suspend, resume, and terminate"""
_READ_MEMORY = _LOOK | 0x0410
"""also query all, and read memory"""
_THREAD_LOOK = 0x0840
_INVALID_NUMBER, _DENIED = 87, 5
_COMMAND_LINE, _CRITICAL, _SUSPEND_COUNT = 60, 29, 35
_KERNEL = 4
"""the highest number of what is no program: idle process and system"""
_BOOT = "1601"
_NAMED = re.compile(r"(?i)([a-z]:)\\(.*)", re.DOTALL)
_SECRETS = ("lsass.exe", "lsaiso.exe")
_ENDED = 1
"""exit code of a process that HUNTER ended, as of one that the task manager ended"""


def planned_path(path: str) -> str:
    """Return the path of a program as a plan has it."""
    match = _NAMED.fullmatch(path)
    if match is None:
        return path
    on_system = match[1].casefold() == os.environ.get("SystemDrive", "C:").casefold()  # noqa: SIM112  (Windows writes it so)
    return ("/" if on_system else f"/{match[1]}/") + match[2].replace("\\", "/")


class WindowsProcesses:
    """`hunter.host.process.ProcessSystem` by handles."""

    def __init__(self) -> None:
        raise_privileges()

    def everything(self) -> list[RunningProcess]:
        listed = _processes.of_system()
        return [process for one in listed if (process := self._described(one, listed)) is not None]

    def running(self, pid: int) -> RunningProcess | None:
        listed = _processes.of_system()
        return next((process for one in listed if one.pid == pid and (process := self._described(one, listed)) is not None), None)

    @staticmethod
    def _described(one: _processes.ListedProcess, listed: Sequence[_processes.ListedProcess]) -> RunningProcess | None:
        """Return a process of the list, None where it has ended. One that cannot be opened has no program."""
        pid, created, kernel = one.pid, one.created, one.pid <= _KERNEL
        # the number of a parent that ended may belong to a younger process, which is no parent of it
        parent = next((other.pid for other in listed if other.pid == one.parent and other.created <= created), 0)
        with _opened(pid, _LOOK) as handle:
            if handle is not None and _created(handle) != created:
                return None
            if handle is not None and KERNEL.WaitForSingleObject(handle, 0) == 0:
                return None
            program = planned_path(_processes.image(handle.value or 0)) if handle is not None and not kernel else ""
            command = _command_line(handle) if handle is not None and not kernel else ""
        stopped = not kernel and _suspended(pid)
        return RunningProcess(pid, parent, program, command, _native.moment(created) or "", str(created), _BOOT, stopped, kernel)

    def image(self, pid: int) -> ProcessImage | None:
        process = self.running(pid)
        if process is None:
            return None
        try:
            with handles.opened(_native_path(process)) as file:
                known = handles.facts(file)
                digest = handles.digest(file, LARGEST_IMAGE)[0] if known.size <= LARGEST_IMAGE else ""
                return ProcessImage(f"{known.volume}:{known.index}", known.size, nameless=False, sha256=digest)
        except OSError as e:
            if handles.missing(e) or handles.busy(e) or getattr(e, "winerror", 0) == _DENIED:
                return ProcessImage("", 0, nameless=False, sha256="")
            raise UnsafeError(f"the program of process {pid} cannot be read: {e.strerror or e}") from e

    def open_image(self, process: RunningProcess) -> Path:
        return Path(_native_path(process))

    @contextmanager
    def memory(self, process: RunningProcess) -> Iterator[MemoryStream | None]:
        if process.executable.rpartition("/")[2].casefold() in _SECRETS:
            raise UnsafeError(f"process {process.pid} holds the secrets of all who log in: HUNTER does not keep its memory")
        with _held(process, _READ_MEMORY) as handle:
            if handle is None:
                yield None
                return
            with memory.opened(handle, process) as stream:
                yield stream

    def barrier(self, process: RunningProcess) -> str:
        """Windows ends with a critical process, and lets nobody end a protected one."""
        if process.kernel:
            return "it is the kernel of Windows"
        with _opened(process.pid, _CHANGE) as handle:
            if handle is None:
                return "Windows does not let HUNTER end it: it is protected, or the rights of an administrator are missing"
            critical, size = c_uint32(), c_uint32()
            if NTDLL.NtQueryInformationProcess(handle, _CRITICAL, byref(critical), sizeof(critical), byref(size)) & 0xFFFFFFFF:
                return ""
            return "it is critical: Windows stops with an error when it ends" if critical.value else ""

    def stop(self, process: RunningProcess) -> None:
        with _held(process) as handle:
            if handle is not None and not _suspended(process.pid):  # the kernel counts: one more would need one more to go on
                _asked("NtSuspendProcess", handle, process)

    def resume(self, process: RunningProcess) -> None:
        with _held(process) as handle:
            if handle is not None and _suspended(process.pid):
                _asked("NtResumeProcess", handle, process)

    def end(self, process: RunningProcess) -> None:
        with _held(process) as handle:
            if handle is None:
                return
            if not KERNEL.TerminateProcess(handle, c_uint32(_ENDED)) and KERNEL.WaitForSingleObject(handle, 0):
                raise UnsafeError(str(failed(f"process {process.pid} cannot be ended").strerror))
            if KERNEL.WaitForSingleObject(handle, SECONDS * 1000):
                raise UnsafeError(f"process {process.pid} has not ended {SECONDS} s after it was ended: it waits for a device")


def _native_path(process: RunningProcess) -> str:
    path = process.executable.lstrip("/")
    if not path:
        raise UnsafeError(f"process {process.pid} does not show its program")
    drive = "" if path[1:2] == ":" else os.environ.get("SystemDrive", "C:") + "/"  # noqa: SIM112
    return "\\\\?\\" + (drive + path).replace("/", "\\")


@contextmanager
def _opened(pid: int, access: int) -> Iterator[c_void_p | None]:
    """Open a process; None where it has ended or may not be opened."""
    value = KERNEL.OpenProcess(access, 0, pid)
    try:
        yield c_void_p(value) if value else None
    finally:
        if value:
            KERNEL.CloseHandle(value)


@contextmanager
def _held(process: RunningProcess, access: int = _CHANGE) -> Iterator[c_void_p | None]:
    """Open exactly this process, to change it unless told; None where it has ended. UnsafeError where it may not be opened."""
    with _opened(process.pid, access) as handle:
        if handle is None:
            if last_error() == _INVALID_NUMBER:
                yield None
                return
            raise UnsafeError(str(failed(f"process {process.pid} cannot be opened").strerror))
        same = str(_created(handle)) == process.ticks
        yield handle if same and KERNEL.WaitForSingleObject(handle, 0) else None


def _created(handle: c_void_p) -> int:
    """Return when a process was created, in 100 ns ticks since 1601 UTC; 0 where that is not told."""
    times = [c_int64() for _ in range(4)]
    return times[0].value if KERNEL.GetProcessTimes(handle, *map(byref, times)) else 0


def _asked(call: str, handle: c_void_p, process: RunningProcess) -> None:
    status = getattr(NTDLL, call)(handle) & 0xFFFFFFFF
    if status >= 0x80000000 and KERNEL.WaitForSingleObject(handle, 0):
        raise UnsafeError(f"process {process.pid}: {call} was refused (status {status:#010x})")


def _command_line(handle: c_void_p) -> str:
    try:
        buffer = _native.growing(
            lambda room, size: int(NTDLL.NtQueryInformationProcess(handle, _COMMAND_LINE, room, size, byref(c_uint32()))), 1 << 12
        )
    except OSError:  # Windows before 8.1 has no such question
        return ""
    return str(_native.UnicodeString.from_buffer(buffer))


def _suspended(pid: int) -> bool:
    """Return whether every thread of a process is suspended."""
    threads = _processes.threads(pid)
    return bool(threads) and all(_suspend_count(thread) for thread in threads)


def _suspend_count(thread: int) -> int:
    """Return how often a thread was suspended, 0 where that is not told. A thread that has ended counts as suspended."""
    handle = KERNEL.OpenThread(_THREAD_LOOK, 0, thread)
    if not handle:
        return int(last_error() == _INVALID_NUMBER)
    try:
        count = c_uint32()
        status = NTDLL.NtQueryInformationThread(c_void_p(handle), _SUSPEND_COUNT, byref(count), sizeof(count), None) & 0xFFFFFFFF
        return count.value if not status else 0
    finally:
        KERNEL.CloseHandle(handle)
