"""Limit the time of system calls on the examined host: a hung file system costs one time-out, not the collection."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class CallTimedOut(OSError):  # noqa: N818  (it is a fact about the host)
    """The call did not return in time."""


class TimedCalls:
    """Runs calls in a helper thread. A call that does not return in time is abandoned with its thread; a new thread takes the next.

    `seconds`: time limit of each call; 0: calls are made directly, where the file system is local.
    Calls run one at a time.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self.seconds = seconds
        self.given_up = 0
        self._jobs: queue.SimpleQueue[Any] | None = None
        self._answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function(*arguments)`; raise what it raises, or `CallTimedOut` after `seconds`."""
        if not self.seconds:
            return function(*arguments)
        if self._jobs is None:
            self._jobs, self._answers = queue.SimpleQueue(), queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._jobs, self._answers), name="reader", daemon=True).start()
        self._jobs.put((function, arguments))
        try:
            good, answer = self._answers.get(timeout=self.seconds)
        except queue.Empty:
            self._jobs, self.given_up = None, self.given_up + 1
            raise CallTimedOut(f"no answer within {self.seconds:g} s") from None
        if good:
            result: T = answer
            return result
        raise answer

    def close(self) -> None:
        """End the helper thread."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None


def _serve(jobs: queue.SimpleQueue[Any], answers: queue.SimpleQueue[tuple[bool, Any]]) -> None:
    while (job := jobs.get()) is not None:
        function, arguments = job
        try:
            answers.put((True, function(*arguments)))
        except BaseException as e:  # re-raised in the calling thread
            answers.put((False, e))
