"""When a worker is given up: it counts what the worker itself did, not how busy the machine is."""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event

import pytest

from commodore.engine import pool
from commodore.engine.pool import WorkerProcess


@pytest.mark.parametrize(
    ("silent", "used", "stalled"),
    [
        (59.0, 59.0, False),
        (61.0, 60.0, True),
        (61.0, 3.0, False),  # a machine with twenty programs for each processor
        (590.0, 58.0, False),
        (590.0, 59.5, True),
        (601.0, 30.0, True),
        (61.0, 0.01, True),  # it waits for something that does not come
    ],
)
def test_a_worker_that_gets_little_time_is_not_given_up(silent: float, used: float, stalled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = WorkerProcess(multiprocessing.current_process(), None, None)  # type: ignore[arg-type]  (no pipe is used)
    times = iter((100.0, 100.0 + used))
    monkeypatch.setattr(pool, "_processor_time", lambda _: next(times))
    assert not worker.stalled(1.5, 60.0)
    assert worker.stalled(silent, 60.0) is stalled


def _work(started: Event) -> None:
    started.set()
    for _ in itertools.count():
        pass


def _sleep(started: Event) -> None:
    started.set()
    signal.pause()


@pytest.mark.skipif(sys.platform == "win32", reason="signal.pause")
@pytest.mark.parametrize(("work", "limit"), [(_sleep, 60.0), (_work, 1.1)])
def test_one_that_sleeps_and_one_that_loops_are(work: Callable[[Event], None], limit: float) -> None:
    """The silence is a number; what the process did meanwhile is counted by the system."""
    started = multiprocessing.get_context("fork").Event()
    process = multiprocessing.get_context("fork").Process(target=work, args=(started,))
    process.start()
    try:
        worker = WorkerProcess(process, None, None)  # type: ignore[arg-type]
        started.wait()
        assert not worker.stalled(1.0, limit)
        while work is _work and pool._processor_time(process) - (worker.spent or 0) < limit - 1:
            time.sleep(0.01)
        assert not worker.stalled(limit, limit)
        assert worker.stalled(limit + 0.1, limit)
    finally:
        process.kill()
        process.join()
