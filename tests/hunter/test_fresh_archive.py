"""A fresh archive as the proof: what it does not hold is gone only where SCOUT looked."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pytest

from hunter.record import proofs
from scout.archive.custody import WantedItem
from scout.archive.writer import ArchiveWriter
from scout.console import run
from scout.keys import load_recipients
from tests.hunter.conftest import GUILTY
from tests.hunter.driver import hunt

HOST = {"name": "web01", "machine_id": "0123456789abcdef0123456789abcdef"}
KEY_FILE, CRON_FILE, PRELOAD = GUILTY["authorized-key"], GUILTY["cron-entry"], GUILTY["ld-so-preload"]


def collect(bench, name: str, *arguments: object) -> Path:
    """By SCOUT itself, from the bench's root."""
    import scout.cli

    folder = bench.folder / name
    folder.mkdir()
    given = ["collect", "-q", "-r", bench.recipient(), "--root", bench.root, "-o", folder, *arguments]
    assert run("scout", scout.cli.build_app, [str(a) for a in given]) in (0, 1)
    return next(folder.glob("*.age"))


def written(bench, header: dict, *lines: tuple[WantedItem, str]) -> Path:
    """An archive with these custody lines and no content."""
    path = bench.folder / "written.age"
    with ArchiveWriter(path, load_recipients([bench.recipient()])[0], {"collection": "x", "schema": 1, "host": HOST, **header}) as writer:
        for item, verdict in lines:
            writer.verdict(item, verdict)
        writer.finish()
    return path


def verified(bench, archive: Path) -> tuple[int, dict[str, tuple[bool | None, str]]]:
    """Exit code, and kind of the action → (gone, reason)."""
    code, out, err = hunt("verify", bench.plan, "--archive", archive, "-i", bench.key, "--no-detect", "--json")
    assert not err
    rows = [json.loads(line) for line in out.splitlines()]
    assert all((row["gone"] is None) == (not row["looked_at"]) for row in rows)
    kinds = ["authorized-key", "cron-entry", "ld-so-preload", "systemd-unit", "file"]
    return code, {kind: (row["gone"], row["reason"]) for kind, row in zip(kinds, rows, strict=False)}


@pytest.fixture
def removed(bench):
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    return bench


def moved(bench, kind: str, path: str) -> None:
    """The plan's target of this kind lies somewhere else, and is removed there."""
    bench.plan_here()
    at = bench.root / path[1:]
    at.parent.mkdir(parents=True)
    shutil.move(bench.root / GUILTY[kind][1:], at)
    text = bench.plan.read_text()
    assert text.count(f"path: {GUILTY[kind]}\n") == 2
    bench.plan.write_text(text.replace(f"path: {GUILTY[kind]}\n", f"path: {path}\n"))
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0


def test_a_whole_collection_of_the_profile_proves_it(bench) -> None:
    bench.plan_here()
    before = collect(bench, "before")
    code, found = verified(bench, before)
    assert (code, {gone for gone, _ in found.values()}) == (1, {False})
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    told = hunt("verify", bench.plan, "--archive", before, "-i", bench.key, "--no-detect")[2]
    assert "before the plan was applied" in told and not proofs.proofs_of(bench.plan).exists(), told
    after = collect(bench, "after")
    assert verified(bench, after) == (0, dict.fromkeys(found, (True, "gone")))
    assert "All gone: 5 targets looked at." in hunt("verify", bench.plan, "--archive", after, "-i", bench.key)[1]
    cut = bench.folder / "cut.age"
    cut.write_bytes(after.read_bytes()[:-300])
    assert hunt("verify", bench.plan, "--archive", cut, "-i", bench.key)[0] == 3


def test_what_no_target_of_the_collection_takes_is_not_known(removed) -> None:
    archive = collect(removed, "some", "--targets", "LF09,LF11")
    code, found = verified(removed, archive)
    assert code == 1
    assert found.pop("authorized-key") == (True, "gone")
    assert {gone for gone, _ in found.values()} == {None}
    for reason in (reason for _, reason in found.values()):
        assert reason.endswith("scout collect --profile triage")
    assert "LF04" in found["cron-entry"][1]
    assert "LF13" in found["file"][1]
    _, out, _ = hunt("verify", removed.plan, "--archive", archive, "-i", removed.key)
    assert "4 of 5 not looked at" in out
    assert "All gone" not in out
    assert "  4  UNSEEN stop and remove unit evil.service" in out


def test_what_is_there_is_told_beside_what_is_not_known(bench) -> None:
    bench.plan_here()
    archive = collect(bench, "some", "--targets", "LF11")
    code, out, _ = hunt("verify", bench.plan, "--archive", archive, "-i", bench.key)
    assert code == 1
    assert "1 of 5 still there or back again." in out
    assert "4 of 5 not looked at" in out


def test_custody_speaks_for_a_collector_of_another_version(removed) -> None:
    header = {"profile": "triage", "tool": {"name": "scout", "version": "99.0"}}
    patterns = [WantedItem(source=source, target="LF04", type="pattern") for source in (PRELOAD, "/etc/ld.so.*")]
    sibling = WantedItem(source="/etc/cron.d/other", target="LF04", size=44)
    code, found = verified(removed, written(removed, header, *((p, "missing") for p in patterns), (sibling, "over limit")))
    assert code == 1
    assert {kind: gone for kind, (gone, _) in found.items()} == {
        "ld-so-preload": True,
        "cron-entry": True,
        "systemd-unit": True,
        "authorized-key": None,
        "file": None,
    }
    assert "the archive is of SCOUT 99.0" in found["authorized-key"][1]


def test_a_pattern_that_the_targets_do_not_have_proves_nothing(removed) -> None:
    header = {"profile": "everything", "targets": ["XX99", 5], "tool": {"version": "99.0"}}
    lines = [WantedItem(source=source, target="LF11", type="pattern") for source in ("/root/**", "/**", "/*/.ssh/authorized_keys")]
    _, found = verified(removed, written(removed, header, *((line, "missing") for line in lines)))
    assert {gone for gone, _ in found.values()} == {None}


def test_a_folder_that_became_a_link_was_not_looked_at(removed) -> None:
    units = removed.root / "etc/systemd"
    shutil.move(units, removed.root / "opt-units")
    units.symlink_to("/opt-units")
    code, found = verified(removed, collect(removed, "after"))
    assert (code, found["systemd-unit"][0], found["cron-entry"]) == (1, None, (True, "gone"))
    assert found["systemd-unit"][1].startswith("/etc/systemd is a link now, never followed")


@pytest.mark.parametrize(("folder", "kind"), [("/etc/cron.d", "cron-entry"), ("/", "file"), ("/var/tmp", "file")])
def test_a_folder_that_was_not_entered_was_not_looked_at(removed, folder, kind) -> None:
    from scout import __version__

    header = {"profile": "triage", "tool": {"version": __version__}}
    _, found = verified(removed, written(removed, header, (WantedItem(source=folder, target="LF04", type="directory"), "denied")))
    assert found[kind][0] is None
    assert found[kind][1].startswith(f"{folder} was not entered (denied)")


def test_a_home_that_is_no_home_any_more_was_not_looked_at(bench) -> None:
    users = bench.root / "etc/passwd"
    was = users.read_text()
    users.write_text(f"{was}app:x:1001:1001::/srv/app:/bin/bash\n")
    moved(bench, "authorized-key", "/srv/app/.ssh/authorized_keys")
    assert verified(bench, collect(bench, "home"))[1]["authorized-key"] == (True, "gone")
    (bench.root / "srv/app/.ssh/authorized_keys").unlink()
    assert verified(bench, collect(bench, "empty"))[1]["authorized-key"] == (True, "gone")
    users.write_text(was)
    gone, reason = verified(bench, collect(bench, "none"))[1]["authorized-key"]
    assert gone is None
    assert "in homes only" in reason


def test_where_only_programs_are_taken_it_is_said(bench) -> None:
    moved(bench, "file", "/var/tmp/.cache2/worker")
    code, found = verified(bench, collect(bench, "after"))
    assert (code, found["file"][0]) == (0, True)
    assert re.search(r"takes programs and scripts only \(LF\d\d\)", found["file"][1])


def test_what_no_profile_collects_is_looked_at_on_the_host(bench) -> None:
    moved(bench, "file", "/opt/vendor/bin/worker")
    code, found = verified(bench, collect(bench, "after"))
    assert (code, found["file"][0]) == (1, None)
    assert found["file"][1] == "no target of SCOUT collects it: look at it on the host, hunter verify PLAN"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("denied", "without its content (denied)"), ("over limit", "without its content (over limit)"), ("vanished", "vanished while")],
)
def test_a_file_without_content_does_not_prove_that_its_line_is_gone(removed, verdict, said) -> None:
    from scout import __version__

    header = {"profile": "triage", "tool": {"version": __version__}}
    code, found = verified(removed, written(removed, header, (WantedItem(source=KEY_FILE, target="LF11"), verdict)))
    assert (code, found["authorized-key"][0]) == (1, None)
    assert said in found["authorized-key"][1]
    assert found["cron-entry"] == (True, "gone")


def test_a_file_that_was_not_read_whole_does_not_prove_that_its_line_is_gone(removed) -> None:
    from scout import __version__

    path = removed.folder / "torn.age"
    header = {"collection": "x", "schema": 1, "host": HOST, "profile": "triage", "tool": {"version": __version__}}
    data = (removed.root / CRON_FILE[1:]).read_bytes()
    with ArchiveWriter(path, load_recipients([removed.recipient()])[0], header) as writer:
        item = WantedItem(source=CRON_FILE, target="LF04", size=len(data))
        writer.add(item, io.BytesIO(data), lambda: {"verdict": "changed while read"})
        writer.finish()
    code, found = verified(removed, path)
    assert (code, found["cron-entry"][0]) == (1, None)
    assert "changed while it was collected" in found["cron-entry"][1]


def test_an_archive_of_another_host_is_refused(removed) -> None:
    (removed.root / "etc/machine-id").write_text("f" * 32 + "\n")
    code, out, err = hunt("verify", removed.plan, "--archive", collect(removed, "other"), "-i", removed.key)
    assert (code, out, "the plan is for web01" in err) == (3, "", True)
