"""Compare the archive writer with `tar | zstd -3 | age` on the same tree in one run (time, size, memory), and SIGKILL it at many points.

    python -m bench.archive [--megabytes 1000] [--rounds 3] [--kills 50] [--work DIR]

The tree is made of the programs and libraries of this machine (/usr) and of text logs from a seeded generator, 3 to 2 by size.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.kill import kills

LOG_SHARE = 0.4
ONE = "import sys; from bench.archive import write, peak; write(sys.argv[1], sys.argv[2], sys.argv[3]); print(peak())"


def build(root: Path, megabytes: int) -> tuple[int, int]:
    """Fill `root`. Return (files, bytes)."""
    rnd = random.Random(20261122)
    wanted = megabytes * 1_000_000
    files = size = 0
    logs = int(wanted * LOG_SHARE)
    (root / "var/log").mkdir(parents=True)
    while size < logs:
        part = min(rnd.choice([40_000, 400_000, 4_000_000, 30_000_000]), logs - size)
        path = root / f"var/log/app{files:05d}.log"
        path.write_bytes(log(rnd, part))
        size += path.stat().st_size
        files += 1
    for folder, _, found in sorted(os.walk("/usr")):
        for name in sorted(found):
            source = Path(folder, name)
            if size >= wanted:
                return files, size
            if source.is_symlink() or not source.is_file() or source.stat().st_size > wanted - size:
                continue
            target = root / source.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            size += source.stat().st_size
            files += 1
    return files, size


def log(rnd: random.Random, size: int) -> bytes:
    """Return about `size` bytes of lines as a web server and sshd write them."""
    out, have = [], 0
    second = rnd.randrange(10**6)
    while have < size:
        second += rnd.randrange(3)
        clock = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        address = f"10.{rnd.randrange(4)}.{rnd.randrange(256)}.{rnd.randrange(256)}"
        if rnd.random() < 0.3:
            who = f"srv{rnd.randrange(9)} sshd[{rnd.randrange(40000)}]"
            line = f"Nov 22 {clock} {who}: Failed password for root from {address} port {rnd.randrange(1024, 65536)} ssh2\n"
        else:
            line = (
                f"{address} - - [22/Nov/2026:{clock} +0000] "
                f'"GET /shop/item/{rnd.randrange(10**6)}?ref={rnd.getrandbits(48):012x} HTTP/1.1" '
                f'{rnd.choice((200, 200, 200, 304, 404))} {rnd.randrange(90000)} "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"\n'
            )
        out.append(line)
        have += len(line)
    return "".join(out).encode()


def write(root: str, archive: str, recipient: str) -> None:
    """Archive every file below `root` in a plain loop: `scout collect --root` without its targets."""
    from scout.archive import ArchiveWriter, WantedItem
    from scout.archive.facts import of_stat
    from scout.archive.sparse import extents
    from scout.keys import load_recipients

    keys, texts = load_recipients([recipient])
    with ArchiveWriter(archive, keys, {"collection": "bench", "recipients": texts}) as writer:
        for folder, folders, found in os.walk(root):
            folders.sort()
            for name in sorted(found):
                path = os.path.join(folder, name)
                with open(path, "rb", buffering=0) as stream:
                    status = os.fstat(stream.fileno())
                    holes = extents(stream.fileno(), status.st_size) if status.st_blocks * 512 < status.st_size else None
                    writer.add(WantedItem(source=path[len(root) :], size=status.st_size, facts=of_stat(status), extents=holes), stream)
        writer.finish()


def ours(root: Path, archive: Path, recipient: str) -> tuple[float, int]:
    """Return seconds and peak resident bytes of a process that writes the archive."""
    archive.unlink(missing_ok=True)
    archive.with_name(archive.name + ".receipt.json").unlink(missing_ok=True)
    begun = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", ONE, str(root), str(archive), recipient], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return time.perf_counter() - begun, int(said)


def peak() -> int:
    """Return the peak resident bytes of this process. `ru_maxrss` would also count the process that started it."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def theirs(root: Path, archive: Path, recipient: str) -> float:
    """Return the seconds of the pipeline of stock tools."""
    begun = time.perf_counter()
    subprocess.run(
        ["bash", "-o", "pipefail", "-c", 'tar -C "$0" -c . | zstd -q -3 | age -r "$1" > "$2"', str(root), recipient, str(archive)],
        check=True,
    )
    return time.perf_counter() - begun


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--work", type=Path, help="where the tree and the archives are made (default: a temporary directory)")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        from scout.keys import keygen

        work = Path(name)
        root = work / "root"
        files, size = build(root, given.megabytes)
        recipient = keygen(work / "key.txt")
        print(f"tree: {files:,} files, {size / 1e6:,.0f} MB")
        mine, stock, peaks = [], [], []
        for _ in range(given.rounds):
            stock.append(theirs(root, work / "stock.age", recipient))
            seconds, largest = ours(root, work / "ours.age", recipient)
            mine.append(seconds)
            peaks.append(largest)
            print(
                f"  tar | zstd -3 | age {stock[-1]:6.2f} s    scout {seconds:6.2f} s    "
                f"ratio {seconds / stock[-1]:.2f}    peak {largest / 1e6:.0f} MB"
            )
        if given.rounds:
            a, b = (work / "ours.age").stat().st_size, (work / "stock.age").stat().st_size
            print(f"wall  {statistics.median(m / s for m, s in zip(mine, stock, strict=True)):.2f} × (target 1.4)")
            print(f"size  {a / b:.3f} × ({a / 1e6:.1f} MB to {b / 1e6:.1f} MB, target 1.10)")
            print(f"peak  {max(peaks) / 1e6:.0f} MB (target 150)")
        if given.kills:
            small = work / "small"
            small.mkdir()
            build(small, min(given.megabytes, 120))
            print(kills(work, small, given.kills, group=False))
            print(kills(work, small, given.kills, group=True))


if __name__ == "__main__":
    main()
