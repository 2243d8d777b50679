"""Shared by the benchmarks: the corpus, trees of repeated files, and the memory of a process tree."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each program that is measured compiles all modules anew


def corpus() -> Path:
    """Return the unpacked evidence corpus: `$ESCADRE_CORPUS`, or `.corpus` in the checkout."""
    place = Path(os.environ.get("ESCADRE_CORPUS") or ROOT / ".corpus")
    if not place.is_dir():
        sys.exit(f"{place} does not exist: set ESCADRE_CORPUS to the unpacked corpus.")
    return place


def event_logs(target: Path, times: int) -> int:
    """Make a tree with all event logs of the corpus, `times` over (hard links where possible). Return its size in bytes."""
    size = 0
    logs = sorted((corpus() / "evtx").rglob("*.evtx"))
    for n in range(times):
        folder = target / "Windows" / "System32" / "winevt" / "Logs" / f"{n:03d}"
        folder.mkdir(parents=True)
        for i, log in enumerate(logs):
            copy = folder / f"{i:03d}.evtx"
            try:
                copy.hardlink_to(log)
            except OSError:
                shutil.copyfile(log, copy)
            size += log.stat().st_size
    return size


def one_log(target: Path, size: int) -> int:
    """Write one event log of about `size` bytes: a file header and repeated complete chunks of the corpus. Return its size in bytes."""
    logs = [p.read_bytes() for p in sorted((corpus() / "evtx").rglob("*.evtx")) if p.stat().st_size > 1 << 20]
    chunks = [data[at : at + 65536] for data in logs for at in range(4096, len(data) - 65535, 65536) if data[at : at + 8] == b"ElfChnk\0"]
    with target.open("wb") as out:
        out.write(logs[0][:4096])
        while out.tell() < size:
            out.writelines(chunks)
        return out.tell()


class Memory:
    """Measures the peak memory of a process and all its children: the sum of proportional set sizes, or of resident sizes where absent."""

    def __init__(self, pid: int) -> None:
        self.peak, self._pid, self._done = 0, pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.is_set():
            self.peak = max(self.peak, tree_memory(self._pid))
            time.sleep(0.1)

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return self.peak


def tree_memory(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                full = process.memory_full_info()
                total += getattr(full, "pss", 0) or full.rss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total


def commodore(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "commodore.cli", *map(str, arguments)]


class Spent(NamedTuple):
    """The cost of a command: wall seconds, and CPU seconds of it and all its children."""

    wall: float
    cpu: float


def spent(command: list[str]) -> Spent:
    """Run a command and return its cost. Exit codes 0 and 1 (done, with losses) are success; any other ends the benchmark.

    Python may write compiled modules, as it does where the tools are installed: without them, each start compiles everything.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in (0, 1):
        sys.exit(f"{' '.join(command[:6])} …: exit {code}")
    return Spent(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
