"""Peak memory of the whole process tree on 1 GB of event logs, two workers: many files, and one file inside an archive.

python bench/memory.py [--size 1000]        MB
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import ROOT, Memory, commodore, event_logs, one_log


def peak(command: list[str]) -> tuple[float, float]:
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    memory = Memory(process.pid)
    code = process.wait()
    assert code == 0, f"exit {code}"
    return memory.stop() / 1e6, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1000)
    megabytes = parser.parse_args().size
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as place:
        folder = Path(place)
        size = event_logs(folder / "many", max(1, round(megabytes / 88)))
        most, seconds = peak(commodore("process", folder / "many", "-o", folder / "case1", "--workers", "2"))
        print(f"{size / 1e6:,.0f} MB in many files:          peak {most:5.0f} MB of 400   {seconds:.1f} s")
        logs = folder / "one" / "Windows" / "System32" / "winevt" / "Logs"
        logs.mkdir(parents=True)
        size = one_log(logs / "Security.evtx", megabytes * 1_000_000)
        scout = [sys.executable, "-m", "scout.cli"]
        subprocess.run([*scout, "keygen", "-o", str(folder / "key.txt")], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        public = next(word for word in (folder / "key.txt").read_text().split() if word.startswith("age1"))
        subprocess.run(
            [*scout, "collect", "-r", public, "--root", str(folder / "one"), "-o", str(folder)],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        archive = next(folder.glob("*.age"))
        most, seconds = peak(commodore("process", archive, "-i", folder / "key.txt", "-o", folder / "case2", "--workers", "2"))
        print(f"{size / 1e6:,.0f} MB in one file in an archive: peak {most:5.0f} MB of 400   {seconds:.1f} s")


if __name__ == "__main__":
    main()
