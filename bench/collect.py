"""Compare SCOUT with the stock pipeline in one run: time, size, memory. Also measures start-up, and what a SIGKILL leaves.

    python -m bench.collect CORPUS [--size 1000] [--rounds 3] [--kills 50] [--work DIR]

The root contains files of the corpus below /var/log. Both sides read everything and encrypt to the same recipient, in turn. The best round
counts, because other load on the machine only adds time; the medians are shown beside it. "files only" is SCOUT without the list of all
files, which the pipeline does not make either. Needs tar, zstd and age.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.common import Memory

SCOUT = [sys.executable, "-c", "from scout.cli import main; main()"]
LEAST = 4_096
"""bytes: with all smaller ones the mean falls to 25 kB; 5 GB of a host in 50,000 files are 100 kB each, as here"""


def build(corpus: Path, root: Path, size: int) -> int:
    """Copy corpus files until there are `size` bytes. Return the bytes copied."""
    files = sorted(path for path in corpus.rglob("*") if path.is_file() and LEAST < path.stat().st_size < 64 << 20)
    (root / "etc").mkdir(parents=True)
    (root / "etc/hostname").write_text("bench\n")
    total = copy = 0
    while total < size:
        copy += 1
        for path in files:
            if total >= size:
                break
            target = root / "var/log" / f"copy{copy}" / path.relative_to(corpus)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            total += path.stat().st_size
    return total


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command that must succeed. Return (wall seconds, CPU seconds of all children)."""
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def collect_command(root: Path, out: Path, public: str, *, only: str = "") -> list[str]:
    command = [*SCOUT, "collect", "-q", "-r", public, "--root", str(root), "-o", str(out), "--profile", "full"]
    return [*command, *(["--targets", only] if only else [])]


def race(root: Path, work: Path, public: str, rounds: int, size: int) -> None:
    scout, stock, files = [], [], []
    packed = work / "stock.age"
    pipeline = f"tar -C {root} -cf - . | zstd -q -3 | age -r {public} > {packed}"
    for number in range(rounds):
        out = work / f"out{number}"
        out.mkdir()
        stock.append(timed(["bash", "-o", "pipefail", "-c", pipeline]))
        scout.append(timed(collect_command(root, out, public)))
        archive = next(out.glob("*.age"))
        written = archive.stat().st_size
        shutil.rmtree(out)
        out.mkdir()
        files.append(timed(collect_command(root, out, public, only="LF06")))
        shutil.rmtree(out)
    (work / "memory").mkdir()
    child = subprocess.Popen(collect_command(root, work / "memory", public), stdout=subprocess.DEVNULL)
    memory = Memory(child.pid)
    assert child.wait() == 0
    ours, theirs = min(scout), min(stock)
    row("wall", f"{ours[0]:.1f} s", f"{theirs[0]:.1f} s", f"{ours[0] / theirs[0]:.2f}", "≤ 1.4")
    row("CPU", f"{ours[1]:.1f} s", f"{theirs[1]:.1f} s", f"{ours[1] / theirs[1]:.2f}", "")
    for number, name in enumerate(("median wall", "median CPU")):
        mine, other = (median(one[number] for one in each) for each in (scout, stock))
        row(name, f"{mine:.1f} s", f"{other:.1f} s", f"{mine / other:.2f}", "")
    only = min(files)
    row("files only", f"{only[0]:.1f} s", "", f"{only[0] / theirs[0]:.2f}", "")
    row("… CPU", f"{only[1]:.1f} s", "", f"{only[1] / theirs[1]:.2f}", "")
    row("size", f"{written / 1e6:.1f} MB", f"{packed.stat().st_size / 1e6:.1f} MB", f"{written / packed.stat().st_size:.3f}", "≤ 1.1")
    row("peak of both", f"{memory.stop() / 1e6:.0f} MB", "", "", "≤ 150 MB")
    row("speed", f"{size / ours[0] / 1e6:.0f} MB/s", f"{size / theirs[0] / 1e6:.0f} MB/s", "", "")


def start_up() -> None:
    for name, command in (
        ("import scout", [sys.executable, "-c", "import scout"]),
        ("scout --help", [*SCOUT, "--help"]),
        ("python -c ''", [sys.executable, "-c", ""]),
    ):
        row(name, f"{min(timed(command)[1] for _ in range(5)):.2f} s CPU", "", "", "≤ 0.4 s" if "scout" in name else "")


def kills(root: Path, work: Path, public: str, key: Path, points: int, seed: int) -> None:
    """SIGKILL at points spread over the output. Compare what can be read from the archive with what was read from the root."""
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    out = work / "whole"
    out.mkdir()
    subprocess.run(collect_command(root, out, public), check=True, stdout=subprocess.DEVNULL)
    full, identities = next(out.glob("*.age")).stat().st_size, load_identities(key)
    content = readable(next(out.glob("*.age")), identities)
    base = idle(work, public)
    chance = random.Random(seed)
    worst, interrupted, done = 0, 0, 0
    for number in range(points):
        target = chance.randrange(1, full)
        out = work / f"kill{number}"
        out.mkdir()
        read = killed(collect_command(root, out, public), out, target, group=number % 2 == 1)
        if read is None:
            done += 1
            continue
        archive = next(out.glob("*.age"))
        recovered = readable(archive, identities)
        worst = max(worst, read - base - recovered)
        verdict = verify(archive, identities) if recovered else None
        if verdict is not None and verdict.state == "whole" and recovered >= content:  # its end was written already: it is complete
            done += 1
            shutil.rmtree(out)
            continue
        interrupted += verdict is None or verdict.state == "interrupted"
        assert verdict is None or not verdict.problems, verdict.problems
        shutil.rmtree(out)
    row("SIGKILL", f"{points - done} of {points}", "", f"{interrupted} say interrupted, {done} were complete", "all")
    row("most lost", f"{worst / 2**20:.1f} MiB", "", "", "≤ 8 MiB")


def idle(work: Path, public: str) -> int:
    """Return the bytes that the program reads for itself, measured on a root with almost no files."""
    root, out = work / "empty", work / "none"
    (root / "etc").mkdir(parents=True)
    out.mkdir()
    code = "from scout.cli import console, build_app; console.run('scout', build_app); print(open('/proc/self/io').readline().split()[1])"
    done = subprocess.run([sys.executable, "-c", code, *collect_command(root, out, public)[3:]], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def killed(command: list[str], out: Path, target: int, *, group: bool) -> int | None:
    """Stop the program when its archive has `target` bytes, note what it has read, kill it, with `group` the process that encrypts too;
    None where it was done before.
    """
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while child.poll() is None:
        archive = next(out.glob("*.age"), None)
        if archive is not None and archive.stat().st_size >= target:
            break
        time.sleep(0.001)
    if child.poll() is not None:
        return None
    (os.killpg if group else os.kill)(child.pid, signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    read = int(next(line for line in Path(f"/proc/{child.pid}/io").read_text().splitlines() if line.startswith("rchar")).split()[1])
    (os.killpg if group else os.kill)(child.pid, signal.SIGKILL)
    child.wait()
    return read


def readable(archive: Path, identities: list[object]) -> int:
    """Return the bytes of file content that a reader gets from the cut archive."""
    from scout.archive.reader import ArchiveReader
    from scout.console import Complaint

    total = 0
    try:
        with ArchiveReader(archive, identities) as reader:
            for member in reader:
                pieces = sum(len(piece) for _, piece in member.stream.data())
                total += pieces if member.kind == "files" else 0
    except Complaint:
        return total
    return total


def row(*words: str) -> None:
    widths = (14, 16, 16, 20, 10)
    print("  ".join(f"{word:<{width}}" for word, width in zip(words, widths, strict=False)).rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--size", type=int, default=1000, help="MB of the root")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--kill-size", type=int, default=200, help="MB of the root for the kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="where the root is made; a tmpfs, for files that are in the cache for certain")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scout-bench-", dir=given.work) as folder:
        work = Path(folder)
        from scout.keys import keygen

        key = work / "key.txt"
        public = keygen(key)
        row("", "scout", "tar|zstd -3|age", "ratio", "target")
        if given.rounds:
            size = build(given.corpus, work / "root", given.size * 1_000_000)
            race(work / "root", work, public, given.rounds, size)
            shutil.rmtree(work / "root")
        start_up()
        if given.kills:
            build(given.corpus, work / "small", given.kill_size * 1_000_000)
            kills(work / "small", work, public, key, given.kills, given.seed)


if __name__ == "__main__":
    main()
