"""Change inputs of every family of readers and count what comes of it.

    python -m bench.mutants [--first N] [--count N] [--workers N] [FAMILY …]

Per family: mutants, exceptions that left a reader, elements at which one raised, accounts that do not add up, mutants that took longer than
a minute of CPU time (or ten on the clock) or ended their process, CPU seconds of the slowest, and the peak of the memory of all processes
together. Mutants depend only on family and number. Exit 1 where any of these is not zero, or the memory went beyond 1 GiB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from tests.mutants.family import Family, every

LONGEST, SILENT, MEMORY = 60.0, 600.0, 1 << 30
"""seconds of CPU time and on the clock, for one mutant; bytes"""
CHUNK = 250
"""mutants after which a process reports"""


def serve(pipe: Connection, family: Family, folder: str, at: object) -> None:
    """Read the mutants whose numbers come through the pipe: (first, last)."""
    read = family.open(Path(folder))
    pipe.send(None)
    with suppress(EOFError):
        while True:
            first, last = pipe.recv()
            found: Counter[str] = Counter()
            slowest = (0.0, first)
            for number in range(first, last):
                start = time.process_time()
                at[0], at[1], at[2] = number, time.time(), start  # type: ignore[index]
                found += family.run(read, number)
                slowest = max(slowest, (time.process_time() - start, number))
            pipe.send((found, slowest))


class Reader:
    """A process that reads mutants, and which one it reads."""

    def __init__(self, family: Family, folder: Path) -> None:
        context = multiprocessing.get_context("fork")
        self.family, self.folder, self.span = family, folder, (0, 0)
        self.at = context.RawArray("d", 3)
        self.pipe, theirs = context.Pipe()
        folder.mkdir(parents=True)
        self.process = context.Process(target=serve, args=(theirs, family, str(folder), self.at), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()

    def give(self, span: tuple[int, int]) -> None:
        self.span = span
        self.at[1], self.at[2] = time.time(), self.spent()
        self.pipe.send(span)

    def spent(self) -> float:
        """Return the CPU seconds of the process."""
        try:
            used = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(used.user + used.system)

    def hangs(self) -> bool:
        return self.spent() - self.at[2] > LONGEST or time.time() - self.at[1] > SILENT

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run(family: Family, first: int, count: int, workers: int, folder: Path) -> tuple[Counter[str], tuple[float, int], int]:
    """Read `count` mutants from number `first`.

    Return what was counted, (seconds, number) of the slowest, and the peak of the memory in bytes.
    """
    end = first + count
    todo = [(n, min(n + CHUNK, end)) for n in range(first, end, CHUNK)][::-1]
    found: Counter[str] = Counter()
    slowest, peak, started = (0.0, 0), 0, 0
    readers: list[Reader] = []
    while todo or readers:
        while todo and len(readers) < workers:
            started += 1
            readers.append(Reader(family, folder / f"{family.name}-{started}"))
            readers[-1].give(todo.pop())
        peak = max(peak, sum(_resident(reader) for reader in readers) + psutil.Process().memory_info().rss)
        multiprocessing.connection.wait([reader.pipe for reader in readers], 0.2)
        for reader in list(readers):
            trouble = ""
            try:
                if reader.pipe.poll():
                    counted, slow = reader.pipe.recv()
                    found += counted
                    slowest = max(slowest, slow)
                    if todo:
                        reader.give(todo.pop())
                        continue
                    reader.stop()
                    readers.remove(reader)
                    continue
                if reader.hangs():
                    trouble = f"hung: mutant {reader.at[0]:.0f}"
            except EOFError:
                reader.process.join()
                trouble = f"died: mutant {reader.at[0]:.0f} (exit {reader.process.exitcode})"
            if trouble:
                found[trouble] += 1
                reader.stop()
                readers.remove(reader)
                rest = (int(reader.at[0]) + 1, reader.span[1])
                if rest[0] < rest[1]:
                    todo.append(rest)
    return found, slowest, peak


def _resident(reader: Reader) -> int:
    try:
        return int(psutil.Process(reader.process.pid).memory_info().rss)
    except psutil.Error:
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant, to go on where another run ended")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder  # for the seal key that the demo makes
        for family in every(Path(folder)):
            if asked.names and family.name not in asked.names:
                continue
            if not family.inputs:
                sys.exit(f"{family.name}: there is nothing to change")
            start = time.perf_counter()
            found, slowest, peak = run(family, asked.first, asked.count, asked.workers, Path(folder))
            trouble = {word: n for word, n in found.most_common() if ":" in word}
            bad += sum(trouble.values()) + (peak > MEMORY)
            counts = "  ".join(f"{n:,} {word}" for word, n in sorted(found.items()) if ":" not in word)
            took = f"{time.perf_counter() - start:.0f} s, slowest {slowest[0]:.2f} s (mutant {slowest[1]})  peak {peak >> 20} MiB"
            print(f"{family.name:<18} {asked.count:>7,} mutants  {counts}  {took}", flush=True)
            for word, n in list(trouble.items())[:20]:
                print(f"    {n:>7,} {word}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
