"""The raw sweep against decrypting and hashing the same archive, a million indicators against ten thousand, YARA against `yara`, and how
many PE files are read in a second.

    python -m bench.sweep [CORPUS]

Times are those of the process (CPU), so that other programs on the machine do not count. Indicators are random values of the usual types.
"""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.common import corpus
from commodore import catalogue
from commodore.engine.plan import TOGETHER
from commodore.engine.stream import Hashing
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.sweep.finder import Finder
from commodore.sweep.found import WINDOW
from scout.archive import ArchiveReader
from scout.formats.indicators import Indicator
from scout.formats.yara_rules import EXTERNALS, YaraRules, rule_texts
from scout.keys import load_identities

ROUNDS = 5
WINE = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
KINDS = ("evtx", "hives", "linux", "browser")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    evidence = Path(sys.argv[1]) if len(sys.argv) > 1 else corpus()
    with tempfile.TemporaryDirectory() as folder:
        archive, key = collected(evidence, Path(folder))
        base = time.process_time()
        size = 0
        for chunk in members(archive, key):
            size += len(chunk)
        base = time.process_time() - base
        print(f"archive: {size / 1e6:.0f} MB; decrypted and hashed in {base:.2f} s ({size / base / 1e6:.0f} MB/s)")
        one = sweep(archive, key, 10_000)
        print(f"10,000 indicators: {one:.2f} s more: {one / base:.2f} x of decrypting and hashing (bound 0.3)")
        million = sweep(archive, key, 1_000_000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"1,000,000 indicators: {million:.2f} s: {million / one:.2f} x of 10,000 (bound 1.5); peak {peak:.0f} MB (bound 500)")
    rules(evidence)
    programs(evidence)


def collected(evidence: Path, folder: Path) -> tuple[Path, Path]:
    """Return an archive of real evidence that SCOUT makes, and its key."""
    root = folder / "root"
    for kind in KINDS:
        shutil.copytree(evidence / kind, root / "srv" / kind, symlinks=False)
    (root / "etc").mkdir()
    (root / "etc" / "hostname").write_text("bench\n")
    run = [sys.executable, "-m", "scout.cli"]
    made = subprocess.run([*run, "keygen", "-o", str(folder / "key")], capture_output=True, text=True, check=True).stdout
    recipient = next(word for word in made.split() if word.startswith("age1"))
    out = folder / "out"
    out.mkdir()
    collect = [*run, "collect", "-r", recipient, "--root", str(root), "--path", "/srv", "-o", str(out)]
    subprocess.run(collect, capture_output=True, check=False)
    return next(out.glob("*.age")), folder / "key"


def members(archive: Path, key: Path) -> Iterator[bytes]:
    """Yield the content of all members in windows, hashed on the way."""
    with ArchiveReader(archive, load_identities(key)) as reader:
        for member in reader:
            if member.kind in ("live", "files"):
                hashing = Hashing(member.stream.read)
                while chunk := hashing.read(WINDOW):
                    yield chunk


def indicators(count: int) -> list[Indicator]:
    """Return random indicators, the same in every run: two of eight are addresses, three domains, two hashes, one a path."""
    draw = random.Random(7)
    made = []
    for n in range(count):
        word = "".join(draw.choices(LETTERS, k=draw.randint(5, 14)))
        kind, value = (
            ("ip", ".".join(str(draw.randint(1, 254)) for _ in range(4))),
            ("ip", ".".join(str(draw.randint(1, 254)) for _ in range(4))),
            ("domain", f"{word}.com"),
            ("domain", f"{word}.{draw.choice(('net', 'org', 'info'))}"),
            ("domain", f"cdn.{word}.ru"),
            ("sha256", draw.randbytes(32).hex()),
            ("md5", draw.randbytes(16).hex()),
            ("path", f"c:\\users\\public\\{word}.exe"),
        )[n % 8]
        made.append(Indicator(kind, value, "bench", n))
    return sorted(set(made))


def sweep(archive: Path, key: Path, count: int) -> float:
    """Return the seconds that the search takes, without decrypting."""
    finder = Finder(indicators(count))
    spent = 0.0
    small: list[bytes] = []
    for chunk in members(archive, key):
        start = time.process_time()
        if len(chunk) == WINDOW:
            finder.find(chunk)
        else:
            small.append(chunk)  # as the engine puts small members together
            if sum(map(len, small)) >= TOGETHER:
                finder.find_each(small)
                small = []
        spent += time.process_time() - start
    start = time.process_time()
    finder.find_each(small)
    return spent + time.process_time() - start


def rules(evidence: Path) -> None:
    """Compare the time of YARA rules with that of the program `yara` on the same files, in turn: medians of five rounds."""
    program = shutil.which("yara")
    source = evidence / "detection" / "Neo23x0+signature-base"
    files = [p for p in sorted((evidence / "evtx").rglob("*.evtx")) if p.is_file()][:120]
    with tempfile.TemporaryDirectory() as folder:
        texts, listed, empty = rule_texts([source]), Path(folder) / "files", Path(folder) / "none"
        YaraRules(texts, Path(folder))
        compiled = YaraRules(texts, Path(folder))  # from the cache, as in every run but the first
        listed.write_text("".join(f"{file}\n" for file in files))
        empty.write_text("")
        spaces = [f"n{n}:{source / text.name}" for n, text in enumerate(texts)]
        variables = [part for name in EXTERNALS for part in ("-d", f"{name}=")]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            start = time.process_time()
            found = sum(1 for file in files for _ in compiled.match(file, {}, 60, []))
            ours.append(time.process_time() - start)
            if program is not None:
                alone, _ = _spent([program, "--threads=1", "-w", *variables, *spaces, "--scan-list", str(empty)])
                whole, said = _spent([program, "--threads=1", "-w", *variables, *spaces, "--scan-list", str(listed)])
                theirs.append(whole - alone)
        print(
            f"YARA: {len(compiled)} rules on {len(files)} files: {median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f}), {found} matches"
        )
        if program is None:
            print("the program yara is not there: no comparison")
            return
        span, ratio = f"{min(theirs):.2f} to {max(theirs):.2f}", median(ours) / median(theirs)
        print(f"yara: {median(theirs):.2f} s ({span}) without compiling, {said} matches: {ratio:.2f} x (bound 1.2)")


def programs(evidence: Path) -> None:
    """Read the PE files of Wine and of the corpus, hashes and signature included, in a place of the system and in one for documents."""
    places = (WINE, evidence / "pe-benign")
    content = [p.read_bytes() for place in places for p in sorted(place.rglob("*")) if p.is_file()]
    content = [data for data in content if data.startswith(b"MZ")]
    known, host = catalogue.artefacts()["programs"], Host("c", os="windows")
    for folder in ("C:\\Windows\\System32", "C:\\Users\\anne\\Downloads"):
        taken = []
        for _ in range(ROUNDS):
            start = time.process_time()
            for n, data in enumerate(content):
                assert list(known.parse(Evidence(f"{folder}\\{n}.dll", data), host))
            taken.append(time.process_time() - start)
        size = sum(map(len, content)) / len(content) / 1e6
        print(f"PE: {len(content)} files of {size:.1f} MB in {folder}: {len(content) / median(taken):.0f} a second (bound 100)")


def _spent(command: list[str]) -> tuple[float, int]:
    """Return the seconds of CPU of a program and the lines that it printed."""
    before = children()
    done = subprocess.run(command, capture_output=True, check=False)
    return children() - before, len(done.stdout.splitlines())


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
