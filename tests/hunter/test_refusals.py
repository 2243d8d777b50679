"""Plans, journals, places and hosts that are wrong: one clear line, the right code, and nothing changed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from commodore.persistence.table import all_places
from hunter.catalogue import catalogue
from hunter.guard import forbidden, guard
from hunter.mechanisms import mechanisms
from hunter.plan.yaml_text import YamlError, read, scalar
from hunter.ref import Ref
from tests.conftest import need
from tests.hunter.conftest import GUILTY, manifest
from tests.hunter.driver import hunt


@pytest.fixture
def planned(bench):
    bench.plan_here()
    return bench


def refused(bench, code: int, word: str, *arguments: object) -> None:
    before = manifest(bench.root)
    files = sorted(os.listdir(bench.plan.parent))
    got, out, err = hunt(*(arguments or ("apply", bench.plan, "--root", bench.root, "--yes")))
    assert got == code, out + err
    assert word in out + err
    assert "Traceback" not in err
    assert manifest(bench.root) == before
    assert sorted(os.listdir(bench.plan.parent)) == files


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/var/tmp/.cache/helper.sh", "/usr/bin/python3"),
        ('mode: "4755"', 'mode: "0755"'),
        ("class: reversible", "class: irreversible"),
        ("recipients:\n  - age1", "recipients:\n  - age1extra\n  - age1"),
        ("name: web01", "name: web02"),
    ],
)
def test_an_edited_plan_needs_a_new_seal(planned, old, new) -> None:
    text = planned.plan.read_text()
    assert old in text
    planned.plan.write_text(text.replace(old, new))
    refused(planned, 2, "plan.yaml")


def test_the_seal_is_renewed_after_the_present_state_was_looked_at(planned) -> None:
    at = planned.root / GUILTY["file"][1:]
    at.chmod(0o700)
    code, out, _ = hunt("check", planned.plan, "--root", planned.root, "--seal")
    assert code == 0
    assert "mode was 4755, is 0700" in out
    assert hunt("apply", planned.plan, "--root", planned.root, "--yes")[0] == 0


@pytest.mark.parametrize(
    "path",
    ["/var/tmp/../tmp/.cache/helper.sh", "/var/tmp/.cache/*", "/var/tmp/.cache/helper.s?", "var/tmp/x", "/var//tmp/x", "/var/tmp/{a,b}"],
)
def test_no_seal_for_what_is_no_plain_path(planned, path) -> None:
    planned.plan.write_text(planned.plan.read_text().replace("path: /var/tmp/.cache/helper.sh", f'path: "{path}"'))
    refused(planned, 2, "plan.yaml", "check", planned.plan, "--root", planned.root, "--seal")


def test_an_action_without_expectation_is_refused_until_it_was_looked_at(planned) -> None:
    lines = planned.plan.read_text().splitlines(keepends=True)
    planned.plan.write_text("".join(line for line in lines if 'nlink: "1"' not in line))
    refused(planned, 2, "plan.yaml")
    assert hunt("check", planned.plan, "--root", planned.root, "--seal")[0] == 0
    assert hunt("check", planned.plan, "--root", planned.root)[0] == 0


def test_what_is_gone_is_sealed_as_gone_and_is_drift_when_it_is_back(planned) -> None:
    at = planned.root / GUILTY["file"][1:]
    data = at.read_bytes()
    at.unlink()
    refused(planned, 3, "gone")
    assert hunt("check", planned.plan, "--root", planned.root, "--seal")[0] == 0
    code, out, err = hunt("check", planned.plan, "--root", planned.root)
    assert (code, "4 ready, 1 gone" in out) == (0, True), out + err
    at.write_bytes(data)
    refused(planned, 3, "it was gone when the plan was sealed, and is there")
    at.unlink()
    code, out, err = hunt("apply", planned.plan, "--root", planned.root, "--yes")
    assert (code, "Done: 4 of 4" in out) == (0, True), out + err
    assert hunt("verify", planned.plan, "--root", planned.root)[0] == 0


@pytest.mark.parametrize(("file", "content"), [("etc/hostname", "web02\n"), ("etc/machine-id", "f" * 32 + "\n"), ("etc/machine-id", None)])
def test_another_host_is_refused(planned, file, content) -> None:
    at = planned.root / file
    at.unlink()
    if content:
        at.write_text(content)
    refused(planned, 3, "This is not web01")


def test_the_live_host_is_not_the_host_of_the_plan(planned) -> None:
    refused(planned, 3, "This is not web01", "apply", planned.plan, "--yes")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_may_write_is_refused(planned, mode) -> None:
    os.chown(planned.plan.parent, 0, 4)
    planned.plan.parent.chmod(mode)
    refused(planned, 2, "can be written by others")


def test_a_plan_that_others_may_write_or_own_is_refused(planned) -> None:
    planned.plan.chmod(0o666)
    refused(planned, 2, "can be written by others")
    planned.plan.chmod(0o600)
    os.chown(planned.plan, 1000, 1000)
    refused(planned, 2, "can be written by others")


@pytest.mark.parametrize(("mode", "owner"), [(0o1777, 0), (0o700, 1000)])
def test_a_folder_of_others_is_left_to_them_and_the_way_out_works(planned, mode, owner) -> None:
    folder = planned.plan.parent
    os.chown(folder, owner, owner)
    folder.chmod(mode)
    planned.plan.chmod(0o666)
    _, _, err = hunt("apply", planned.plan, "--root", planned.root, "--yes")
    assert f"{folder} can be written by others" in err
    assert "chown" not in err
    assert "chmod" not in err
    command = err.partition("of yours alone: ")[2].partition(". Then read")[0]
    home = planned.folder / "home"
    home.mkdir()
    subprocess.run(["sh", "-ec", f"umask 022; {command}"], check=True, env=os.environ | {"HOME": str(home)})
    assert hunt("apply", home / "removal/plan.yaml", "--root", planned.root, "--yes")[0] == 0


def test_a_changed_journal_is_refused(planned) -> None:
    assert hunt("apply", planned.plan, "--root", planned.root, "--yes")[0] == 0
    data = planned.journal.read_bytes()
    planned.journal.write_bytes(data.replace(b'"mode": "4755"', b'"mode": "0755"'))
    refused(planned, 2, "chain is broken", "undo", planned.journal, "--root", planned.root)
    lines = data.splitlines(keepends=True)
    planned.journal.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    refused(planned, 2, "chain is broken", "undo", planned.journal, "--root", planned.root)


@pytest.mark.parametrize("left", [b"", b'{"lines": 0, "sha2', b"\0" * 512])
def test_a_first_head_that_a_power_cut_left_unfinished_is_no_head(planned, left) -> None:
    head = Path(f"{planned.plan}.journal.head")
    head.write_bytes(left)
    head.chmod(0o600)
    code, out, err = hunt("apply", planned.plan, "--root", planned.root, "--yes")
    assert (code, "verified" in out) == (0, True), err
    head.write_bytes(left)
    refused(planned, 3, "was not written by this run", "undo", planned.journal, "--root", planned.root)


def test_a_missing_or_exchanged_backup_stops_undo_before_the_first_write(planned) -> None:
    assert hunt("apply", planned.plan, "--root", planned.root, "--yes")[0] == 0
    first, second, *_ = sorted(Path(f"{planned.plan}.backup").iterdir())
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    refused(planned, 3, "other bytes", "undo", planned.journal, "--root", planned.root)
    first.write_bytes(kept[:-5])
    refused(planned, 3, "Put the backup folder back", "undo", planned.journal, "--root", planned.root)
    first.write_bytes(b"x" + kept[1:])
    refused(planned, 3, "does not open", "undo", planned.journal, "--root", planned.root)
    first.unlink()
    refused(planned, 3, "cannot be read", "undo", planned.journal, "--root", planned.root)


def test_a_full_disk_under_the_backups_changes_nothing(planned, tmp_path) -> None:
    (planned.root / GUILTY["file"][1:]).write_bytes(os.urandom(3 << 20))
    small = tmp_path / "small"
    small.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(small)], check=True)
    try:
        plan = Path(shutil.copy2(planned.plan, small / "plan.yaml"))
        assert hunt("check", plan, "--root", planned.root, "--seal")[0] == 0
        for words in (("check",), ("apply",), ("apply", "--yes")):
            refused(planned, 3, f"actions: {len(GUILTY)} blocked.", words[0], plan, "--root", planned.root, *words[1:])
            refused(planned, 3, "make room there", words[0], plan, "--root", planned.root, *words[1:])
        refused_late(planned, plan)
        fill(small)
        text = plan.read_bytes()
        refused(planned, 3, "cannot be sealed: No space left", "check", plan, "--root", planned.root, "--seal")
        assert plan.read_bytes() == text
    finally:
        subprocess.run(["umount", str(small)], check=True)


def fill(folder: Path) -> Path:
    """Not a byte is left on the file system of `folder`."""
    at = folder / "fill"
    with at.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(b"x" * 4096):
            pass
    return at


def test_a_full_disk_of_the_host_stops_both_ways_and_each_goes_on(planned, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", str(disk)], check=True)
    try:
        done = subprocess.run(["cp", "-a", f"{planned.root}/.", str(disk)], capture_output=True, check=False)
        need(done.returncode == 0, "a file system in memory with extended attributes")
        assert hunt("check", planned.plan, "--root", disk, "--seal")[0] == 0
        before = manifest(disk)
        for command, where in (("apply", planned.plan), ("undo", planned.journal)):
            full = fill(disk)
            line = (command, where, "--root", disk, *(["--yes"] if command == "apply" else []))
            code, _, err = hunt(*line)
            assert (code, "Make room. Then the same command goes on." in err) == (3, True), err
            full.unlink()
            code, out, err = hunt(*line)
            assert code == 0, out + err
        del before["."]
        assert {k: v for k, v in manifest(disk).items() if k != "."} == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def refused_late(bench, plan: Path) -> None:
    """The space looked enough and was not: the disk fills while the backup is written."""
    import hunter.run.check

    before = manifest(bench.root)
    real, hunter.run.check._free = hunter.run.check._free, lambda folder: 1 << 40
    try:
        code, _, err = hunt("apply", plan, "--root", bench.root, "--yes")
    finally:
        hunter.run.check._free = real
    assert code == 3, err
    assert "Nothing on the host was changed" in err
    assert manifest(bench.root) == before


def test_a_read_only_file_system_is_told_before_anything_is_written(planned) -> None:
    subprocess.run(["mount", "--bind", str(planned.root), str(planned.root)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(planned.root)], check=True)
        refused(planned, 3, "read-only")
    finally:
        subprocess.run(["umount", str(planned.root)], check=True)


def test_two_hunters_at_once(planned) -> None:
    fd = os.open(planned.root, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        refused(planned, 3, "Another hunter")
    finally:
        os.close(fd)


def test_an_immutable_target_is_blocked(planned) -> None:
    at = planned.root / GUILTY["file"][1:]
    need(
        subprocess.run(["chattr", "+i", str(at)], capture_output=True, check=False).returncode == 0, "a file system with the immutable flag"
    )
    try:
        refused(planned, 3, "immutable")
    finally:
        subprocess.run(["chattr", "-i", str(at)], check=True)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: *a",
        "a: !!python/object/apply:os.system [id]",
        "a: 1\na: 2",
        "[" * 5000,
        "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: {n: 1}}}}}}}}}}}}}}",
        "x: 1\n---\ny: 2",
        "",
        "\x00\x01",
        "? [a, b]\n: c",
        "- " * 3000,
    ],
)
def test_yaml_that_is_no_plan_is_refused(bench, text) -> None:
    bench.plan.write_text(text)
    bench.plan.chmod(0o600)
    refused(bench, 2, "plan.yaml")


def test_a_hundred_thousand_actions_are_refused(planned) -> None:
    head, _, rest = planned.plan.read_text().partition("actions:\n")
    action = "  - {id: a, mechanism: file, kind: file, target: {path: /x}}\n"
    planned.plan.write_text(f"{head}actions:\n{action * 100_000}{rest[rest.index('seal:') :]}")
    refused(planned, 2, "more than 1,000,000 values")


def test_scalars_stay_what_they_are() -> None:
    words = [
        "no",
        "0123",
        "12:30",
        "1e3",
        "~",
        "null",
        "",
        " x ",
        "a: b",
        "#x",
        'é\x1b\u202e"\\',
        "- a",
        "0x10",
        "yes",
        "2026-01-01",
        "%",
        "@a",
        "a\nb",
    ]
    text = "".join(f"- {scalar(w)}\n" for w in words)
    assert read(text.encode()) == words
    assert read(b"- no\n- 0123\n- 12:30\n- true\n") == ["no", "0123", "12:30", "true"]
    with pytest.raises(YamlError):
        scalar("\udcff")


def test_a_link_on_the_way_leads_nowhere(planned, tmp_path) -> None:
    outside = tmp_path / "outside"
    shutil.move(str(planned.root / "var/tmp/.cache"), outside)
    (planned.root / "var/tmp/.cache").symlink_to(outside)
    refused(planned, 3, "is a link")
    assert (outside / "helper.sh").exists()


def test_the_last_way_in_is_kept_unless_the_exact_target_is_named(planned) -> None:
    shadow = planned.root / "etc/shadow"
    shadow.write_text("root:*:1::::::\npaul:!:1::::::\n")
    at = planned.root / GUILTY["authorized-key"][1:]
    data = at.read_bytes().replace(b"good", b"#")
    at.write_bytes(b"".join(line for line in data.splitlines(keepends=True) if b"evil" in line or line.startswith(b"#")))
    planned.plan.write_text(planned.plan.read_text().replace('number: "3"', 'number: "2"', 1))
    hunt("check", planned.plan, "--root", planned.root, "--seal")
    refused(planned, 3, "--i-know /root/.ssh/authorized_keys")
    assert hunt("check", planned.plan, "--root", planned.root, "--i-know", GUILTY["authorized-key"])[0] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/usr/bin/bash",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/etc/passwd",
        "/boot/grub/grub.cfg",
        "/usr/lib/systemd/systemd",
        "/etc/ssh/sshd_config",
    ],
)
def test_what_the_host_needs_is_guarded(path) -> None:
    assert forbidden("file", Ref("file", path))


@pytest.mark.parametrize(
    "path", ["/usr/local/lib/evil.so", "/etc/cron.d/x", "/var/tmp/bash", "/etc/systemd/system/evil.service", "/usr/lib/libc.so.d/evil"]
)
def test_what_the_host_does_not_need_is_not_guarded(path) -> None:
    assert not forbidden("file", Ref("file", path))


@pytest.mark.parametrize(
    "unit", ["ssh.service", "sshd.service", "systemd-journald.service", "home.mount", "getty@.service", "multi-user.target"]
)
def test_units_that_boot_or_carry_the_connection_are_guarded(unit) -> None:
    assert any(rule.fits(unit) for rule in guard().units)


def test_a_row_and_the_kind_that_serves_it_name_the_same_removal() -> None:
    """One of the places of a row has the kind: its files of accounts are quarantined, the accounts in passwd are disabled."""
    removals: dict[str, set[tuple[str, str]]] = {}
    for place in all_places():
        removals.setdefault(place.id, set()).update((place.kind, verb) for verb in place.remove.split("+"))
    served = [(kind, id_) for kind in catalogue().values() for id_ in kind.rows if id_ in removals]
    assert len(served) >= 5
    assert not [id_ for kind, id_ in served if (kind.of, kind.removal) not in removals[id_]]


def test_catalogue_and_mechanisms_name_the_same_kinds() -> None:
    assert {entry.operation for entry in catalogue().values()} == set(mechanisms())


def test_a_plan_is_never_overwritten_and_a_case_must_be_one(planned, tmp_path) -> None:
    refused(planned, 2, "exists already", "plan", planned.case, "-r", planned.recipient(), "-o", planned.plan)
    refused(planned, 2, "is no case", "plan", tmp_path, "-r", planned.recipient(), "-o", tmp_path / "p.yaml")
    refused(planned, 2, "web01", "plan", planned.case, "-r", planned.recipient(), "-o", tmp_path / "p.yaml", "--host", "web02")


def test_a_refused_apply_is_no_dry_run_and_a_gone_target_is_not_sealed_but_taken_out(planned) -> None:
    at = planned.root / GUILTY["file"][1:]
    at.chmod(0o700)
    code, out, _ = hunt("apply", planned.plan, "--root", planned.root, "--yes")
    assert (code, out.splitlines()[0]) == (3, "Refused on web01 (matches the plan).  5 actions: 4 ready, 1 drifted.")
    assert "Dry run" not in out
    at.unlink()
    _, out, _ = hunt("check", planned.plan, "--root", planned.root)
    assert f"Delete the actions that are gone from {planned.plan}; then: hunter check" in out


def test_a_seal_is_told_in_one_text(planned) -> None:
    (planned.root / GUILTY["file"][1:]).chmod(0o700)
    info = planned.root / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    code, out, _ = hunt("check", planned.plan, "--root", planned.root, "--seal")
    assert code == 0
    assert out.count("Nothing") == 1
    assert "After looking" not in out
    sealed, nothing, following = out.splitlines()[-3:]
    assert sealed.startswith(f"Sealed {planned.plan}: the present state is the expected one now (1 action expected another state before).")
    assert (nothing, following[:18]) == ("Nothing on the host was changed.", "Next: hunter apply")
    (info / "cached.list").write_text("/.\n/var/tmp/.cache/helper.sh\n")
    code, out, _ = hunt("check", planned.plan, "--root", planned.root, "--seal")
    assert "Next:" not in out
    assert "Action 5 still cannot be applied: /var/tmp/.cache/helper.sh belongs to the package cached" in out


def test_who_may_write_a_plan_is_settled_before_its_seal(planned) -> None:
    planned.plan.write_text(planned.plan.read_text().replace("name: web01", "name: web02"))
    os.chown(planned.plan, 0, 4)
    planned.plan.chmod(0o660)
    refused(planned, 2, f"chmod go-w {planned.plan}. Then read")
    planned.plan.chmod(0o640)
    refused(planned, 2, "the seal does not fit")


def test_every_pattern_of_guard_and_catalogue_can_be_compared() -> None:
    rules = guard()
    listed = [*rules.units, *rules.rights, *rules.services, *(rule for some in rules.places.values() for rule in some)]
    assert len(listed) > 100
    assert not any(rule.fits("no/such/place") for rule in listed)
    assert {kind.kind for kind in catalogue().values() if kind.object != "process" and kind.may_act_at("\0/nowhere")} == {"file-mode"}
