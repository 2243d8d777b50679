"""Input from an attacker, a tired responder or an odd host: recipients, names, equal lines, units of many names, flags."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
import zstandard

from tests.conftest import need
from tests.hunter.conftest import (
    COLLECTION,
    CRON_LINE,
    GUILTY,
    KEY,
    facts,
    findings_of,
    manifest,
    manifest_of,
    members_of,
    read_rows,
    write_case,
    write_rows,
)
from tests.hunter.driver import hunt, killed_at

SYSTEM = "/etc/systemd/system"


def add_recipients(bench, *recipients: str) -> None:
    about = json.loads(manifest_of(bench.case).read_text())
    about["recipients"] = list(recipients)
    manifest_of(bench.case).write_text(json.dumps(about))


def retarget(bench, kind: str, path: str, **more: object) -> None:
    """A case with one finding of `kind` at `path`."""
    write_case(bench.case, bench.root, [kind])
    file = findings_of(bench.case)
    finding = json.loads(zstandard.ZstdDecompressor().stream_reader(file.read_bytes(), read_across_frames=True).read())
    finding["target"] = {"mechanism": "x", "kind": kind, "path": path, "file": facts(bench.root, path), **more}
    file.write_bytes(zstandard.compress(json.dumps(finding).encode() + b"\n"))


def planned(bench) -> None:
    code, _, err = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)
    assert code == 0, err


def sealed(bench) -> None:
    code, out, err = hunt("check", bench.plan, "--root", bench.root, "--seal")
    assert code == 0, out + err


def round_trip(bench) -> set[str]:
    """Applies and undoes; gives what was gone in between."""
    before = manifest(bench.root)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0, out + err
    between = manifest(bench.root)
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    assert manifest(bench.root) == before
    return {name for name in before if name not in between}


def test_backups_are_for_those_whom_the_archive_was_made_for(bench) -> None:
    write_case(bench.case, bench.root, ["file"])
    add_recipients(bench, bench.recipient())
    code, out, err = hunt("plan", bench.case, "--known", bench.known(), "-o", bench.plan)
    assert code == 0, err
    assert bench.recipient() in bench.plan.read_text()
    assert f"{bench.recipient()[:8]}…{bench.recipient()[-6:]}" in out
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert hunt("close", bench.journal)[0] == 0
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 3
    assert hunt("undo", bench.journal, "--root", bench.root, "-i", bench.key)[0] == 0


def test_a_recipient_that_is_none_is_told_before_a_plan_is_written(bench) -> None:
    write_case(bench.case, bench.root, ["file"])
    add_recipients(bench, "age1nonsense")
    code, _, err = hunt("plan", bench.case, "--known", bench.known(), "-o", bench.plan)
    assert (code, bench.plan.exists(), "-r age1" in err) == (2, False, True)


@pytest.mark.parametrize("name", ["[kworker].sh", "a*b?{c}", "new\nline\x1b[31m", os.fsdecode(b"\xff\xfe"), " leading", "ünï\u202ecod"])
def test_a_name_is_only_a_name(bench, name) -> None:
    path = f"/var/tmp/{name}"
    (bench.root / path[1:]).write_bytes(b"guilty")
    (bench.root / "var/tmp/akb").write_bytes(b"innocent")
    retarget(bench, "file", path)
    planned(bench)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root)
    assert code == 0, out + err
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert round_trip(bench) == {path[1:]}


def test_a_link_comes_back_with_its_attributes_whatever_it_points_to(bench) -> None:
    at = bench.root / "var/tmp/link"
    os.symlink(b"/nowhere/\xff", at)
    os.setxattr(at, "trusted.origin", b"x", follow_symlinks=False)
    retarget(bench, "file", "/var/tmp/link")
    finding = findings_of(bench.case)
    text = zstandard.ZstdDecompressor().decompress(finding.read_bytes())
    assert b"udcff" in text
    planned(bench)
    assert round_trip(bench) == {"var/tmp/link"}


def test_a_dry_run_knows_what_was_done_and_what_was_interrupted(bench) -> None:
    bench.plan_here()
    need(hasattr(os, "fork"), "fork")
    n = 120
    while not killed_at(n, "apply", bench.plan, "--root", bench.root, "--yes"):
        n -= 10
    state = manifest(bench.root)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    assert (code, manifest(bench.root)) == (0, state)
    assert f"hunter undo {bench.journal} --root" in out
    assert f"hunter apply {bench.plan} --root {bench.root} --yes" in out
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    state = manifest(bench.root)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    assert (code, "Done before" in out, manifest(bench.root)) == (0, True, state)


def test_the_table_fits_into_eighty_columns(bench) -> None:
    bench.plan_here()
    _, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    rows = [line for line in out.splitlines() if str(bench.folder) not in line]
    assert max(map(len, rows)) <= 80
    assert {line.index("  reversible") for line in rows if line.endswith("reversible")} == {67}


def test_commands_are_quoted(bench) -> None:
    bench.plan = bench.plan.with_name("my plan.yaml")
    bench.plan_here(["file"])
    _, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    assert f"hunter apply '{bench.plan}' --root" in out


def test_equal_lines_that_stay_are_told(bench) -> None:
    at = bench.root / GUILTY["cron-entry"][1:]
    at.write_bytes(b"# a\n\n" + CRON_LINE + b"\r\n" + CRON_LINE + b"\r\n")
    bench.plan_here(["cron-entry"])
    _, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    assert "2 times" in out
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert at.read_bytes() == b"# a\n\n" + CRON_LINE + b"\r\n"
    code, out, _ = hunt("verify", bench.plan, "--root", bench.root)
    assert (code, "an equal one stays" in out) == (0, True)


def test_one_of_several_equal_lines_that_comes_back_is_seen(bench) -> None:
    at = bench.root / GUILTY["ld-so-preload"][1:]
    at.write_bytes(b"/usr/local/lib/evil.so /usr/local/lib/evil.so\n/usr/lib/good.so\n")
    line = {"data": "/usr/local/lib/evil.so", "line_number": 1}
    retarget(bench, "ld-so-preload", GUILTY["ld-so-preload"], **line)
    planned(bench)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert at.read_bytes().split() == [b"/usr/lib/good.so"]
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 0
    at.write_bytes(b"/usr/local/lib/evil.so\n")
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 1


def test_a_second_plan_finds_its_line_where_the_first_left_it(bench, tmp_path) -> None:
    at = bench.root / GUILTY["authorized-key"][1:]
    at.write_bytes(b"one\n" + f"{KEY}other\n".encode() + f"{KEY}evil dbus@localhost\n".encode())
    bench.plan_here(["authorized-key"])
    first = at.read_bytes()
    at.write_bytes(first.partition(b"\n")[2])  # as another plan leaves it: one line less above
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 3
    sealed(bench)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert at.read_bytes() == f"{KEY}other\n".encode()


def test_all_names_of_a_unit_go_and_nobody_elses(bench) -> None:
    system = bench.root / SYSTEM[1:]
    (system / "alias.service").symlink_to("evil.service")
    (system / "multi-user.target.wants/alias.service").symlink_to("../alias.service")
    (system / "alias.service.d").mkdir()
    (system / "alias.service.d/x.conf").write_bytes(b"[Service]\nNice=1\n")
    (system / "good.service").symlink_to("/etc/systemd/system/evil.service")  # shadows the real one
    (system / "good.service.d").mkdir()
    (system / "good.service.d/site.conf").write_bytes(b"[Service]\nNice=2\n")
    (system / "masked.service").symlink_to("/dev/null")
    (system / "evil.timer").write_bytes(b"[Timer]\nOnCalendar=daily\n")
    bench.plan_here(["systemd-unit"])
    code, out, _ = hunt("check", bench.plan, "--root", bench.root)
    assert code == 3
    assert "belongs to it and the plan does not know it" in out.replace("\n                 ", " ")
    assert "evil.timer starts it and stays" in out.replace("\n                 ", " ")
    sealed(bench)
    names = {
        "evil.service",
        "evil.service.d/more.conf",
        "alias.service",
        "alias.service.d/x.conf",
        "good.service",
        "multi-user.target.wants/alias.service",
        "multi-user.target.wants/evil.service",
    }
    assert round_trip(bench) == {f"{SYSTEM[1:]}/{n}" for n in names}


@pytest.mark.parametrize("folder", ["/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"])
def test_a_template_goes_with_its_instances(bench, folder) -> None:
    path = f"{folder}/job@.service"
    at = bench.root / path[1:]
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(b"[Service]\nExecStart=/bin/x %i\n")
    wants = bench.root / SYSTEM[1:] / "multi-user.target.wants"
    (wants / "job@one.service").symlink_to(path)
    (wants / "job@two.service").symlink_to(path)
    (wants / "jobs@one.service").symlink_to(f"{folder}/jobs@.service")
    retarget(bench, "systemd-unit", path)
    planned(bench)
    sealed(bench)
    assert round_trip(bench) == {path[1:], *(f"{SYSTEM[1:]}/multi-user.target.wants/job@{n}.service" for n in ("one", "two"))}


def test_a_case_of_plain_files_says_what_to_do(bench) -> None:
    write_case(bench.case, bench.root, ["file"])
    lacking = ("nlink", "ino", "dev", "parent_ino", "root_ino", "xattrs")
    file = findings_of(bench.case)
    finding = json.loads(zstandard.ZstdDecompressor().stream_reader(file.read_bytes(), read_across_frames=True).read())
    finding["target"]["file"] = {k: v for k, v in finding["target"]["file"].items() if k not in lacking}
    file.write_bytes(zstandard.compress(json.dumps(finding).encode() + b"\n"))
    rows = [{k: v for k, v in row.items() if k not in lacking} for row in read_rows(members_of(bench.case))]
    write_rows(members_of(bench.case), rows)
    _, out, _ = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)
    assert f"hunter check {bench.plan} --seal" in out
    code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, "check" in err) == (2, True)
    sealed(bench)
    folder = (bench.root / GUILTY["file"][1:]).parent
    subprocess.run(["cp", "-a", str(folder), f"{folder}.twin"], check=True)
    shutil.rmtree(folder)
    os.rename(f"{folder}.twin", folder)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, "parent_ino" in out) == (3, True)


@pytest.mark.parametrize(("flag", "word"), [("i", "immutable"), ("a", "append")])
def test_a_folder_that_takes_no_changes_is_told_before_the_first_write(bench, flag, word) -> None:
    need(shutil.which("chattr"), "chattr")
    bench.plan_here(["cron-entry"])
    folder = bench.root / "etc/cron.d"
    need(subprocess.run(["chattr", f"+{flag}", str(folder)], capture_output=True, check=False).returncode == 0, "a file system with flags")
    try:
        code, out, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
        assert (code, word in out, bench.journal.exists()) == (3, True, False)
    finally:
        subprocess.run(["chattr", f"-{flag}", str(folder)], check=True)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0


def test_a_giant_is_refused_without_being_read(bench) -> None:
    at = bench.root / "var/tmp/giant"
    at.write_bytes(b"")
    retarget(bench, "file", "/var/tmp/giant")
    with at.open("r+b") as stream:
        try:
            stream.truncate(1 << 40)
        except OSError:
            need(False, "a file system that holds a sparse file of 1 TiB")
    planned(bench)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, "too large" in out) == (3, True)


def test_roots_through_links_and_relative_ones_are_the_same_root(bench, monkeypatch, tmp_path) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    (tmp_path / "link").symlink_to(bench.root)
    monkeypatch.chdir(tmp_path)
    assert hunt("apply", bench.plan, "--root", "link", "--yes")[0] == 0
    assert hunt("verify", bench.plan, "--root", "./root")[0] == 0
    assert hunt("undo", bench.journal, "--root", tmp_path / "link")[0] == 0
    assert manifest(bench.root) == before


def test_a_plan_behind_a_link_keeps_its_journal_at_its_real_place(bench, tmp_path) -> None:
    bench.plan_here(["file"])
    link = tmp_path / "link.yaml"
    link.symlink_to(bench.plan)
    assert hunt("apply", link, "--root", bench.root, "--yes")[0] == 0
    assert bench.journal.exists()
    assert not list(tmp_path.glob("link.yaml.*"))


def test_a_journal_that_cannot_grow_stops_the_run_and_both_ways_stay_open(bench, monkeypatch) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    write, full = os.write, []

    def filled(fd: int, data: bytes) -> int:
        if b'"event": "done"' in data and not full:
            full.append(write(fd, data[:20]))
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", filled)
    code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, "No space left" in err, "defect" in err) == (3, True, False)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_the_process_that_holds_the_lock_is_named(bench) -> None:
    import fcntl

    bench.plan_here(["file"])
    fd = os.open(bench.root, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
        assert (code, f"process {os.getpid()}" in err) == (3, True)
    finally:
        os.close(fd)


@pytest.mark.parametrize("fields", [{}, {"edits": 3}, {"edits": [{"action": "a001"}]}])
def test_a_journal_with_a_new_chain_and_no_sense_is_refused(bench, fields) -> None:
    bench.plan_here(["file"])
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    bench.journal.write_text(json.dumps({"n": 0, "previous": "0" * 64, "event": "open"} | fields) + "\n")
    state = manifest(bench.root)
    for command in (("undo", bench.journal), ("apply", bench.plan, "--yes"), ("verify", bench.plan)):
        code, _, err = hunt(*command, "--root", bench.root)
        assert (code, "defect" in err, manifest(bench.root)) == (2, False, state), err


def test_the_recipient_undoes_also_where_the_run_key_was_exchanged(bench, tmp_path) -> None:
    from scout.keys import keygen

    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    keygen(tmp_path / "other.txt")
    run_key = bench.plan.with_name(bench.plan.name + ".runkey")
    run_key.write_bytes((tmp_path / "other.txt").read_bytes())
    state = manifest(bench.root)
    code, _, err = hunt("undo", bench.journal, "--root", bench.root)
    assert (code, "-i" in err, manifest(bench.root)) == (3, True, state)
    run_key.write_bytes(b"")
    assert hunt("undo", bench.journal, "--root", bench.root, "-i", bench.key)[0] == 0
    assert manifest(bench.root) == before


def test_the_timer_beside_a_guilty_service_is_planned_with_it(bench) -> None:
    timer = bench.root / SYSTEM[1:] / "evil.timer"
    timer.write_bytes(b"[Timer]\nOnCalendar=daily\n")
    wants = timer.parent / "timers.target.wants"
    wants.mkdir()
    (wants / "evil.timer").symlink_to(f"{SYSTEM}/evil.timer")
    (timer.parent / "good.timer").write_bytes(b"[Timer]\nOnCalendar=daily\n")
    write_case(bench.case, bench.root, ["systemd-unit"])
    more = (f"{SYSTEM}/evil.timer", f"{SYSTEM}/timers.target.wants/evil.timer", f"{SYSTEM}/good.timer")
    rows = [{"collection": COLLECTION, "path": path} | facts(bench.root, path) for path in more]
    write_rows(members_of(bench.case), read_rows(members_of(bench.case)) + rows)
    planned(bench)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root)
    assert (code, "note:" in out) == (0, False)
    gone = {f"{SYSTEM[1:]}/{n}" for n in ("evil.timer", "timers.target.wants/evil.timer", "evil.service")}
    assert gone <= round_trip(bench)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert (timer.parent / "good.timer").exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda at: os.mknod(at, 0o020644, os.makedev(1, 5)), os.mkdir])
def test_what_is_no_file_is_neither_read_nor_sealed(bench, make) -> None:
    bench.plan_here()
    at = bench.root / GUILTY["ld-so-preload"][1:]
    at.unlink()
    make(at)
    text = bench.plan.read_bytes()
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, "type was file" in out) == (3, True)
    code, _, err = hunt("check", bench.plan, "--root", bench.root, "--seal")
    assert (code, "cannot be sealed: /etc/ld.so.preload is a" in err) == (3, True)
    assert bench.plan.read_bytes() == text
    assert [p.name for p in bench.plan.parent.iterdir()] == [bench.plan.name]
