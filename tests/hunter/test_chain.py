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


def collect(folder: Path, root: Path, recipient: str, *options: str) -> Path:
    folder.mkdir()
    assert tool("scout", "collect", "-r", recipient, "--root", root, "-o", folder, *options) in (0, 1)
    return next(folder.glob("*.age"))


@pytest.fixture
def built(tmp_path):
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    (tmp_path / "root").mkdir()
    build.build(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def chain(built, tmp_path):
    from scout.keys import keygen

    root = built
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


def odd(root: Path) -> dict[str, set[str]]:
    """Units of many names and names of odd bytes; what each of them takes with it."""
    system = root / "etc/systemd/system"
    wants = system / "multi-user.target.wants"
    more, odd_name = system / "other.service.d", os.fsdecode(b"u\xff.service")
    (system / "many.service").write_bytes(b"[Service]\nExecStart=/var/tmp/.cache/helper.sh\n")
    (system / "other.service").symlink_to("/etc/systemd/system/many.service")
    (wants / "other.service").symlink_to("../other.service")
    for folder in (more, system / "many.service.d", system / "graphical.target.requires"):
        folder.mkdir()
    (more / "nice.conf").write_bytes(b"[Service]\nNice=1\n")
    (more / "README").write_bytes(b"systemd passes over it\n")
    (system / "many.service.d/a.conf").write_bytes(b"[Service]\nNice=2\n")
    (system / "graphical.target.requires/many.service").symlink_to("/etc/systemd/system/many.service")
    (system / odd_name).write_bytes(b"[Service]\nExecStart=/var/tmp/.cache/helper.sh\n")
    (wants / odd_name).symlink_to(f"../{odd_name}")
    (root / "etc/ld.so.preload").write_bytes(b"/usr/local/lib/\xff.so /usr/lib/ok.so\n")
    names = {"many.service", "other.service", "other.service.d/nice.conf", "many.service.d/a.conf"}
    links = {"multi-user.target.wants/other.service", "graphical.target.requires/many.service"}
    return {"many.service": names | links, odd_name: {odd_name, f"multi-user.target.wants/{odd_name}"}}


def test_what_belongs_to_a_unit_is_planned_with_it_whatever_its_name(built, request) -> None:
    belongs = odd(built)
    base, root, _, _ = request.getfixturevalue("chain")
    plan = base / "plans/plan.yaml"
    before = manifest(root)
    assert hunt("plan", base / "case", "-o", plan)[0] == 0
    code, out, err = hunt("check", plan, "--root", root)
    assert code == 0, out + err
    assert hunt("apply", plan, "--root", root, "--yes")[0] == 0
    after = manifest(root)
    gone = {k.removeprefix("etc/systemd/system/") for k in before if k not in after}
    assert set.union(*belongs.values()) <= gone
    assert "other.service.d/README" not in gone
    assert not (root / "etc/ld.so.preload").exists()
    assert hunt("undo", f"{plan}.journal.jsonl", "--root", root)[0] == 0
    assert manifest(root) == before
