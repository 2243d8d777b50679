"""When a worker is given up: it counts what the worker itself did, not how busy the machine is."""

from __future__ import annotations

import multiprocessing
import time

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


@pytest.mark.parametrize(
    "work", [time.sleep, lambda seconds: [None for _ in iter(time.process_time, None) if time.process_time() > seconds]]
)
def test_one_that_sleeps_and_one_that_loops_are(work) -> None:
    process = multiprocessing.get_context("fork").Process(target=work, args=(30,))
    process.start()
    try:
        worker, began = WorkerProcess(process, None, None), time.monotonic()  # type: ignore[arg-type]
        while not worker.stalled(time.monotonic() - began, 2.0):
            assert time.monotonic() - began < 25
            time.sleep(0.05)
    finally:
        process.kill()
        process.join()
