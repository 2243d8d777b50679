"""SIGKILL a writer at seeded points of its output, and read what is left.

The writer encrypts in a second process: with --group both are killed at once, else the writer alone.

python -m bench.kill ROOT [--points 50] [--group] [--work DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BUDGET = 8 << 20
CHILD = "import sys; from bench.kill import write; write(*sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one kill: bytes of output when it came, bytes of content read by the writer and given back by the reader, members covered by a
    seal.
    """

    output: int
    read: int
    recovered: int
    sealed: int
    wrong: list[str]
    verdict: str
    code: int


class Counting:
    """A file that counts its reads in memory that outlives the process."""

    def __init__(self, path: str, counter: mmap.mmap) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (it lives as long as the process)
        self._counter = counter

    def readinto(self, room: memoryview) -> int:
        n = self._file.readinto(room) or 0
        self._add(n)
        return n

    def read(self, n: int) -> bytes:
        piece = self._file.read(n) or b""
        self._add(len(piece))
        return piece

    def _add(self, n: int) -> None:
        self._counter[0:8] = struct.pack("<Q", struct.unpack("<Q", self._counter[0:8])[0] + n)


def write(root: str, archive: str, recipient: str, counter: str) -> None:
    """Archive every file below `root`, each three of a folder as a group. Runs in the process that is killed."""
    from scout.archive import ArchiveWriter, GroupPlace, WantedItem
    from scout.keys import load_recipients

    with open(counter, "r+b") as file:
        shared = mmap.mmap(file.fileno(), 8)
    keys, texts = load_recipients([recipient])
    with ArchiveWriter(archive, keys, {"collection": "kill", "recipients": texts}) as writer:
        for folder, folders, found in os.walk(root):
            folders.sort()
            for place, name in enumerate(sorted(found)):
                path = os.path.join(folder, name)
                group = GroupPlace(f"{folder[len(root) :]}-{place // 3}", "main" if place % 3 == 0 else f"log{place % 3}", place % 3 + 1, 3)
                writer.add(WantedItem(source=path[len(root) :], size=os.path.getsize(path), group=group), Counting(path, shared))
        writer.finish()


def start(root: Path, archive: Path, recipient: str, counter: Path) -> subprocess.Popen[bytes]:
    """Start a writing process, with the counter at 0."""
    counter.write_bytes(bytes(8))
    archive.unlink(missing_ok=True)
    archive.with_name(archive.name + ".receipt.json").unlink(missing_ok=True)
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), str(archive), recipient, str(counter)],
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def strike(work: Path, root: Path, recipient: str, key: Path, point: int, group: bool) -> Outcome | None:
    """Kill a writer when its output has `point` bytes. Return None where it ended earlier."""
    archive, counter = work / "killed.age", work / "counter"
    process = start(root, archive, recipient, counter)
    try:
        while process.poll() is None and (not archive.exists() or archive.stat().st_size < point):
            time.sleep(0.0005)
    finally:
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != -signal.SIGKILL:
        return None
    return judge(archive, root, key, struct.unpack("<Q", counter.read_bytes())[0])


def judge(archive: Path, root: Path, key: Path, read: int) -> Outcome:
    """Read what is left, and compare it with the original files."""
    from scout.archive import ArchiveReader
    from scout.archive.custody import read_part
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    identities = load_identities(key)
    whole: dict[str, str] = {}
    recovered = sealed = 0
    wrong: list[str] = []
    broken: list[str] = []
    with ArchiveReader(archive, identities) as reader:
        for member in reader:
            if member.kind == "custody":
                content = member.stream.read()
                for line in [] if member.cut else read_part(content, broken.append)[1]:
                    if line["member"] is None or line["type"] != "file":
                        continue
                    sealed += 1
                    truth = hashlib.sha256((root / line["source"][1:]).read_bytes()).hexdigest()
                    if not whole.get(line["name"]) == truth == line["sha256"]:
                        wrong.append(line["name"])
            elif member.kind == "files":
                digest = hashlib.sha256()
                for piece in member.stream.chunks():
                    digest.update(piece)
                    recovered += len(piece)
                if not member.cut:
                    whole[member.name] = digest.hexdigest()
    said = verify(archive, identities)
    return Outcome(archive.stat().st_size, read, recovered, sealed, wrong + broken, said.state, said.code)


def campaign(work: Path, root: Path, points: int, *, group: bool = False, seed: int = 20261122) -> list[Outcome]:
    """Kill at `points` places spread over the output of an undisturbed run."""
    from scout.keys import keygen

    key = work / "kill-key.txt"
    recipient = keygen(key)
    whole = work / "undisturbed.age"
    if start(root, whole, recipient, work / "counter").wait():
        raise RuntimeError("the undisturbed writer failed")
    size, content = whole.stat().st_size, sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    rnd = random.Random(seed)
    outcomes: list[Outcome] = []
    for _ in range(10 * points):
        outcome = strike(work, root, recipient, key, rnd.randrange(1, size), group)
        # a kill that came when end.json was written already left a complete archive, and verify says so with reason: strike again
        if outcome is not None and not (outcome.verdict == "whole" and outcome.recovered == content):
            outcomes.append(outcome)
        if len(outcomes) == points:
            return outcomes
    raise RuntimeError(f"{root} is too small: only {len(outcomes)} of {10 * points} kills came before the end")


def kills(work: Path, root: Path, points: int, *, group: bool) -> str:
    """Return one line of figures."""
    outcomes = campaign(work, root, points, group=group)
    worst = max(o.read - o.recovered for o in outcomes)
    return (
        f"kill  {points} points: lost at most {worst / (1 << 20):.1f} MiB of what was read (target 8), "
        f"{sum(o.sealed for o in outcomes):,} sealed members, {sum(len(o.wrong) for o in outcomes)} of them wrong, "
        f"{sum(o.verdict == 'interrupted' and o.code == 1 for o in outcomes)} of {points} verify as interrupted"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("root", type=Path)
    options.add_argument("--points", type=int, default=50)
    options.add_argument("--group", action="store_true")
    options.add_argument("--work", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        print(kills(Path(name), given.root, given.points, group=given.group))


if __name__ == "__main__":
    main()
