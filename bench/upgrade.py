"""Show what a large case costs over an upgrade: hosts are made, one joins under a new parser version, one dataset is made again.

    python -m bench.upgrade [--hosts 200] [--tables 40]

Synthetic Linux hosts lie in folders: tables of cron, keys of accounts, a log of logins, and files that no artefact reads. Each step is one
`commodore.process` in a process of its own. Per step: seconds, bytes that it writes, peak memory of the tree, and which files of the case
differ from those before (by inode, time and sha256). Then what `commodore findings` and the Eye print about versions. At the end the
content is compared with that of a case that was made at once under the new version.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.case import MB, written
from bench.common import ROOT, Memory

PARSER = "cron"
Files = dict[str, tuple[int, int, str]]
"""path below the case → inode, mtime (ns), sha256"""


def host(place: Path, n: int, tables: int) -> Path:
    """Write one host. One table in ten starts a hidden program."""
    root = place / f"web{n:04d}"
    texts = {"etc/hostname": f"web{n:04d}\n", "root/.ssh/authorized_keys": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq{n:04d} admin\n"}
    for t in range(tables):
        program = f"/tmp/.x{n}/run" if t % 10 == 0 else f"/usr/bin/job{t}"
        texts[f"etc/cron.d/job{t}"] = f"*/{t % 50 + 1} * * * * root {program}\n" * 3
        texts[f"usr/share/doc/package{t}/README"] = f"{n} {t}\n" * 40
    texts["var/log/auth.log"] = "".join(
        f"2026-11-{d + 1:02d}T08:{t % 60:02d}:00+00:00 web{n:04d} sshd[{t}]: "
        f"Accepted publickey for root from 10.0.{n % 200}.{t % 250} port 50{t:03d} ssh2\n"
        for d in range(3)
        for t in range(tables)
    )
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def step(case: Path, version: int, redo: bool, inputs: list[Path]) -> None:
    """Run `commodore.process` with the parser `version` releases ahead, and print seconds and bytes written."""
    from commodore import catalogue
    from commodore.engine.process import process
    from commodore.engine.redo import Redo

    known = dict(catalogue.artefacts())
    old = known[PARSER]
    known[PARSER] = dataclasses.replace(old, artefact=dataclasses.replace(old.artefact, version=old.artefact.version + version))
    catalogue.artefacts = lambda: known  # type: ignore[assignment]
    start, before = time.perf_counter(), written()
    process(inputs, case, workers=2, redo=Redo((PARSER,)) if redo else None)
    sys.stdout.write(json.dumps([time.perf_counter() - start, written() - before]) + "\n")


def run(what: str, case: Path, version: int, inputs: list[Path], redo: bool = False) -> None:
    """Run one step in a process of its own, and print what it cost."""
    command = [sys.executable, "-m", "bench.upgrade", "--step", str(case), str(version), str(int(redo)), *map(str, inputs)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    memory = Memory(process.pid)
    said, _ = process.communicate()
    peak = memory.stop()
    if process.returncode:
        sys.exit(f"{what}: exit {process.returncode}")
    seconds, count = json.loads(said)
    print(f"{what}: {seconds:.2f} s, {count / MB:.3f} MB written, peak {peak / MB:.0f} MB", flush=True)


def files(case: Path) -> Files:
    """Return all files of the case."""
    found = {}
    for path in sorted(case.rglob("*")):
        if path.is_file():
            status = path.stat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(case))] = (status.st_ino, status.st_mtime_ns, digest)
    return found


def part(name: str, ids: set[str]) -> str:
    """Return which kind of file of the case this is: `records/cron`, `ledger`, `.work`, `case.json`."""
    folder, _, file = name.rpartition("/")
    return ".work" if folder.startswith(".work/") else folder if file.split(".")[0] in ids else name


def compare(before: Files, after: Files, ids: set[str]) -> None:
    """Print how many of the files that were there stayed as they are, and which did not; then those that are new."""
    same = [name for name, facts in before.items() if after.get(name) == facts]
    other = Counter(part(name, ids) for name, facts in before.items() if after.get(name) != facts)
    content = sum(after.get(name, ("", "", ""))[2] == facts[2] for name, facts in before.items())
    print(f"  of {len(before):,} files {len(same):,} are untouched (inode, time, sha256), {content:,} have the same content", flush=True)
    for name, count in sorted(other.items()):
        print(f"  written again: {name} ({count})", flush=True)
    new = Counter(part(name, ids) for name in after if name not in before)
    if new:
        print(f"  new: {', '.join(f'{name} ({count})' for name, count in sorted(new.items()))}", flush=True)


def show(case: Path) -> None:
    """Print what `commodore findings` and the Eye print about versions."""
    from eye.case import told_versions

    command = [sys.executable, "-c", "from commodore.cli import main; main()", "findings", str(case), "--group", "rule"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    at = next((n for n, line in enumerate(lines) if "different versions" in line), None)
    told = lines[at : at + 3] if at is not None else ["no word of versions: all hosts are alike"]
    for line in told:
        print(f"  commodore findings: {line[:150]}", flush=True)
    for line in told_versions(case) or ["no word of versions"]:
        print(f"  the Eye: {line[:150]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--tables", type=int, default=40)
    parser.add_argument("--step", nargs="+")
    given = parser.parse_args()
    if given.step:
        case, version, redo, *inputs = given.step
        step(Path(case), int(version), redo == "1", list(map(Path, inputs)))
        return 0
    from commodore.case.reader import CaseReader

    with tempfile.TemporaryDirectory(prefix="bench-upgrade-") as folder:
        place, case = Path(folder), Path(folder, "case")
        hosts = [host(place / "hosts", n, given.tables) for n in range(given.hosts)]
        late = host(place / "late", given.hosts, given.tables)
        run(f"1. {len(hosts)} hosts", case, 0, hosts)
        first = files(case)
        print(f"  {len(first):,} files, {sum((case / name).stat().st_size for name in first) / MB:.3f} MB", flush=True)
        show(case)
        run(f"2. one more, {PARSER} one version later", case, 1, [late])
        second = files(case)
        compare(first, second, set(CaseReader(case).collections()))
        show(case)
        run(f"3. --redo {PARSER}", case, 1, [], redo=True)
        third = files(case)
        compare(second, third, set(CaseReader(case).collections()))
        show(case)
        run(f"4. all {len(hosts) + 1} at once, for comparison", place / "fresh", 1, [*hosts, late])
        kinds = ("records", "findings", "ledger", "members")
        ours, theirs = ({n: f[2] for n, f in files(c).items() if n.split("/")[0] in kinds} for c in (case, place / "fresh"))
        same = sum(theirs.get(name) == digest for name, digest in ours.items())
        print(f"  {same:,} of {len(theirs):,} files of records, findings, ledgers and members are equal byte for byte", flush=True)
        return 0 if ours.keys() == theirs.keys() else 1


if __name__ == "__main__":
    sys.exit(main())
