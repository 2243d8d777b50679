"""Send frames to the press: a second process where the system can fork, else a thread of this process.

The second process has only the shared memory, two pipes and the archive file. It ignores the signals that end a collection: the parent
handles them. When the parent is killed, the press writes what it received, and ends.
"""

from __future__ import annotations

import hashlib
import os
import queue
import select
import signal
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

from scout.archive.file import ArchiveFile
from scout.archive.press import LAST, SETTLED, SLOTS, Press, PressJob, PressResult, SharedFrames

_FORM = struct.Struct("=hII????IQ")
"""binary form of a job in the pipe"""
_WAITING = 64
"""jobs in the queue; the slots bound those that carry a frame"""


class PressLink(Protocol):
    """Connection to the press. After an interruption only `end` may be called; it may be called repeatedly."""

    def send(self, job: PressJob) -> None:
        """Send a job."""

    def idle(self) -> bool:
        """Return whether a slot is free now."""

    def free(self) -> int | None:
        """Wait for a free slot; return None when the press has ended."""

    def settle(self) -> None:
        """Wait until everything sent is in the file, or the press has ended."""

    def end(self) -> PressResult:
        """Wait for the press to end; return its result."""


def link(path: Path, memory: SharedFrames, recipients: Sequence[Any], sink: int | None = None) -> PressLink:
    """Create the file (or take the descriptor `sink`) and start a press for it. Complaint where the file exists or cannot be created."""
    file = ArchiveFile(path, sink)
    if _may_fork():
        with suppress(OSError):  # no process or pipe available
            return ForkedPress(file, memory, recipients)
    return ThreadPress(file, memory, recipients)


def _may_fork() -> bool:
    """Return whether this process may fork: it has one thread, so no other thread can hold a lock that the child needs."""
    try:
        return sys.platform.startswith("linux") and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


class ThreadPress:
    """The press in a thread of this process."""

    def __init__(self, file: ArchiveFile, memory: SharedFrames, recipients: Sequence[Any]) -> None:
        self._memory = memory
        self._answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._jobs: queue.Queue[PressJob] = queue.Queue(_WAITING)
        press = Press(file, memory, self._answers.put)
        self._thread = threading.Thread(target=press.run, args=(iter(self._jobs.get, LAST), recipients), name="press", daemon=True)
        self._thread.start()

    def send(self, job: PressJob) -> None:
        self._jobs.put(job)

    def idle(self) -> bool:
        return not self._answers.empty()

    def free(self) -> int | None:
        return self._answers.get()

    def settle(self) -> None:
        self.send(PressJob(ask=True))
        slots = list(iter(self._answers.get, SETTLED))
        for slot in slots:
            self._answers.put(slot)

    def end(self) -> PressResult:
        self.send(LAST)
        self._thread.join()
        return self._memory.outcome or PressResult(0, "", "the thread that encrypts ended")


class ForkedPress:
    """The press in a child process. Raises OSError where no process or pipe can be created; the attempt leaves nothing behind."""

    def __init__(self, file: ArchiveFile, memory: SharedFrames, recipients: Sequence[Any]) -> None:
        self._memory, self._path = memory, file.path
        self._spare: list[int] = []
        self._how = "ended"
        with ExitStack() as undo:
            jobs, self._jobs = _pipe(undo)
            self._answers, answers = _pipe(undo)
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
            try:
                self._pid = os.fork()
                if not self._pid:
                    _child(file, memory, recipients, jobs, answers)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            undo.pop_all()
        for fd in (jobs, answers):
            os.close(fd)
        file.leave()
        self._answer = select.poll()
        self._answer.register(self._answers, select.POLLIN)

    def send(self, job: PressJob) -> None:
        try:
            os.write(self._jobs, _FORM.pack(*job))
        except BrokenPipeError:
            self._memory.fail()

    def idle(self) -> bool:
        return bool(self._spare or self._answer.poll(0))

    def free(self) -> int | None:
        if self._spare:
            return self._spare.pop()
        answer = os.read(self._answers, 1)
        return answer[0] if answer else None

    def settle(self) -> None:
        self.send(PressJob(ask=True))
        while answer := os.read(self._answers, 1):
            if answer[0] == SETTLED:
                return
            self._spare.append(answer[0])

    def end(self) -> PressResult:
        if self._pid:
            self.send(LAST)
            while os.read(self._answers, SLOTS):
                pass
            with suppress(ChildProcessError):  # where SIGCHLD is ignored there is nothing to wait for
                _, status = os.waitpid(self._pid, 0)
                self._how = f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "ended"
            self._pid = 0
            os.close(self._jobs)
            os.close(self._answers)
        return self._memory.outcome or self._died()

    def _died(self) -> PressResult:
        """Return the result from the file itself, when the press did not report one."""
        self._memory.fail()
        error = f"the process that encrypts {self._how}"
        try:
            with self._path.open("rb") as file:
                return PressResult(self._path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest(), error)
        except OSError as e:
            return PressResult(self._memory.written, "", f"{error}, and the file cannot be read again: {e.strerror}")


_HEEDED = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else []))


def _pipe(undo: ExitStack) -> tuple[int, int]:
    """Open a pipe that is closed again if a later step fails."""
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


def _child(file: ArchiveFile, memory: SharedFrames, recipients: Sequence[Any], jobs: int, answers: int) -> NoReturn:
    """Run the second process. It closes everything it inherits, so that a terminal does not wait for it and the examined disk can be
    unmounted.
    """
    try:
        for number in _HEEDED:
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(nothing, fd)
        for fd in map(int, os.listdir("/proc/self/fd")):
            if fd > 2 and fd not in (jobs, answers, file.fileno()):
                with suppress(OSError):  # the descriptor of the listing itself is already closed
                    os.close(fd)
        _serve(file, memory, recipients, jobs, answers)
    finally:
        os._exit(0)


def _serve(file: ArchiveFile, memory: SharedFrames, recipients: Sequence[Any], jobs: int, answers: int) -> None:
    def answer(number: int) -> None:
        try:
            os.write(answers, bytes((number,)))
        except BrokenPipeError:
            return  # the parent has ended: what it sent is still written

    def given() -> Iterator[PressJob]:
        with open(jobs, "rb") as pipe:
            while len(raw := pipe.read(_FORM.size)) == _FORM.size and (job := PressJob(*_FORM.unpack(raw))) != LAST:
                yield job

    Press(file, memory, answer).run(given(), recipients)
