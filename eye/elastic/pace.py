"""How fast a server is asked: a pause that all threads share grows while it is busy and shrinks while it answers."""

from __future__ import annotations

import threading
import time

FIRST, LONGEST = 0.1, 20.0
"""Seconds of the first and of the longest pause."""
PATIENCE = 180.0
"""Seconds without one request that came through after which the load ends."""


class Pace:
    """Shared by the threads of one load."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience, self.retries = patience, 0
        self._pause, self._good = 0.0, 0.0
        self._lock, self._stop = threading.Lock(), threading.Event()

    def wait(self) -> None:
        """Wait before the next request as long as the server needs. Raises StoppedError where another thread has given up."""
        with self._lock:
            pause, self._good = self._pause, self._good or time.monotonic()
        if self._stop.wait(pause) if pause else self._stop.is_set():
            raise StoppedError

    def answered(self) -> None:
        """A request came through."""
        with self._lock:
            self._good = time.monotonic()
            self._pause = self._pause / 2 if self._pause > FIRST / 4 else 0.0

    def busy(self) -> bool:
        """A request, or a part of it, did not; return whether to try again."""
        with self._lock:
            self.retries += 1
            self._pause = min(LONGEST, max(FIRST, self._pause * 2))
            return time.monotonic() - self._good < self.patience

    def stop(self) -> None:
        """Have all threads end at their next wait."""
        self._stop.set()


class StoppedError(Exception):
    """Another thread has given up: the reason is there."""
