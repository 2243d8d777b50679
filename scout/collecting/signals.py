"""Catch Ctrl-C, SIGTERM and a lost terminal while a collection must end in order: the first signal is stored, a second Ctrl-C interrupts at
once.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class CaughtSignal:
    """Number of the signal that was received; 0: none. `tell` registers what to stop."""

    number: int = 0
    _stop: Callable[[str], Any] | None = None

    def tell(self, stop: Callable[[str], Any]) -> None:
        """Register `stop(reason)`: called when a signal is received, at once if one was received before."""
        self._stop = stop
        if self.number:
            stop(self.reason)

    def note(self, number: int) -> None:
        """Store a signal."""
        self.number = number
        if self._stop is not None:
            self._stop(self.reason)

    @property
    def reason(self) -> str:
        """Reason for custody: `stopped by SIGTERM`."""
        return f"stopped by {signal.Signals(self.number).name}" if self.number else ""


@contextmanager
def caught() -> Iterator[CaughtSignal]:
    """Store SIGINT, SIGTERM and SIGHUP in a `CaughtSignal`; a second SIGINT raises KeyboardInterrupt.

    An ignored SIGHUP (nohup) stays ignored. In a thread other than the main one nothing is caught.
    """
    state = CaughtSignal()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return

    def handle(number: int, _frame: object) -> None:
        if state.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        state.note(number)

    before = {number: signal.signal(number, handle) for number in _ends()}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ends() -> list[signal.Signals]:
    ends = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        ends.append(signal.SIGHUP)
    return ends
