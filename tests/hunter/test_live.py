"""A booted Debian in systemd-nspawn: a running unit is stopped, removed, forgotten by the manager, put back and started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, need
from tests.hunter.conftest import facts, manifest

pytestmark = [pytest.mark.nspawn, pytest.mark.slow]
UNIT = "/etc/systemd/system/evil.service"
TEMPLATE = "/etc/systemd/system/job@.service"
PROGRAM = "/usr/local/bin/evil-helper"


@pytest.fixture(scope="module")
def debian() -> Path:
    """A minimal Debian root: `$ESCADRE_DEBIAN_ROOT`, or made once per machine with debootstrap."""
    need(os.name == "posix" and os.geteuid() == 0 and shutil.which("systemd-nspawn"), "root and systemd-nspawn")
    given = Path(os.environ.get("ESCADRE_DEBIAN_ROOT", Path(tempfile.gettempdir()) / "escadre-debian"))
    if not (given / "etc/debian_version").exists():
        need(shutil.which("debootstrap"), "debootstrap")
        made = given.with_name(given.name + ".new")
        shutil.rmtree(made, ignore_errors=True)
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,cron", "bookworm", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        need(done.returncode == 0, f"a Debian mirror ({done.stdout[-200:]})")
        made.rename(given)
    return given


class Machine:
    """One booted copy of the root."""

    def __init__(self, root: Path, shared: Path) -> None:
        self.root, self.shared = root, shared
        packages = {Path(p) for p in sys.path if p.endswith("site-packages") and not Path(p).is_relative_to(sys.prefix)}
        python = {Path(sys.prefix), Path(sys.base_prefix), *packages}
        binds = [f"--bind-ro={p}" for p in (*python, ROOT) if str(p) != "/usr"]
        self.process = subprocess.Popen(
            [
                "systemd-nspawn",
                "-q",
                "-D",
                str(root),
                "--private-network",
                "--register=no",
                "--keep-unit",
                "-b",
                "--console=pipe",
                f"--bind={shared}",
                *binds,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._leader()

    def _leader(self) -> int:
        for _ in range(300):
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and self.run("systemctl", "is-system-running", pid=int(children[0])).stdout.strip() in ("running", "degraded"):
                return int(children[0])
            time.sleep(0.2)
        raise AssertionError("the machine does not boot")

    def run(self, *command: object, pid: int = 0) -> subprocess.CompletedProcess:
        inside = [
            "env",
            "-i",
            "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
            f"PYTHONPATH={os.pathsep.join([str(ROOT), *sys.path[1:]])}",
            "PYTHONDONTWRITEBYTECODE=1",
            *map(str, command),
        ]
        return subprocess.run(["nsenter", "-t", str(pid or self.pid), "-a", *inside], capture_output=True, text=True, check=False)

    def hunter(self, *arguments: object) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "hunter", *arguments)

    def show(self, name: str) -> str:
        return self.run("systemctl", "show", "-p", name, "--value", "evil.service").stdout.strip()

    def commands(self) -> str:
        return self.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null").stdout

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGRTMIN + 4)  # systemd: power off
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def machine(debian, tmp_path):
    base = Path(tempfile.mkdtemp(dir="/root", prefix="escadre-live-"))
    root, shared = base / "root", base / "shared"
    subprocess.run(["cp", "-a", str(debian), str(root)], check=True)
    shared.mkdir(mode=0o700)
    (root / UNIT[1:]).write_text(
        f"[Unit]\nDescription=inert\n[Service]\nExecStart={PROGRAM}\nRestart=always\n[Install]\nWantedBy=multi-user.target\nAlias=other.service\n"
    )
    (root / "etc/systemd/system/evil.service.d").mkdir()
    (root / "etc/systemd/system/evil.service.d/more.conf").write_text("[Service]\nNice=3\n")
    (root / TEMPLATE[1:]).write_text("[Service]\nExecStart=/bin/sleep 20000%i\n[Install]\nWantedBy=multi-user.target\n")
    (root / PROGRAM[1:]).write_text("#!/bin/sh\nexec sleep 100000\n")
    (root / PROGRAM[1:]).chmod(0o755)
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/hostname").write_text("live01\n")
    running = Machine(root, shared)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(base)


def write_plan(machine: Machine, key: str) -> Path:
    """A plan by hand of one unit and its program, sealed on the machine."""
    actions = ""
    unit = ("systemd-unit", "remove-unit", "compensable")
    for n, (kind, do, cls, path) in enumerate(((*unit, UNIT), (*unit, TEMPLATE), ("file", "quarantine", "reversible", PROGRAM))):
        actions += (
            f"  - id: a{n}\n    mechanism: {kind}\n    kind: {kind}\n    do: {do}\n    target: {{path: {path}, name: {Path(path).name}}}\n"
            "    expect: []\n"
            f'    why: []\n    backup: encrypted\n    reboot: "no"\n    class: {cls}\n'
        )
    plan = machine.shared / "plan.yaml"
    root_ino = machine.run("stat", "-c", "%i", "/").stdout.strip()
    plan.write_text(
        f'escadre_plan: "2"\nhost: {{name: live01, machine_id: 0123456789abcdef0123456789abcdef, root_ino: "{root_ino}"}}\n'
        f"attack_version: x\nrecipients: [{key}]\nactions:\n{actions}"
    )
    plan.chmod(0o600)
    return plan


def test_a_running_unit_is_removed_and_put_back(machine, tmp_path) -> None:
    from scout.keys import keygen

    assert machine.run("systemctl", "enable", "--now", "evil.service").returncode == 0
    assert machine.run("systemctl", "enable", "--now", "job@1.service", "job@2.service").returncode == 0
    assert machine.run("systemctl", "stop", "job@2.service").returncode == 0
    assert (machine.show("ActiveState"), machine.show("FragmentPath")) == ("active", UNIT)
    assert "sleep\x00200001" in machine.commands()
    assert "sleep\x00100000" in machine.commands()
    plan = write_plan(machine, keygen(tmp_path / "key.txt"))
    folder = machine.root / "etc/systemd"
    before, program = manifest(folder), manifest(machine.root / "usr/local/bin")
    assert machine.hunter("apply", plan).returncode == 2  # nothing is expected yet, and there is no seal
    done = machine.hunter("check", plan, "--seal")
    assert done.returncode == 0, done.stdout + done.stderr
    assert facts(machine.root, UNIT)["sha256"] in plan.read_text()

    done = machine.hunter("apply", plan, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (machine.show("ActiveState"), machine.show("LoadState")) == ("inactive", "not-found")
    assert not {k for k in manifest(folder) if k.endswith(("evil.service", "other.service", "more.conf"))}
    assert not (machine.root / PROGRAM[1:]).exists()
    assert "sleep\x00100000" not in machine.commands()
    assert "sleep\x0020000" not in machine.commands()
    assert not list(folder.rglob("job@*"))
    assert machine.hunter("verify", plan).returncode == 0
    events = [json.loads(line)["event"] for line in Path(f"{plan}.journal.jsonl").read_text().splitlines()]
    assert events[:1] == ["open"]
    assert events[-1] == "applied"

    done = machine.hunter("undo", f"{plan}.journal.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest(folder) == before
    assert manifest(machine.root / "usr/local/bin") == program
    assert (machine.show("ActiveState"), machine.show("FragmentPath")) == ("active", UNIT)
    assert "sleep\x00200001" in machine.commands()
    assert "sleep\x00200002" not in machine.commands()
    assert machine.run("systemctl", "is-enabled", "evil.service").stdout.strip() == "enabled"
