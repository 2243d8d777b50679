"""The way to the press: in a second process where the system can fork, else in a thread of this one.

The second process holds nothing but the shared memory, two pipes and the archive. It passes over the signals that end a collection, which
its parent answers for both; where the parent was killed, it writes out what it was given, and ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import select
import signal
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from scout.archive.file import File
from scout.archive.press import LAST, Job, Memory, Outcome, Press

_FORM = struct.Struct("=hII???IQ")
"""a job, as it goes through the pipe"""
_OVER = 0xFF
"""in place of a slot's number: all is over, and the outcome follows"""
_WAITING = 64
"""jobs that wait; those with a frame are bounded by the slots"""


class Link(Protocol):
    """The way to the press. `free` waits for a slot, and gives None where all is over; `idle`: it would not wait; `end` waits until
    everything was written.
    """

    def send(self, job: Job) -> None: ...
    def idle(self) -> bool: ...
    def free(self) -> int | None: ...
    def end(self) -> Outcome: ...


def link(path: Path, memory: Memory, recipients: Sequence[Any]) -> Link:
    """Create the file and start a press for it. Complaint where the file exists or cannot be created."""
    file = File(path)
    return Beside(file, memory, recipients) if _may_fork() else Within(file, memory, recipients)


def _may_fork() -> bool:
    """A process with other threads must not go on after a fork: one of them may hold a lock that it needs."""
    try:
        return sys.platform.startswith("linux") and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


class Within:
    """The press in a thread of this process."""

    def __init__(self, file: File, memory: Memory, recipients: Sequence[Any]) -> None:
        free: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        jobs: queue.Queue[Job] = queue.Queue(_WAITING)
        press = Press(file, memory, free.put)
        self.send, self.free, self._answers, self._press = jobs.put, free.get, free, press
        self._thread = threading.Thread(target=press.run, args=(iter(jobs.get, LAST), recipients), name="press", daemon=True)
        self._thread.start()

    def idle(self) -> bool:
        return not self._answers.empty()

    def end(self) -> Outcome:
        self.send(LAST)
        self._thread.join()
        return self._press.outcome


class Beside:
    """The press in a child process."""

    def __init__(self, file: File, memory: Memory, recipients: Sequence[Any]) -> None:
        self._memory, self._path = memory, file.path
        jobs, self._jobs = os.pipe()
        self._answers, answers = os.pipe()
        heeded = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
        self._pid = os.fork()
        if not self._pid:
            try:
                for number in heeded:
                    signal.signal(number, signal.SIG_IGN)
                os.close(self._jobs)
                os.close(self._answers)
                _serve(file, memory, recipients, jobs, answers)
            finally:
                os._exit(0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for fd in (jobs, answers):
            os.close(fd)
        file.leave()

    def send(self, job: Job) -> None:
        """Hand a job over; where the press is gone, `free` and `end` say so."""
        try:
            os.write(self._jobs, _FORM.pack(*job))
        except BrokenPipeError:
            self._memory.fail()

    def free(self) -> int | None:
        number = os.read(self._answers, 1)
        return number[0] if number and number[0] != _OVER else None

    def idle(self) -> bool:
        return bool(select.select((self._answers,), (), (), 0)[0])

    def end(self) -> Outcome:
        self.send(LAST)
        while self.free() is not None:
            pass
        with os.fdopen(self._answers, "rb") as answers:
            said = answers.read()
        os.close(self._jobs)
        _, status = os.waitpid(self._pid, 0)
        if said:
            return Outcome(*json.loads(said))
        self._memory.fail()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        how = f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "ended"
        return Outcome(self._path.stat().st_size, digest, f"the process that encrypts {how}")


def _serve(file: File, memory: Memory, recipients: Sequence[Any], jobs: int, answers: int) -> None:
    def answer(data: bytes) -> None:
        try:
            os.write(answers, data)
        except BrokenPipeError:
            return  # the parent is gone: what it sent is still written

    def given() -> Iterator[Job]:
        with open(jobs, "rb") as pipe:
            while len(raw := pipe.read(_FORM.size)) == _FORM.size and (job := Job(*_FORM.unpack(raw))) != LAST:
                yield job

    press = Press(file, memory, lambda slot: answer(bytes((slot,))))
    press.run(given(), recipients)
    answer(bytes((_OVER,)) + json.dumps(press.outcome).encode())
