"""A surprise during apply or undo is reported with the expected state, the found state, the progress and the next step."""

from __future__ import annotations

import os
import shlex

import pytest

from hunter.objects.files import _Files
from tests.hunter.conftest import GUILTY, manifest
from tests.hunter.driver import hunt


@pytest.fixture
def removed(bench):
    bench.plan_here()
    bench.before = manifest(bench.root)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0, out + err
    return bench


def meddle(bench) -> None:
    """Two targets change after the run: a mode of one, and the quarantined file is there again."""
    at = bench.root / GUILTY["authorized-key"][1:]
    assert at.stat().st_mode & 0o777 == 0o640  # the group bits of a file with an ACL are its mask
    at.chmod(0o666)
    (bench.root / GUILTY["file"][1:]).write_bytes(b"again")


def test_undo_says_what_was_expected_and_what_is_there_and_how_the_rest_is_taken_back(removed) -> None:
    meddle(removed)
    now = manifest(removed.root)
    code, _, err = hunt("undo", removed.journal, "--root", removed.root)
    assert (code, manifest(removed.root)) == (3, now)
    assert "/root/.ssh/authorized_keys is not as the journal left it: mode was 0640, is 0666" in err
    assert "; xattrs system.posix_acl_access was " in err
    assert f"{GUILTY['file']} is not as the journal left it: it was removed, a file is there (mode 0644, owner 0:0, sha256 " in err
    assert "So far taken back: none; still removed: a001, a002, a003, a004, a005." in err
    command = shlex.split(err[err.index("only what is as HUNTER left it: ") :].partition(": ")[2])
    assert command[:2] == ["hunter", "undo"]
    code, out, err = hunt(*command[1:])
    assert code == 1, out + err
    assert "Taken back: 3 of 5, verified." in out
    for path in (GUILTY["authorized-key"], GUILTY["file"]):
        assert f"changed meanwhile, not by HUNTER: {path}\n" in out
    assert "puts it back" not in out + err


def test_drift_elsewhere_leaves_an_undo_of_one_action_whole(removed) -> None:
    meddle(removed)
    assert hunt("undo", removed.journal, "--root", removed.root, "--action", "a002")[0] == 1
    code, out, err = hunt("undo", removed.journal, "--root", removed.root, "--action", "a002")
    assert (code, "Nothing was left to take back" in out) == (1, True), out + err
    (removed.root / GUILTY["authorized-key"][1:]).chmod(0o640)
    (removed.root / GUILTY["file"][1:]).unlink()
    code, out, err = hunt("undo", removed.journal, "--root", removed.root)
    assert code == 0, out + err
    assert manifest(removed.root) == removed.before


def test_an_apply_that_meets_what_changed_since_says_so(removed) -> None:
    meddle(removed)
    for more in ([], ["--yes"]):
        code, out, err = hunt("apply", removed.plan, "--root", removed.root, *more)
        assert code == 3, out + err
        assert "was applied, and something changed since" in err
        assert "mode was 0640, is 0666" in err


@pytest.mark.parametrize("command", ["apply", "undo"])
def test_a_surprise_in_the_middle_names_what_is_done_and_both_ways_go_on_from_there(bench, monkeypatch, command) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    if command == "undo":
        assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    put, cron = _Files.put, GUILTY["cron-entry"]
    at = bench.root / cron[1:]

    def meddled(self, tree, name, *rest) -> None:
        if name.name == cron:
            kept.append((at.stat(), at.stat().st_mode & 0o7777))
            at.chmod(0o777)
        put(self, tree, name, *rest)

    kept: list = []
    with monkeypatch.context() as patch:
        patch.setattr(_Files, "put", meddled)
        arguments = ("undo", bench.journal) if command == "undo" else ("apply", "--yes", bench.plan)
        code, out, err = hunt(*arguments, "--root", bench.root)
    assert code == 3, out + err
    assert f"{cron}: mode was 0644, is 0777" in err
    assert "Stopped before writing there." in err
    words = {
        "apply": "So far done: a001; not begun: a002, a003, a004, a005.",
        "undo": "So far taken back: a003, a004, a005; still removed: a001, a002.",
    }
    assert words[command] in err, err
    at.chmod(kept[0][1])
    os.utime(at, ns=(kept[0][0].st_atime_ns, kept[0][0].st_mtime_ns))
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    assert manifest(bench.root) == before


def test_what_comes_back_at_once_is_put_back_by_something_and_what_is_changed_is_not(bench, monkeypatch) -> None:
    bench.plan_here(["file"])
    at = bench.root / GUILTY["file"][1:]
    data = at.read_bytes()
    put = _Files.put
    for content, words in ((data, "something puts it back"), (b"other", "something else changed it after HUNTER")):

        def restored(self, tree, name, *rest, content=content) -> None:
            put(self, tree, name, *rest)
            at.write_bytes(content)

        with monkeypatch.context() as patch:
            patch.setattr(_Files, "put", restored)
            code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
        assert code == 3
        assert "it was removed, a file is there (mode 0644, owner 0:0, sha256 " in err
        assert words in err
        at.unlink()
        assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
        assert at.read_bytes() == data


def test_what_the_host_changes_by_itself_is_told_apart_from_what_nothing_explains(bench, monkeypatch) -> None:
    from hunter.run import apply as applying
    from hunter.run.vault import Vault

    bench.plan_here()
    busy, quiet = (bench.root / "etc/cron.d" / name for name in ("busy", "quiet"))
    for at in (busy, quiet):
        at.write_text("0")
    keep, look = Vault.keep, applying.check_written

    def kept(*args):
        busy.write_text(busy.read_text() + "1")
        return keep(*args)

    def looked(*args, **words):
        for at in (busy, quiet):
            at.write_text(at.read_text() + "2")
        return look(*args, **words)

    monkeypatch.setattr(Vault, "keep", kept)
    monkeypatch.setattr(applying, "check_written", looked)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 1, out + err
    assert "the host changes it by itself, before the run too: /etc/cron.d/busy\n" in out
    assert "changed meanwhile, not by HUNTER: /etc/cron.d/quiet\n" in out
    assert "not by HUNTER: /etc/cron.d/busy" not in out


def test_what_changes_once_a_minute_is_learned_where_time_is_given_for_it(bench, monkeypatch) -> None:
    from hunter.run import apply as applying

    bench.plan_here()
    slow, clock, look = bench.root / "etc/cron.d/slow", [0.0], applying.check_written
    slow.write_text("0")

    def passed(seconds: float) -> None:
        before, clock[0] = clock[0], clock[0] + seconds
        if before < 45 <= clock[0]:
            slow.write_text("1")

    def looked(*args, **words):
        slow.write_text("2")
        return look(*args, **words)

    monkeypatch.setattr(applying, "sleep", passed)
    monkeypatch.setattr(applying, "monotonic", lambda: clock[0])
    monkeypatch.setattr(applying, "check_written", looked)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes", "--learn", "1")
    assert (code, clock[0]) == (0, 60), out + err
    assert "the host changes it by itself, before the run too: /etc/cron.d/slow\n" in out
