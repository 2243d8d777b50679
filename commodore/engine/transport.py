"""Pass the bytes of a task to a worker: through shared memory where workers are forked, else through the pipe.

A pipe copies each byte five times and wakes both sides every 200 KiB; shared memory copies it twice. The memory is anonymous, not a file.
"""

from __future__ import annotations

import mmap
import sys
from dataclasses import replace
from typing import Any, NamedTuple

from commodore.engine.tasks import Job, Task

SIZE = 4 << 20
"""bytes of one worker's shared memory; a larger task goes through the pipe"""


class Span(NamedTuple):
    """The place of a job's bytes in the shared memory."""

    start: int
    length: int


def room() -> mmap.mmap | None:
    """Return memory to share with one worker; None where workers do not inherit it."""
    return mmap.mmap(-1, SIZE) if sys.platform == "linux" else None


def pack(task: Task, shared: mmap.mmap | None) -> Task:
    """Return the task for the pipe; its bytes are in `shared` if they fit."""
    if shared is None or sum(job.weight for job in task.jobs) > SIZE:
        return task
    at = 0

    def packed(job: Job) -> Job:
        nonlocal at
        content: Any = job.content
        if isinstance(content, bytes):
            span = Span(at, len(content))
            shared[at : at + len(content)] = content
            at, content = at + len(content), span
        return replace(job, content=content, companions={role: packed(c) for role, c in job.companions.items()})

    return replace(task, jobs=[packed(job) for job in task.jobs])


def unpack(task: Task, shared: mmap.mmap | None) -> Task:
    """Return the task with its bytes, in the worker."""

    def filled(job: Job) -> None:
        content: object = job.content
        if isinstance(content, Span) and shared is not None:
            job.content = shared[content.start : content.start + content.length]
        for companion in job.companions.values():
            filled(companion)

    for job in task.jobs:
        filled(job)
    return task
