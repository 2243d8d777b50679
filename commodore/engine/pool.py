"""Worker processes: tasks in order, results in order, and what hangs, crashes or eats memory costs only itself.

A task whose worker had to be stopped is taken apart: each of its jobs runs again alone, and the one that kills its worker alone is given
up.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self

import psutil

from commodore.engine import transport
from commodore.engine.work import Job, Result, Setup, Task, given_up, prepared

AHEAD = 6
"""tasks per worker that may be finished or under way before the oldest is written"""


@dataclass
class _Hand:
    """One worker process and what it is doing."""

    process: BaseProcess
    pipe: Connection
    shared: mmap.mmap | None
    task: Task | None = None
    job: int = 0
    heard: float = 0.0
    since: float = 0.0


@dataclass
class _Broken:
    """A task that killed its worker: its jobs run alone, one after the other."""

    rest: deque[Job]
    result: Result
    alone: Task


@dataclass
class Pool:
    """`workers` processes. `run` maps tasks to results in the order of the tasks."""

    setup: Setup
    workers: int
    timeout: float = 60.0
    """seconds without progress"""
    hands: list[_Hand] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._broken: dict[int, _Broken] = {}
        self._again: deque[Task] = deque()

    def __enter__(self) -> Self:
        self.hands = [self._start() for _ in range(self.workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self.hands:
            hand.pipe.close()
            hand.process.kill()
            hand.process.join()

    def _start(self) -> _Hand:
        ours, theirs = self._context.Pipe()
        shared = transport.room()
        process = self._context.Process(target=_serve, args=(theirs, self.setup, shared, ours), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        return _Hand(process, ours, shared)

    def run(self, tasks: Iterator[Task]) -> Iterator[Result]:
        """Results in the order of the tasks; at most a window of tasks is read ahead."""
        order: deque[int] = deque()
        done: dict[int, Result] = {}
        waiting: deque[Task] = deque()
        more = True
        while True:
            if more and len(waiting) < self.workers and len(order) < self.workers * AHEAD:
                task = next(tasks, None)
                if task is None:
                    more = False
                else:
                    waiting.append(task)
                    order.append(task.number)
            self._give(waiting)
            reading = more and len(waiting) < self.workers and len(order) < self.workers * AHEAD
            for result in self._collect(0.0 if reading else 0.2):
                done[result.number] = result
            while order and order[0] in done:
                yield done.pop(order.popleft())
            if not more and not order:
                return

    def _give(self, waiting: deque[Task]) -> None:
        for hand in self.hands:
            queue = self._again or waiting
            if hand.task is None and queue:
                hand.task = queue.popleft()
                hand.job, hand.heard = 0, time.monotonic()
                hand.since = hand.heard
                with contextlib.suppress(OSError):  # a worker that has ended is noticed when it is listened to
                    hand.pipe.send(transport.pack(hand.task, hand.shared))

    def _collect(self, patience: float) -> Iterator[Result]:
        """What the workers have to say; the silent ones are looked after."""
        busy = {hand.pipe: hand for hand in self.hands if hand.task is not None}
        for pipe in wait(list(busy), patience) if busy else ():
            hand = busy[pipe]  # type: ignore[index]
            try:
                said: Any = hand.pipe.recv()
            except (EOFError, OSError):
                yield from self._lost(hand, _death(hand.process))
                continue
            hand.heard = time.monotonic()
            if isinstance(said, Result):
                hand.task = None
                yield from self._whole(said)
            elif said >= 0:
                hand.job = said
        now = time.monotonic()
        for hand in list(busy.values()):
            if hand.task is None:
                continue
            if now - hand.heard > self.timeout:
                yield from self._lost(hand, f"stopped: no progress for {self.timeout:.0f} s")
            elif sys.platform != "linux" and _resident(hand.process) > self.setup.memory:
                yield from self._lost(hand, f"stopped: more than {self.setup.memory >> 20} MiB of memory")

    def _whole(self, result: Result) -> Iterator[Result]:
        """A result as it came, or one more piece of a task that was taken apart."""
        broken = self._broken.get(result.number)
        if broken is None:
            yield result
            return
        broken.result.add(result)
        yield from self._next_alone(result.number)

    def _next_alone(self, number: int) -> Iterator[Result]:
        broken = self._broken[number]
        if not broken.rest:
            del self._broken[number]
            yield broken.result
            return
        task = broken.alone
        self._again.append(Task(number, task.host, [broken.rest.popleft()], task.derive, task.case, task.whole))

    def _lost(self, hand: _Hand, reason: str) -> Iterator[Result]:
        """Stop a worker, start another, and see to its task."""
        hand.process.kill()
        hand.process.join()
        hand.pipe.close()
        task = hand.task
        fresh = self._start()
        hand.process, hand.pipe, hand.shared, hand.task = fresh.process, fresh.pipe, fresh.shared, None
        if task is None:
            return
        if task.number not in self._broken:
            self._broken[task.number] = _Broken(deque(task.jobs) if len(task.jobs) > 1 else deque(), Result(task.number), task)
            if len(task.jobs) > 1:
                yield from self._next_alone(task.number)
                return
        if not task.given_up and not task.derive:
            self._again.append(replace(task, given_up=reason))  # what it promised is counted, by a worker too
            return
        lost = replace(task, given_up=task.given_up or reason)
        self._broken[task.number].result.add(given_up(lost, lambda _: None))
        yield from self._next_alone(task.number)


def _serve(theirs: Connection, setup: Setup, shared: mmap.mmap | None, ours: Connection) -> None:
    """The life of a worker: task in, result out, until the pipe closes. Where it is forked, the parent's end must not stay open in it."""
    ours.close()
    worker = prepared(setup, theirs)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            theirs.send(worker.run(transport.unpack(theirs.recv(), shared)))


def _death(process: BaseProcess) -> str:
    process.join(5)
    code = process.exitcode
    if code is not None and code < 0:
        import signal

        return f"stopped: the parser crashed ({signal.Signals(-code).name})"
    return f"stopped: the parser ended its process (exit {code})"


def _resident(process: BaseProcess) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return 0
