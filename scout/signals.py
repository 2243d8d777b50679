"""Ctrl-C and SIGTERM while something runs that must be ended in order: the first is noted, a second Ctrl-C interrupts at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Caught:
    """Which signal came; 0: none yet."""

    number: int = 0

    @property
    def reason(self) -> str:
        """`stopped by SIGTERM`."""
        return f"stopped by {signal.Signals(self.number).name}" if self.number else ""


@contextmanager
def caught(stop: Callable[[str], Any]) -> Iterator[Caught]:
    """Within, SIGINT and SIGTERM set `Caught.number` and call `stop(reason)`; a second SIGINT raises KeyboardInterrupt.

    In a thread other than the main one nothing is caught.
    """
    state = Caught()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return

    def handle(number: int, _frame: object) -> None:
        if state.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        state.number = number
        stop(state.reason)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
