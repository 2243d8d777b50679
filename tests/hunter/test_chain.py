"""From the demo's compromised root to the proof: collected by SCOUT, found by COMMODORE, removed and put back by HUNTER."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fixtures.linux import build
from scout.console import run
from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.driver import hunt


def tool(name: str, *arguments: object) -> int:
    import commodore.cli
    import scout.cli

    return run(name, {"scout": scout.cli, "commodore": commodore.cli}[name].build_app, [str(a) for a in arguments])


def collect(folder: Path, root: Path, recipient: str) -> Path:
    folder.mkdir()
    assert tool("scout", "collect", "-r", recipient, "--root", root, "-o", folder) in (0, 1)
    return next(folder.glob("*.age"))


@pytest.fixture
def chain(tmp_path):
    from scout.keys import keygen

    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    root = tmp_path / "root"
    root.mkdir()
    build.build(root)
    recipient = keygen(tmp_path / "key.txt")
    archive = collect(tmp_path / "first", root, recipient)
    assert tool("commodore", "process", archive, "-i", tmp_path / "key.txt", "-o", tmp_path / "case") in (0, 1)
    (tmp_path / "plans").mkdir(mode=0o700)
    return tmp_path, root, recipient, archive


def test_what_was_found_is_removed_and_put_back(chain) -> None:
    base, root, recipient, archive = chain
    plan = base / "plans/plan.yaml"
    before = manifest(root)
    code, out, err = hunt("plan", base / "case", "-r", recipient, "-o", plan, "--json")
    assert code == 0, err
    kinds = {a["kind"] for a in json.loads(out)["actions"]}
    assert kinds == {"file", "systemd-unit", "cron-entry", "authorized-key", "ld-so-preload"}
    code, out, err = hunt("apply", plan, "--root", root, "--yes")
    assert code == 0, out + err
    gone = {k for k in before if k not in manifest(root)}
    assert {"etc/systemd/system/dbus-cache.service", "var/tmp/.cache/helper.sh", "dev/shm/.x/run.sh", "etc/ld.so.preload"} <= gone
    assert not any(k.startswith(("usr/lib", "home/paul")) for k in gone)
    fresh = collect(base / "second", root, recipient)
    assert hunt("verify", plan, "--archive", fresh, "-i", base / "key.txt")[0] == 0
    assert hunt("verify", plan, "--archive", archive, "-i", base / "key.txt")[0] == 1
    assert hunt("undo", f"{plan}.journal.jsonl", "--root", root)[0] == 0
    assert manifest(root) == before
