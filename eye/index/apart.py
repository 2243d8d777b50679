"""A large build by several processes: each adds files of records to an index of its own, and its segments are then joined to the case's.

    index/apart-<random>/     the index of one process; removed with its last segment, or by the next run after a kill

Python makes documents on one processor at a time, so one process uses one and a half. A process is `python -m eye.index.apart`. It reads
lines of JSON: `[dataset, collection, path, stamp]` is a file to add to the index in `folder`, `{"folder": …}` begins another index, and
null ends the present one. It answers with `["n", dataset, records]` while it reads, `["done", records, told]` for a file, `["closed"]`, and
`["failed", why]`. It ends with its parent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import mkdtemp
from typing import Any

import orjson

import eye
from eye.case import Source, cannot_write
from eye.index.adding import HEAP, Adder, Progress, mark, uncollected
from eye.index.schema import opened
from scout.console import COULD_NOT, Complaint

LARGE = 8_000_000
"""Bytes of compressed records from which several processes are worth their start, about 100,000 records."""
PREFIX = "apart-"
Join = Callable[[list[Path], list[Source]], None]


def worth_it(stale: list[Source], workers: int) -> bool:
    """Return whether several processes build these files faster than one."""
    return workers > 1 and len(stale) > 1 and sum(source.path.stat().st_size for source in stale) >= LARGE


def clear(home: Path) -> None:
    """Remove what processes of a run left that has ended."""
    for left in home.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


class Apart:
    """Builds files in `workers` processes. `join` is called with finished folders and the files of records in them, by
    one thread at a time.

    `told`: what did not read, by the mark of its file. `most`: records after which what is built is joined.
    """

    def __init__(self, home: Path, workers: int, told: dict[str, str], progress: Progress | None, join: Join, most: int) -> None:
        self.home, self.workers, self.told, self.progress, self.join, self.most = home, workers, told, progress, join, most
        self._lock = threading.Lock()
        self._folders: list[Path] = []
        self._sources: list[Source] = []
        self._records = self._waiting = 0
        self._failed: list[BaseException] = []

    def build(self, stale: list[Source]) -> int:
        """Build and join all files, the largest first; return their number of records. Raises Complaint, and what `join` raises."""
        queue: SimpleQueue[Source] = SimpleQueue()
        for source in sorted(stale, key=lambda one: -one.path.stat().st_size):
            queue.put(source)
        running = [_Process(HEAP // self.workers) for _ in range(self.workers)]
        threads = [threading.Thread(target=self._feed, args=(process, queue), daemon=True) for process in running]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # Ctrl-C works between two of them on every system
        finally:
            for process in running:
                process.end()
            if self._failed:
                clear(self.home)
        if self._failed:
            raise self._failed[0]
        self._join()
        return self._records

    def _feed(self, process: _Process, queue: SimpleQueue[Source]) -> None:
        """Give one process file after file."""
        try:
            while not queue.empty() and not self._failed:
                folder, added, records = Path(mkdtemp(prefix=PREFIX, dir=self.home)), [], 0
                process.tell({"folder": str(folder)})
                while records * self.workers < self.most and not self._failed:
                    try:
                        source = queue.get_nowait()
                    except Empty:
                        break
                    records += self._file(process, source)
                    added.append(source)
                process.tell(None)
                for _ in self._answers(process, "closed"):
                    pass
                with self._lock:
                    self._folders.append(folder)
                    self._sources += added
                    self._waiting += records
                    self._records += records
                    if self._waiting >= self.most:
                        self._join()
        except BaseException as e:  # for `build` to raise
            self._failed.append(e)

    def _join(self) -> None:
        if self._folders:
            self.join(self._folders, self._sources)
        self._folders, self._sources, self._waiting = [], [], 0

    def _file(self, process: _Process, source: Source) -> int:
        process.tell([source.dataset, source.collection, str(source.path), source.stamp])
        for answer in self._answers(process, "done"):
            if answer[0] == "done":
                if answer[2]:
                    self.told[mark(source)] = answer[2]
                return int(answer[1])
            if self.progress:
                with self._lock:
                    self.progress(source.dataset, answer[2])
        raise AssertionError("the answers end with the last")

    def _answers(self, process: _Process, last: str) -> Iterator[list[Any]]:
        """Yield the answers of a process to the last one. Raises Complaint."""
        while True:
            answer = process.answer()
            if answer is None:
                raise Complaint("a process of the build was ended.", "Look at the memory, and run `eye index` again.", COULD_NOT)
            if answer[0] == "failed":
                raise cannot_write(self.home, answer[1])
            yield answer
            if answer[0] == last:
                return


class _Process:
    """One process, seen from the run that started it."""

    def __init__(self, heap: int) -> None:
        root = str(Path(eye.__file__).resolve().parent.parent)
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "eye.index.apart", str(heap)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip

    def tell(self, what: object) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # no answer will come, and that is told
            self._process.stdin.write(orjson.dumps(what) + b"\n")
            self._process.stdin.flush()

    def answer(self) -> list[Any] | None:
        assert self._process.stdout
        line = self._process.stdout.readline()
        return list(orjson.loads(line)) if line else None

    def end(self) -> None:
        self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:
            pass


def main() -> None:
    """Do the work of one process until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    out = sys.stdout.buffer

    def answer(*what: object) -> None:
        out.write(orjson.dumps(what) + b"\n")
        out.flush()

    try:
        with uncollected():
            _serve(int(sys.argv[1]), answer)
    except BrokenPipeError:  # the parent was killed; the buffer would be written at the end of this process
        os._exit(1)
    except (OSError, ValueError) as e:  # ValueError: tantivy's words
        answer("failed", (str(e).splitlines() or [""])[0][:200])


def _serve(heap: int, answer: Callable[..., None]) -> None:
    told: dict[str, str] = {}
    adder: Adder | None = None
    for line in sys.stdin.buffer:
        wanted = orjson.loads(line)
        if isinstance(wanted, dict):
            adder = Adder(opened(wanted["folder"]).writer(heap, 1), told, lambda dataset, n: answer("n", dataset, n))
        elif wanted is None and adder is not None:
            adder.writer.commit()
            adder.writer.wait_merging_threads()
            answer("closed")
        elif adder is not None:
            dataset, collection, path, stamp = wanted
            source = Source(dataset, collection, Path(path), stamp)
            answer("done", adder.add(source), told.get(mark(source), ""))


if __name__ == "__main__":
    main()
