"""SIGKILL `commodore process` at points spread over its output, and check that a rerun gives the same result as an undisturbed run.

    python -m bench.kill_process [--points 20] [--megabytes 60]

A point is a number of bytes in the case's records: the program and its workers are killed when so many have been written. Each kill must
have found the run under way; afterwards the same command runs to its end, and sha256 of the lines of records, findings, members and ledger
is held against that of the undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import ROOT, corpus
from tests.commodore.cases import CLI, commodore, content, environment


def written(case: Path) -> int:
    """Return the bytes of records on disk."""
    return sum(p.stat().st_size for p in case.glob("records/*/*.zst"))


def tasks(case: Path) -> int:
    """Return the number of tasks in the journals."""
    return sum(p.read_bytes().count(b"\n") for p in case.glob(".work/*/journal"))


def kill_at(threshold: int, case: Path, *arguments: object) -> tuple[int, int]:
    """Start `process`, and SIGKILL it and its workers when `threshold` bytes of records are there.

    Gives the bytes and the journal's tasks at that moment. Raises RuntimeError where the run had ended before.
    """
    command = [*CLI, "process", *map(str, arguments), "-o", str(case)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=quiet, stderr=quiet, start_new_session=True)
    while written(case) < threshold and process.poll() is None:
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.wait() != -signal.SIGKILL or any(case.glob("collections/*.json")):
        raise RuntimeError(f"the run had ended before the kill at {threshold} bytes (exit {process.returncode})")
    return written(case), tasks(case)


def tree(target: Path, size: int) -> Path:
    """A host whose event logs have about `size` bytes: a few real ones, cut into units, beside small ones."""
    logs = target / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    samples = corpus() / "evtx/omerbenamram+evtx/samples"
    data = (samples / "security.evtx").read_bytes()
    for n in range(max(1, size // (8 * len(data)))):
        (logs / f"{n}.evtx").write_bytes(data[:4096] + data[4096:] * 8)
    for name in ("sysmon.evtx", "system.evtx"):
        (logs / name).write_bytes((samples / name).read_bytes())
    return target


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=60)
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="bench-kill-") as place:
        folder = Path(place)
        host = tree(folder / "PC", given.megabytes << 20)
        arguments = (host, "--workers", 2)
        done = commodore("process", *arguments, "-o", folder / "whole")
        assert done.returncode == 0, done.stderr
        expected, total = content(folder / "whole"), written(folder / "whole")
        print(f"undisturbed: {total:,} bytes of records, {tasks(folder / 'whole')} tasks")
        for n in range(1, given.points + 1):
            case = folder / f"case{n}"
            at, journal = kill_at(total * n // (given.points + 1), case, *arguments)
            again = commodore("process", *arguments, "-o", case)
            same = again.returncode == 0 and content(case) == expected
            wrong += not same
            end = "same" if same else "DIFFERENT"
            print(f"{n:3}  killed at {at:>11,} bytes ({at * 100 // total:2} %), {journal:3} tasks committed: {end}", flush=True)
    print(f"{given.points - wrong} of {given.points} ended with the same content")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
