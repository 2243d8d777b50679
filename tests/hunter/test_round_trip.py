"""Planted → planned from findings → applied → verified gone → undone → identical, per mechanism; and nothing but the guilty changes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hunter.conftest import CRON, CRON_LINE, GUILTY, KEY, KEYS, PRELOAD, facts, findings_of, manifest, write_case
from tests.hunter.driver import hunt

BELONGS = {
    "systemd-unit": {
        "etc/systemd/system/evil.service",
        "etc/systemd/system/evil.service.d/more.conf",
        "etc/systemd/system/multi-user.target.wants/evil.service",
    }
}


def changed(before: dict, after: dict) -> set[str]:
    """Paths that differ, folders left out (their times change with their entries)."""
    keys = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    return {k for k in keys if not ((before.get(k) or after.get(k))[0] & 0o170000 == 0o040000)}


@pytest.mark.parametrize("kind", GUILTY)
def test_removed_verified_and_put_back_identical(bench, kind) -> None:
    bench.plan_here([kind])
    before = manifest(bench.root)
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 1
    code, out, err = hunt("apply", bench.plan, "--root", bench.root)
    assert (code, manifest(bench.root)) == (0, before), out + err
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0, out + err
    assert "Done: 1 of 1, verified.\nNothing else in the touched folders changed" in out
    assert changed(before, manifest(bench.root)) == BELONGS.get(kind, {GUILTY[kind][1:]})
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 0
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    assert manifest(bench.root) == before


def test_a_run_is_completed_though_nobody_reads_on(bench) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    for words, gone in ((("apply", bench.plan, "--yes"), True), (("undo", bench.journal), False)):
        command = shlex.join([sys.executable, "-m", "hunter", *map(str, words), "--root", str(bench.root)])
        done = subprocess.run(["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)
        assert hunt("verify", bench.plan, "--root", bench.root)[0] == (0 if gone else 1)
    assert manifest(bench.root) == before


def test_text_is_cut_byte_exact_and_keeps_what_it_is(bench) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    after = manifest(bench.root)
    expected = {
        "cron-entry": CRON.replace(CRON_LINE + b"\n", b""),
        "authorized-key": KEYS.replace(f"{KEY}evil dbus@localhost\n".encode(), b""),
        "ld-so-preload": PRELOAD.replace(b"/usr/local/lib/evil.so:", b""),
    }
    for kind, data in expected.items():
        path = GUILTY[kind][1:]
        mode, uid, gid, _, nlink, link, _, xattrs = before[path]
        assert (*after[path][:3], *after[path][4:]) == (mode, uid, gid, nlink, link, data, xattrs)
        assert any(name == "system.posix_acl_access" for name, _ in xattrs)


def test_preload_goes_with_its_last_entry(bench) -> None:
    at = bench.root / "etc/ld.so.preload"
    at.write_bytes(b"/usr/local/lib/evil.so\n")
    bench.plan_here(["ld-so-preload"])
    assert "number" in bench.plan.read_text()
    text = bench.plan.read_text().replace('number: "2"', 'number: "1"')
    bench.plan.write_text(text)
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert not at.exists()
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_two_lines_of_one_file_each_with_its_own_way_back(bench) -> None:
    target = {"mechanism": "L062", "kind": "authorized-key", "path": GUILTY["authorized-key"], "payload": []}
    first = bench.root / GUILTY["authorized-key"][1:]
    first.write_bytes(b"one\ntwo\none\nthree")
    write_case(bench.case, bench.root, ["authorized-key"])
    import zstandard

    finding = json.loads(
        zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(findings_of(bench.case).read_bytes())
    )
    rows = [
        finding
        | {"escadre.id": f"{n:032x}", "target": target | {"line": line, "line_number": n, "file": facts(bench.root, target["path"])}}
        for n, line in ((3, "one"), (2, "two"))
    ]
    findings_of(bench.case).write_bytes(zstandard.compress("".join(json.dumps(r) + "\n" for r in (*rows, rows[0])).encode()))
    assert hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)[0] == 0
    before = manifest(bench.root)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, first.read_bytes()) == (0, b"one\nthree"), out + err
    ids = [a["id"] for a in json.loads(bench.journal.read_text().splitlines()[0])["actions"]]
    assert len(ids) == 2
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 0
    assert hunt("undo", bench.journal, "--root", bench.root, "--action", ids[0])[0] == 0
    assert first.read_bytes() == b"one\ntwo\nthree"
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 1
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_some_actions_are_taken_back_and_the_rest_later(bench) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    applied = manifest(bench.root)
    assert hunt("undo", bench.journal, "--root", bench.root, "--action", "a005")[0] == 0
    assert changed(applied, manifest(bench.root)) == {GUILTY["file"][1:]}
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 3
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0, out + err
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_after_close_only_the_recipient_can_undo(bench) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    run_key = Path(f"{bench.plan}.runkey")
    assert run_key.stat().st_mode & 0o777 == 0o600
    for backup in Path(f"{bench.plan}.backup").iterdir():
        assert backup.read_bytes().startswith(b"age-encryption.org/v1")
    assert hunt("close", bench.journal)[0] == 0
    assert not run_key.exists()
    applied = manifest(bench.root)
    code, _, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 3
    assert "-i key.txt" in err
    assert manifest(bench.root) == applied
    assert hunt("undo", bench.journal, "--root", bench.root, "-i", bench.key)[0] == 0
    assert manifest(bench.root) == before


def test_undo_refuses_what_was_changed_after_the_run(bench) -> None:
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    at = bench.root / GUILTY["authorized-key"][1:]
    at.write_bytes(at.read_bytes() + b"a new key\n")
    now = manifest(bench.root)
    code, _, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 3
    assert "authorized_keys" in err
    assert manifest(bench.root) == now


def test_a_large_file_comes_back_from_its_backup(bench) -> None:
    at = bench.root / GUILTY["file"][1:]
    with at.open("r+b") as stream:
        stream.seek(9 << 20)
        stream.write(os.urandom(70_000))
    bench.plan_here(["file"])
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    assert manifest(bench.root) == before


def test_holes_come_back_as_holes(bench) -> None:
    at = bench.root / GUILTY["file"][1:]
    with at.open("r+b") as stream:
        stream.truncate(64 << 20)
        stream.seek(40_000_000)
        stream.write(b"x" * 5_000)
    bench.plan_here(["file"])
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before
    assert at.stat().st_blocks * 512 < 1 << 20


def test_what_came_back_is_seen(bench) -> None:
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    (bench.root / GUILTY["file"][1:]).write_bytes(b"again")
    code, out, _ = hunt("verify", bench.plan, "--root", bench.root, "--json")
    assert code == 1
    assert [json.loads(line)["gone"] for line in out.splitlines()] == [True, True, True, True, False, None]  # None: never in the plan


def test_a_change_beside_it_that_hunter_did_not_make_is_told(bench, monkeypatch) -> None:
    bench.plan_here(["cron-entry"])
    from hunter.objects.files import _Files

    put = _Files.put

    def meddled(self, tree, name, *rest) -> None:
        put(self, tree, name, *rest)
        (bench.root / "etc/cron.d/other").write_bytes(b"somebody else\n")

    monkeypatch.setattr(_Files, "put", meddled)
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 1
    assert "/etc/cron.d/other" in out


def test_a_shadowing_unit_goes_without_what_belongs_to_the_real_one(bench) -> None:
    system = bench.root / "etc/systemd/system"
    (system / "good.service").write_bytes(b"[Service]\nExecStart=/tmp/x\n")
    (system / "good.service.d").mkdir()
    (system / "good.service.d/site.conf").write_bytes(b"[Service]\nNice=5\n")
    bench.plan_here(["systemd-unit"])
    text = (
        bench.plan.read_text()
        .replace("/etc/systemd/system/evil.service", "/etc/systemd/system/good.service")
        .replace("name: evil.service", "name: good.service")
    )
    head, _, rest = text.partition("    expect:\n")
    bench.plan.write_text(head + "    expect: []\n    why:\n" + rest.partition("    why:\n")[2])
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0
    before = manifest(bench.root)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0, out + err
    assert changed(before, manifest(bench.root)) == {"etc/systemd/system/good.service"}


def test_a_copy_of_the_tree_is_told_and_cleaned(bench, tmp_path) -> None:
    import subprocess

    bench.plan_here()
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(bench.root), str(copy)], check=True)
    before = manifest(copy)
    code, out, _ = hunt("apply", bench.plan, "--root", copy)
    assert code == 0
    assert "copy" in out
    assert hunt("apply", bench.plan, "--root", copy, "--yes")[0] == 0
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 3
    assert hunt("undo", bench.journal, "--root", copy)[0] == 0
    assert manifest(copy) == before
