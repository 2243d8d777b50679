"""Streams of tasks in one pool: results in order per stream, workers shared, the trouble of one stream kept from the others."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from commodore.engine import pool as pool_module
from commodore.engine.pool import Pool
from commodore.engine.tasks import Job, Task
from commodore.engine.work import Setup, Worker, prepared
from commodore.host import Host

LOGIN = "Jan 10 10:00:00 web sshd[1]: Accepted password for root from 192.0.2.1 port 22 ssh2\n"


def tasks(counts: list[int], read: list[int] | None = None) -> Iterator[Task]:
    """Yield a task per count: an authentication log with so many logins. `read` gets the number of each task that the pool reads."""
    for number, count in enumerate(counts):
        if read is not None:
            read.append(number)
        log = (LOGIN * count).encode()
        yield Task(number, Host("c" * 16, os="linux"), [Job(number, "/var/log/auth.log", log, ("auth_log",), len(log))])


def broken(counts: list[int]) -> Iterator[Task]:
    """Yield tasks, then raise."""
    yield from tasks(counts)
    raise OSError("the archive ends here")


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    with Pool(Setup(cache=tmp_path), 2) as made:
        yield made


def test_streams_with_the_same_numbers_keep_their_results_apart(pool: Pool) -> None:
    first, second = pool.queue(tasks([1, 2, 3])), pool.queue(tasks([40, 50]))
    assert [result.counts for result in pool.results(first)] == [{"auth_log": n} for n in (1, 2, 3)]
    assert [result.counts for result in pool.run(tasks([7]))] == [{"auth_log": 7}], "a pass that is wanted now goes before the queue"
    assert [result.counts for result in pool.results(second)] == [{"auth_log": n} for n in (40, 50)]


def test_the_next_stream_is_read_when_the_one_before_has_no_more(pool: Pool) -> None:
    read: list[int] = []
    first, second = pool.queue(tasks([20_000])), pool.queue(tasks([1] * 50, read))  # the first keeps its worker busy for a while
    assert read == []
    assert len(list(pool.results(first))) == 1
    assert read, "a worker was idle"
    assert len(read) < 50, "and no more was read than the window"
    assert len(list(pool.results(second))) == 50


def test_what_ends_a_stream_is_raised_behind_its_results_and_costs_no_other(pool: Pool) -> None:
    first, second, third = pool.queue(tasks([1])), pool.queue(broken([2])), pool.queue(tasks([3]))
    assert [result.counts for result in pool.results(first)] == [{"auth_log": 1}]
    results = pool.results(second)
    assert next(results).counts == {"auth_log": 2}
    with pytest.raises(OSError, match="the archive ends here"):
        next(results)
    assert [result.counts for result in pool.results(third)] == [{"auth_log": 3}]


def test_a_stream_that_is_left_early_gives_its_workers_back(pool: Pool) -> None:
    first, second = pool.queue(tasks([1] * 20)), pool.queue(tasks([5]))
    with closing(pool.results(first)) as results:
        next(results)
    assert all(worker.stream is not first for worker in pool.processes)
    assert [result.counts for result in pool.results(second)] == [{"auth_log": 5}]


@pytest.mark.skipif(sys.platform != "linux", reason="a worker that is not forked does not inherit the slow loading of this test")
def test_a_worker_that_loads_rules_for_long_is_not_taken_for_one_that_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(setup: Setup, pipe: Connection) -> Worker:
        time.sleep(2.5)
        return prepared(setup, pipe)

    monkeypatch.setattr(pool_module, "prepared", slow)
    with Pool(Setup(cache=tmp_path), 1, timeout=1.0) as made:
        (worker,) = made.processes
        assert [result.counts for result in made.run(tasks([1]))] == [{"auth_log": 1}]
        assert made.processes == [worker], "it was replaced"
