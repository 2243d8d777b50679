"""Nine kinds of drift on each of five mechanisms: refused before the first write, as the system calls of the process show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, need
from tests.hunter.conftest import GUILTY, Bench, manifest

CHANGING = (
    "creat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mknod",
    "mknodat",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "truncate",
    "ftruncate",
    "utimensat",
    "futimesat",
    "utimes",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "fallocate",
    "copy_file_range",
    "mount",
    "umount2",
)


def drift_bytes(at: Path) -> None:
    status = at.stat()
    at.write_bytes(at.read_bytes() + b"\n")
    os.utime(at, ns=(status.st_atime_ns, status.st_mtime_ns))


def drift_link(at: Path) -> None:
    moved = at.with_name("moved")
    at.rename(moved)
    at.symlink_to(moved)


def drift_parent(at: Path) -> None:
    away = at.parent.with_name(at.parent.name + ".away")
    subprocess.run(["cp", "-a", str(at.parent), str(away)], check=True)
    kept = at.parent.with_name(at.parent.name + ".kept")
    at.parent.rename(kept)
    away.rename(at.parent)
    shutil.rmtree(kept)


def drift_mount(at: Path) -> None:
    twin = at.with_name("twin")
    subprocess.run(["cp", "-a", str(at), str(twin)], check=True)
    subprocess.run(["mount", "--bind", str(twin), str(at)], check=True)


DRIFTS = {
    "sha256": drift_bytes,
    "uid": lambda at: os.chown(at, 12, -1),
    "mode": lambda at: at.chmod(0o600),
    "xattrs": lambda at: os.setxattr(at, "user.new", b"1"),
    "type was file, is link": drift_link,
    "nlink": lambda at: os.link(at, at.with_name("second")),
    "parent_ino": drift_parent,
    "mount": drift_mount,
    "not there": lambda at: at.unlink(),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """(kind, drift) → (exit code, stdout, manifest unchanged), and the changing system calls of the one process that refused them all."""
    need(os.name == "posix" and os.geteuid() == 0 and shutil.which("strace"), "root and strace")
    base = tmp_path_factory.mktemp("drift")
    benches, mounted = {}, []
    try:
        for kind, path in GUILTY.items():
            for name, drift in DRIFTS.items():
                folder = base / f"{len(benches)}"
                folder.mkdir(mode=0o700)
                bench = benches[kind, name] = Bench(folder)
                bench.key = base / "key.txt"
                bench.plan_here([kind])
                at = bench.root / path[1:]
                drift(at)
                mounted += [at] if name == "mount" else []
        before = {key: manifest(b.folder) for key, b in benches.items()}
        lines = [json.dumps(["apply", str(b.plan), "--root", str(b.root), "--yes"]) for b in benches.values()]
        trace = base / "trace"
        command = [
            "strace",
            "-f",
            "-y",
            "-o",
            str(trace),
            "-e",
            f"trace=open,openat,openat2,{','.join(CHANGING)}",
            sys.executable,
            "-m",
            "tests.hunter.driver",
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
        results = dict(zip(benches, map(json.loads, done.stdout.splitlines()), strict=True))
        same = {key: manifest(b.folder) == before[key] for key, b in benches.items()}
        return results, same, changing_calls(trace.read_text(errors="replace"), str(base))
    finally:
        for at in mounted:
            subprocess.run(["umount", str(at)], check=True)


def changing_calls(trace: str, below: str) -> list[str]:
    found = []
    for line in trace.splitlines():
        call = re.match(r"\d+ +(\w+)\(", line)
        opened = call and call[1] in ("open", "openat", "openat2")
        writes = re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", line) if opened else call and call[1] in CHANGING
        if call and writes and below in line:
            found.append(line)
    return found


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("kind", GUILTY)
def test_a_drift_is_refused_and_named(refused, kind, drift) -> None:
    results, same, _ = refused
    code, out, err = results[kind, drift]
    assert code == 3, out + err
    assert drift in out
    assert "Nothing was changed" in out
    assert same[kind, drift]


def test_no_refusal_makes_one_changing_system_call(refused) -> None:
    assert refused[2] == []


def test_the_watch_over_system_calls_sees_a_real_apply(bench, tmp_path) -> None:
    need(shutil.which("strace"), "strace")
    bench.make_plan()
    trace = tmp_path / "trace"
    done = bench.hunter(
        "apply",
        bench.plan,
        "--root",
        bench.root,
        "--yes",
        prefix=("strace", "-f", "-y", "-o", str(trace), "-e", f"trace=open,openat,{','.join(CHANGING)}"),
    )
    assert done.returncode == 0, done.stderr
    text = trace.read_text(errors="replace")
    assert len(changing_calls(text, str(bench.root))) >= 12
    assert any("unlinkat" in line for line in changing_calls(text, str(bench.root)))
