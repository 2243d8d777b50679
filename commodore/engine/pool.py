"""Worker processes: tasks in order, results in order. A parser that hangs, crashes or eats memory costs only what it was reading.

Tasks come in streams, one per pass over a collection. Workers that the first stream leaves idle take tasks of the next one, so that many
small collections keep all of them busy.

A task whose worker died or had to be stopped is split: first by job, then, when one job kills its worker again, by artefact. The
artefact that kills its worker alone is read once more to salvage the records before that place, then given up; the records of all others
are kept.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self

import psutil

from commodore import catalogue
from commodore.engine import transport
from commodore.engine.results import Result, SalvagedPart
from commodore.engine.salvage import PATIENCE, Salvage
from commodore.engine.tasks import Job, Task
from commodore.engine.work import OUT_OF_MEMORY, Setup, given_up, prepared

AHEAD = 6
"""tasks per worker that may be finished or under way before the oldest is written"""
STARVED, ASLEEP = 10, 500
"""times the time-out that a worker has which gets little of the processor; one that uses less than a 500th of it waits for nothing"""
LOADING = 600.0
"""seconds that a new worker has until it is ready"""


@dataclass
class SplitTask:
    """A task that stopped its worker: its parts run one after the other, and their results are put together."""

    task: Task
    rest: deque[Job]
    result: Result
    salvage: Salvage | None = None
    """what arrived of a part that is read for the second time"""

    def add(self, result: Result) -> None:
        """Add the result of a part."""
        if self.salvage is not None:
            result, self.salvage = self.salvage.completed(result), None
        self.result.add(result)


@dataclass(eq=False)
class Stream:
    """The tasks of one pass, and the results that nobody has taken yet."""

    tasks: Iterator[Task]
    more: bool = True
    """whether `tasks` may have another one"""
    error: Exception | None = None
    """what ended `tasks`; raised behind the last result"""
    order: deque[int] = field(default_factory=deque)
    """numbers of the tasks that were read and whose results are not taken"""
    waiting: deque[Task] = field(default_factory=deque)
    again: deque[Task] = field(default_factory=deque)
    """parts of tasks that stopped their worker"""
    split: dict[int, SplitTask] = field(default_factory=dict)
    done: dict[int, Result] = field(default_factory=dict)

    def read(self) -> None:
        """Read one task ahead."""
        try:
            task = next(self.tasks, None)
        except Exception as e:  # it belongs to who takes the results of this stream, perhaps much later
            task, self.error = None, e
        if task is None:
            self.more = False
        else:
            self.waiting.append(task)
            self.order.append(task.number)

    def ready(self) -> Iterator[Result]:
        """Yield the results that are next in order."""
        while self.order and self.order[0] in self.done:
            yield self.done.pop(self.order.popleft())

    def add(self, result: Result) -> None:
        """Take the result of a task; that of a part waits for the other parts."""
        split = self.split.get(result.number)
        if split is None:
            self.done[result.number] = result
        else:
            split.add(result)
            self.next_part(split)

    def next_part(self, split: SplitTask) -> None:
        """Queue the next part of a task, or complete its result."""
        if split.rest:
            self.again.append(replace(split.task, jobs=[split.rest.popleft()], given_up=""))
        else:
            self.done[split.task.number] = self.split.pop(split.task.number).result


@dataclass
class WorkerProcess:
    """One worker process and what it is doing."""

    process: BaseProcess
    pipe: Connection
    shared: mmap.mmap | None
    stream: Stream | None = None
    task: Task | None = None
    artefact: str = ""
    """artefact that reads, where a job has several"""
    heard: float = 0.0
    spent: float | None = None
    """processor time when it had been silent for a second; None before that"""
    ready: bool = False
    """whether it has loaded rules and indicators, which takes a minute for a million of them where workers are not forked"""

    def stalled(self, silent: float, timeout: float) -> bool:
        """Return whether it makes no progress: after `timeout` seconds of silence, unless it works and other programs leave it little time.

        silent: seconds since it reported. A worker on a busy machine has `timeout` seconds of processor time, and `STARVED` times as long.
        """
        if silent < 1:
            return False
        if self.spent is None:
            self.spent = _processor_time(self.process)
        if silent <= timeout:
            return False
        used = _processor_time(self.process) - self.spent
        return used >= timeout - 1 or used < silent / ASLEEP or silent > STARVED * timeout


@dataclass
class Pool:
    """`workers` processes. `run` maps tasks to results in the order of the tasks; `queue` announces the tasks of a later pass."""

    setup: Setup
    workers: int
    timeout: float = 60.0
    """seconds without progress"""
    processes: list[WorkerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._streams: list[Stream] = []

    def __enter__(self) -> Self:
        self.processes = [self._start() for _ in range(self.workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.processes:
            worker.pipe.close()
            worker.process.kill()
            worker.process.join()

    def _start(self) -> WorkerProcess:
        ours, theirs = self._context.Pipe()
        shared = transport.room()
        process = self._context.Process(target=_serve, args=(theirs, self.setup, shared, ours), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        return WorkerProcess(process, ours, shared)

    def _replace(self, worker: WorkerProcess) -> None:
        """Stop a worker and start another in its place."""
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        fresh = self._start()
        worker.process, worker.pipe, worker.shared = fresh.process, fresh.pipe, fresh.shared
        worker.stream = worker.task = None

    def run(self, tasks: Iterator[Task]) -> Generator[Result]:
        """Yield results in the order of the tasks, which go before those of all streams in the queue."""
        stream = Stream(tasks)
        self._streams.insert(0, stream)
        return self.results(stream)

    def queue(self, tasks: Iterator[Task]) -> Stream:
        """Let workers take these tasks when all tasks of the streams before are read. `results` gives what they make of them."""
        stream = Stream(tasks)
        self._streams.append(stream)
        return stream

    def results(self, stream: Stream) -> Generator[Result]:
        """Yield the results of a stream in the order of its tasks. Raises what its iterator raised, behind the last result.

        Who stops early closes the generator: the stream is forgotten, and the workers that are busy with it are replaced.
        """
        try:
            while stream.more or stream.order:
                if source := self._wanted():
                    source.read()
                self._give()
                self._collect(0.0 if self._wanted() else 0.2)
                self._give()  # before results are written and more is read, for which a worker need not wait
                yield from stream.ready()
            if stream.error is not None:
                raise stream.error
        finally:
            self._streams.remove(stream)
            for worker in self.processes:
                if worker.stream is stream:
                    self._replace(worker)

    def _wanted(self) -> Stream | None:
        """Return the stream to read from: the first that has more, if a worker may soon need its task and few enough are read ahead."""
        if sum(len(stream.waiting) for stream in self._streams) >= self.workers:
            return None
        ahead = 0
        for stream in self._streams:
            ahead += len(stream.order)
            if stream.more:
                return stream if ahead < self.workers * AHEAD else None
        return None

    def _give(self) -> None:
        for worker in self.processes:
            if worker.task is not None:
                continue
            for stream in self._streams:
                if queue := stream.again or stream.waiting:
                    worker.stream, worker.task = stream, queue.popleft()
                    worker.artefact, worker.heard, worker.spent = "", time.monotonic(), None
                    with contextlib.suppress(OSError):  # a worker that has ended is noticed when its pipe is read
                        worker.pipe.send(transport.pack(worker.task, worker.shared))
                    break

    def _collect(self, patience: float) -> None:
        """Read what the workers report; stop those that make no progress."""
        busy = {worker.pipe: worker for worker in self.processes if worker.task is not None}
        for pipe in wait(list(busy), patience) if busy else ():
            worker = busy[pipe]  # type: ignore[index]
            try:
                report: Any = worker.pipe.recv()
            except (EOFError, OSError):
                self._lost(worker, self._death(worker.process))
                continue
            worker.heard, worker.spent, worker.ready = time.monotonic(), None, True
            if isinstance(report, Result):
                stream, worker.stream, worker.task = worker.stream, None, None
                if report.spent:
                    self._replace(worker)
                if stream is not None:
                    stream.add(report)
            elif isinstance(report, SalvagedPart):
                if worker.stream is not None and worker.task is not None and (kept := worker.stream.split[worker.task.number].salvage):
                    kept.add(report)
            else:
                worker.artefact = report
        now = time.monotonic()
        for worker in list(busy.values()):
            if worker.task is None:
                continue
            timeout = min(self.timeout, PATIENCE) if worker.task.salvage else self.timeout
            if worker.stalled(now - worker.heard, timeout if worker.ready else max(timeout, LOADING)):
                self._lost(worker, f"stopped: no progress for {self.timeout:.0f} s")
            elif sys.platform != "linux" and _resident(worker.process) > self.setup.memory:
                self._lost(worker, self._memory())

    def _memory(self) -> str:
        return f"stopped: more than {self.setup.memory >> 20} MiB of memory"

    def _lost(self, worker: WorkerProcess, reason: str) -> None:
        """Replace a worker that stopped, and split its task or give it up."""
        stream, task, artefact = worker.stream, worker.task, worker.artefact
        self._replace(worker)
        if stream is None or task is None:
            return
        if artefact in catalogue.containers() and _alone_in(task, artefact):
            task = replace(task, jobs=[replace(task.jobs[0], artefacts=(artefact,))])  # the file could not be opened, for nobody
        split = stream.split.setdefault(task.number, SplitTask(task, deque(), Result(task.number)))
        if parts := [] if task.given_up or task.salvage else _parts(task, artefact):
            split.rest.extendleft(reversed(parts))
            stream.next_part(split)
        elif task.given_up or (task.derive and task.salvage):
            split.add(given_up(replace(task, given_up=task.given_up or reason), lambda _: None))
            stream.next_part(split)
        elif not task.salvage and not _of_container(task):
            split.salvage = Salvage()
            stream.again.append(replace(task, salvage=True))
        else:
            stream.again.append(replace(task, salvage=False, given_up=reason))  # a worker counts what the format promised

    def _death(self, process: BaseProcess) -> str:
        process.join(5)
        code = process.exitcode
        if code == OUT_OF_MEMORY:
            return self._memory()
        if code is not None and code < 0:
            import signal

            return f"stopped: the parser crashed ({signal.Signals(-code).name})"
        return f"stopped: the parser ended its process (exit {code})"


def _parts(task: Task, artefact: str) -> list[Job]:
    """Split a task by job, a single job by artefact: `artefact`, which was reading, and the others. Empty where nothing can be split.

    Where the wrong artefact was reading (another one had damaged the memory), the others stop again, and are split again.
    """
    if len(task.jobs) > 1:
        return task.jobs
    if not task.jobs or len(task.jobs[0].artefacts) < 2:
        return []
    (job,) = task.jobs
    readers = catalogue.containers().get(artefact, frozenset({artefact}))
    guilty = tuple(name for name in job.artefacts if name in readers)
    others = tuple(name for name in job.artefacts if name not in readers)
    if guilty and others:
        return [replace(job, artefacts=guilty), replace(job, artefacts=others)]
    return [replace(job, artefacts=(name,)) for name in job.artefacts]


def _alone_in(task: Task, container: str) -> bool:
    """Return whether a task is one job that only artefacts of this container read."""
    return not task.given_up and len(task.jobs) == 1 and catalogue.containers()[container].issuperset(task.jobs[0].artefacts)


def _of_container(task: Task) -> bool:
    """Return whether a container itself stopped the worker: it has no records."""
    return any(name in catalogue.containers() for job in task.jobs for name in job.artefacts)


def _serve(theirs: Connection, setup: Setup, shared: mmap.mmap | None, ours: Connection) -> None:
    """Run a worker: task in, result out, until the pipe closes. A forked worker closes the parent's end, which it inherited."""
    ours.close()
    worker = prepared(setup, theirs)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        theirs.send("")
        while True:
            theirs.send(worker.run(transport.unpack(theirs.recv(), shared)))


def _processor_time(process: BaseProcess) -> float:
    try:
        used = psutil.Process(process.pid).cpu_times()
        return float(used.user + used.system)
    except psutil.Error:
        return 0.0


def _resident(process: BaseProcess) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return 0
