"""Users of the host who work against HUNTER: they exchange names in their folders, and change their files at the wrong moment."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hunter.host import replace
from tests.conftest import need
from tests.hunter.conftest import GUILTY, Bench, facts, findings_of, manifest, read_rows, write_case
from tests.hunter.driver import hunt
from tests.hunter.test_plan import rewrite_findings

USER = 1000
HOME = "/home/paul"
LINK = f"{HOME}/.evil"
FILE = f"{HOME}/.agent"
SECRET = b"root only\n"


def own(bench: Bench, kinds: list[str], *targets: str) -> None:
    """A plan with the usual actions of `kinds` and one quarantine for each of `targets`, which belong to the user."""
    home = bench.root / HOME[1:]
    home.mkdir(parents=True, exist_ok=True)
    os.chown(home, USER, USER)
    for path in targets:
        at = bench.root / path[1:]
        if path == LINK:
            at.symlink_to("/var/tmp/.cache/helper.sh")
        else:
            at.write_bytes(b"#!/bin/sh\n")
        os.chown(at, USER, USER, follow_symlinks=False)
    bench.folder.chmod(0o755)
    for folder in bench.folder.parents:
        if folder.stat().st_mode & 0o005 != 0o005 and folder.is_relative_to("/tmp/pytest-of-root"):
            folder.chmod(0o755)
    write_case(bench.case, bench.root, kinds or ["file"])
    rows = [{"target": {"mechanism": "file", "kind": "file", "path": p, "file": facts(bench.root, p), "payload": []}} for p in targets]
    if kinds:
        rows = [{"target": row["target"]} for row in read_rows(findings_of(bench.case))] + rows
    rewrite_findings(bench, *rows)
    code, _, err = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)
    assert code == 0, err


def as_user(deed) -> None:
    """Do something as the user, who is not root."""
    os.setegid(USER)
    os.seteuid(USER)
    try:
        deed()
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.parametrize("step", ["symlink", "chown", "utime"])
def test_a_name_that_a_user_exchanges_between_two_steps_gives_nothing_away(bench, monkeypatch, step) -> None:
    """Right before and after each step, the user moves root's own file over every new link in the folder that he can reach."""
    own(bench, [], LINK)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    home = bench.root / HOME[1:]
    secret = home / "secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    real, tries = getattr(os, step), []

    def exchange() -> None:
        for folder, folders, names in os.walk(home):
            for name in (*names, *folders):
                at = Path(folder, name)
                if at != secret and at.is_symlink():
                    secret.rename(at)
                    return

    def meddling(*arguments: object, **options: object) -> None:
        tries.append(as_user(exchange))
        real(*arguments, **options)
        tries.append(as_user(exchange))

    monkeypatch.setattr(replace.os, step, meddling)
    hunt("undo", bench.journal, "--root", bench.root)
    monkeypatch.undo()
    assert len(tries) >= 2
    holders = [at for at in home.rglob("*") if at.is_file() and not at.is_symlink() and at.read_bytes() == SECRET]
    assert [at.stat().st_uid for at in holders] == [0]


RACER = """
import os, sys
home, n = sys.argv[1], 0
os.setgid(1000); os.setuid(1000)
print("racing", flush=True)
while True:
    n += 1
    for name in os.listdir(home):
        if name.startswith((".escadre", ".evil")):
            try:
                os.rename(f"{home}/secret{n % 50}", f"{home}/{name}")
            except OSError:
                pass
            try:
                os.rename(f"{home}/{name}", f"{home}/moved{n}")
            except OSError:
                pass
"""


def test_a_racing_user_gets_nothing_that_is_roots(bench) -> None:
    """A process of the user renames over whatever HUNTER makes, while a link is removed and restored again and again."""
    own(bench, [], LINK)
    home = bench.root / HOME[1:]
    for n in range(50):
        (home / f"secret{n}").write_bytes(SECRET)
        (home / f"secret{n}").chmod(0o600)
    racer = subprocess.Popen([sys.executable, "-c", RACER, str(home)], stdout=subprocess.PIPE, text=True)
    try:
        assert racer.stdout.readline() == "racing\n"
        for _ in range(15):
            for name in ("yaml.journal.jsonl", "yaml.journal.head", "yaml.runkey"):
                Path(bench.plan.with_suffix("." + name)).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError, FileExistsError):  # the racer moves this name too
                if not (home / ".evil").is_symlink():
                    (home / ".evil").unlink(missing_ok=True)
                    (home / ".evil").symlink_to("/var/tmp/.cache/helper.sh")
                    os.chown(home / ".evil", USER, USER, follow_symlinks=False)
            for command in (("apply", bench.plan, "--root", bench.root, "--yes"), ("undo", bench.journal, "--root", bench.root)):
                _, out, err = hunt(*command)
                assert "defect" not in out + err and "Traceback" not in err, err
    finally:
        racer.kill()
        racer.wait()
    taken = [at for at in home.rglob("*") if at.is_file() and not at.is_symlink() and at.read_bytes() == SECRET and at.stat().st_uid != 0]
    assert not taken


def drift(at: Path) -> None:
    at.write_bytes(at.read_bytes() + b"more\n")


def vanish(at: Path) -> None:
    at.unlink()


@pytest.mark.parametrize("change", [drift, vanish])
def test_what_a_user_changes_leaves_out_its_own_action_only(bench, change) -> None:
    own(bench, ["file", "cron-entry"], FILE)
    before = manifest(bench.root)
    change(bench.root / FILE[1:])
    state = manifest(bench.root)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    assert code == 0
    assert "Apply leaves out" in out
    assert manifest(bench.root) == state
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 1, out + err
    assert "Done: 2 of 3" in out
    assert f"{FILE}:" in " ".join(out.split()) and "under the control of user 1000" in " ".join(out.split())
    after = manifest(bench.root)
    assert GUILTY["file"][1:] not in after
    assert after.get(FILE[1:]) == state.get(FILE[1:])
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 1  # done before, and still one is left out
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    restored = manifest(bench.root)
    assert {k: v for k, v in restored.items() if k != FILE[1:] and k != HOME[1:]} == {
        k: v for k, v in before.items() if k != FILE[1:] and k != HOME[1:]
    }


def test_a_process_that_writes_all_the_time_blocks_nobody_else(bench) -> None:
    """The user's own process appends to his own file as fast as it can."""
    own(bench, ["file"], FILE)
    at = bench.root / FILE[1:]
    code = "import sys\nwith open(sys.argv[1], 'ab', buffering=0) as f:\n    print('writing', flush=True)\n    while True: f.write(b'x')"
    writer = subprocess.Popen([sys.executable, "-c", code, str(at)], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "writing\n"
        while at.stat().st_size < 100:
            time.sleep(0.01)
        code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    finally:
        writer.kill()
        writer.wait()
    assert code == 1, out + err
    assert not (bench.root / GUILTY["file"][1:]).exists()
    assert at.exists()
    assert "left out" in out


@pytest.mark.parametrize("moment", ["kept", "begin"])
def test_a_user_who_changes_his_file_during_the_run_stops_his_own_action_only(bench, monkeypatch, moment) -> None:
    from hunter.run.settle import RemovalRun

    own(bench, ["file", "cron-entry"], FILE)
    add, changed = RemovalRun.add, []

    def meddling(self, event, **fields) -> None:
        add(self, event, **fields)
        if event == moment and fields.get("name", FILE) == FILE and not changed:
            changed.append(drift(bench.root / FILE[1:]))

    monkeypatch.setattr(RemovalRun, "add", meddling)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, changed) == (1, [None]), out + err
    assert not (bench.root / GUILTY["file"][1:]).exists()
    assert (bench.root / FILE[1:]).read_bytes() == b"#!/bin/sh\nmore\n"
    assert "Done: 2 of 3" in out
    monkeypatch.undo()
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert (bench.root / GUILTY["file"][1:]).exists()


def test_a_user_who_puts_something_in_the_place_does_not_stop_the_undo_of_the_rest(bench) -> None:
    own(bench, ["file", "cron-entry"], FILE)
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    at = bench.root / FILE[1:]
    at.write_bytes(b"in the way")
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 1, out + err
    assert "Taken back: 2 of 3" in out
    assert manifest(bench.root)[GUILTY["file"][1:]] == before[GUILTY["file"][1:]]
    at.unlink()
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    assert manifest(bench.root)[FILE[1:]] == before[FILE[1:]]


def test_what_root_controls_still_refuses_the_whole_plan(bench) -> None:
    own(bench, ["file", "cron-entry"], FILE)
    drift(bench.root / GUILTY["cron-entry"][1:])
    state = manifest(bench.root)
    code, _, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, manifest(bench.root)) == (3, state)


@pytest.mark.parametrize("exchange", ["link", "fifo", "gone", "folder"])
@pytest.mark.parametrize("command", ["apply", "undo"])
def test_a_folder_that_is_exchanged_after_the_write_is_no_defect(bench, monkeypatch, exchange, command) -> None:
    """The reads after the last write see a folder that is a link, a pipe, or nothing."""
    from hunter.run import apply, undo

    own(bench, ["file"], FILE)
    home = bench.root / HOME[1:]
    if command == "undo":
        assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    module = {"apply": apply, "undo": undo}[command]
    real = module.check_written

    def meddling(*arguments: object, **options: object) -> None:
        if home.is_dir() and not home.is_symlink():
            home.rename(home.with_name("away"))
            if exchange == "link":
                home.symlink_to("/etc")
            elif exchange == "fifo":
                os.mkfifo(home)
            elif exchange == "folder":
                shutil.copytree(home.with_name("away"), home, symlinks=True)
                os.mkfifo(home / ".more")
        real(*arguments, **options)

    monkeypatch.setattr(module, "check_written", meddling)
    target = bench.plan if command == "apply" else bench.journal
    code, out, err = hunt(command, target, "--root", bench.root, *(["--yes"] if command == "apply" else []))
    assert code in (0, 1, 3), out + err
    assert "defect" not in out + err and "Traceback" not in out + err


def test_the_private_folder_is_not_left_behind(bench) -> None:
    own(bench, ["file", "cron-entry"], FILE)
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert not list(bench.root.rglob(".escadre-*"))
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_a_foreign_folder_in_the_place_of_the_private_one_is_not_used(tmp_path) -> None:
    need(os.geteuid() == 0, "root")
    for name, mode, owner in (("theirs", 0o700, USER), ("open", 0o755, 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        os.chown(tmp_path / name, owner, owner)
    (tmp_path / "linked").symlink_to("theirs")
    (tmp_path / "file").write_bytes(b"")
    folder = os.open(tmp_path, os.O_PATH)
    for name in ("theirs", "open", "linked", "file"):
        with pytest.raises(replace.SurpriseError), replace._private_folder(folder, name):
            raise AssertionError("it was used")
        assert (tmp_path / name).exists()
    os.close(folder)
