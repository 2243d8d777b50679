"""A booted Debian in systemd-nspawn: a running unit is stopped, removed, forgotten by the manager, put back and started again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hunter.conftest import facts, manifest
from tests.hunter.machine import Machine, infected

pytestmark = [pytest.mark.nspawn, pytest.mark.slow]
UNIT = "/etc/systemd/system/evil.service"
TEMPLATE = "/etc/systemd/system/job@.service"
PROGRAM = "/usr/local/bin/evil-helper"


def plant(root: Path) -> None:
    """A unit with another name and a drop-in, a template, and the program."""
    (root / UNIT[1:]).write_text(
        f"[Unit]\nDescription=inert\n[Service]\nExecStart={PROGRAM}\nRestart=always\n[Install]\nWantedBy=multi-user.target\nAlias=other.service\n"
    )
    (root / "etc/systemd/system/evil.service.d").mkdir()
    (root / "etc/systemd/system/evil.service.d/more.conf").write_text("[Service]\nNice=3\n")
    (root / TEMPLATE[1:]).write_text("[Service]\nExecStart=/bin/sleep 20000%i\n[Install]\nWantedBy=multi-user.target\n")
    (root / PROGRAM[1:]).write_text("#!/bin/sh\nexec sleep 100000\n")
    (root / PROGRAM[1:]).chmod(0o755)


@pytest.fixture
def machine():
    with infected(plant) as running:
        yield running


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
