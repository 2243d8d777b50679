"""SIGKILL right before every changing call and sync of a run: one more command completes it or takes it back, nothing in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import need
from tests.hunter.conftest import GUILTY, Bench, manifest
from tests.hunter.driver import hunt, killed_at

LIMIT = 800


def forget(bench: Bench) -> None:
    """A plan that was never applied."""
    bench.journal.unlink(missing_ok=True)
    for name in ("runkey", "journal.head"):
        Path(f"{bench.plan}.{name}").unlink(missing_ok=True)
    shutil.rmtree(f"{bench.plan}.backup", ignore_errors=True)


def without_times(found: dict) -> dict:
    """Times of folders and of edited files differ from run to run; a temporary file that was left would show."""
    return {k: (*v[:3], *v[4:]) for k, v in found.items()}


@pytest.fixture
def planned(bench):
    shm = Path("/dev/shm")
    try:  # hundreds of synced runs: in memory where the file system there has extended attributes
        fast = Path(tempfile.mkdtemp(dir=shm))
        try:
            os.setxattr(fast, "user.probe", b"1")
            os.removexattr(fast, "user.probe")
            yield _planned(Bench(fast))
        finally:
            shutil.rmtree(fast)
    except OSError:
        yield _planned(bench)


def _planned(bench):
    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    applied = without_times(manifest(bench.root))
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before
    forget(bench)
    return bench, before, applied


def at_every(
    steps: range, bench: Bench, killed: tuple[object, ...], after: Callable[[int], None], before: Callable[[], None] = lambda: None
) -> None:
    """Prepare with `before`, kill at the n-th step, judge with `after`, and so on until a run ends before it is killed."""
    for n in steps:
        before()
        died = killed_at(n, *killed)
        after(n)
        forget(bench)
        if not died:
            break
    assert 60 < n < LIMIT - 3


def test_apply_killed_at_every_odd_step_is_completed_by_apply(planned) -> None:
    bench, before, applied = planned
    apply = ("apply", bench.plan, "--root", bench.root, "--yes")

    def completed(n: int) -> None:
        code, out, err = hunt(*apply)
        assert code == 0, f"killed at {n}: {out}{err}"
        assert without_times(manifest(bench.root)) == applied, f"killed at {n}"
        code, out, err = hunt("undo", bench.journal, "--root", bench.root)
        assert code == 0, f"killed at {n}: {out}{err}"
        assert manifest(bench.root) == before, f"killed at {n}"

    at_every(range(1, LIMIT, 2), bench, apply, completed)


def test_apply_killed_at_every_even_step_is_taken_back_by_undo(planned) -> None:
    bench, before, _ = planned

    def taken_back(n: int) -> None:
        code, out, err = hunt("undo", bench.journal, "--root", bench.root)
        if code == 2:
            assert not bench.journal.exists() or not bench.journal.read_bytes().endswith(b"\n"), f"killed at {n}: {err}"
        else:
            assert code == 0, f"killed at {n}: {out}{err}"
        assert manifest(bench.root) == before, f"killed at {n}"

    at_every(range(2, LIMIT, 2), bench, ("apply", bench.plan, "--root", bench.root, "--yes"), taken_back)


def test_undo_killed_at_every_third_step_is_completed_by_undo(planned) -> None:
    bench, before, _ = planned
    undo = ("undo", bench.journal, "--root", bench.root)

    def applied() -> None:
        assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0

    def completed(n: int) -> None:
        code, out, err = hunt(*undo)
        assert code == 0, f"killed at {n}: {out}{err}"
        assert manifest(bench.root) == before, f"killed at {n}"

    at_every(range(1, LIMIT, 3), bench, undo, completed, applied)


def test_an_interrupted_undo_can_be_turned_round_by_apply(planned) -> None:
    bench, _, applied = planned
    for n in (5, 15, 25, 35, 45):
        assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
        assert killed_at(n, "undo", bench.journal, "--root", bench.root)
        code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
        assert code == 0, f"killed at {n}: {out}{err}"
        assert without_times(manifest(bench.root)) == applied, f"killed at {n}"
        assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
        forget(bench)


@pytest.mark.parametrize(("call", "when"), [("fsync", 12), ("renameat2,rename,renameat", 1), ("unlinkat,unlink", 2), ("fsync", 30)])
def test_a_kill_from_outside_is_survived_as_well(bench, call, when) -> None:
    need(shutil.which("strace"), "strace")
    bench.plan_here()
    before = manifest(bench.root)
    command = ["strace", "-f", "-o", "/dev/null", f"--inject={call}:signal=KILL:when={when}", sys.executable, "-m", "hunter"]
    done = subprocess.run([*command, "apply", bench.plan, "--root", bench.root, "--yes"], capture_output=True, check=False)
    assert done.returncode != 0
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_a_kill_while_the_run_key_is_written_is_no_obstacle(bench) -> None:
    need(shutil.which("strace"), "strace")
    bench.make_plan(["file"])
    run_key = Path(f"{bench.plan}.runkey")
    at = ("strace", "-f", "-o", "/dev/null", "-P", str(run_key), "-e", "inject=write:signal=KILL:when=1")
    done = bench.hunter("apply", bench.plan, "--root", bench.root, "--yes", prefix=at)
    assert (done.returncode in (-9, 137), run_key.read_bytes()) == (True, b"")
    done = bench.on_root("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert run_key.read_bytes()


def test_an_interrupted_run_without_its_run_key_is_taken_back_by_a_recipient(planned) -> None:
    bench, before, _ = planned
    assert killed_at(110, "apply", bench.plan, "--root", bench.root, "--yes")
    Path(f"{bench.plan}.runkey").unlink()
    code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    way_back = f"hunter undo {bench.journal} --root {bench.root} -i key.txt"
    assert (code, way_back in err) == (3, True), err
    assert hunt("undo", bench.journal, "--root", bench.root, "-i", bench.key)[0] == 0
    assert manifest(bench.root) == before


def test_a_line_of_the_journal_that_was_being_written_never_happened(planned) -> None:
    bench, before, _ = planned
    assert killed_at(110, "apply", bench.plan, "--root", bench.root, "--yes")
    with bench.journal.open("ab") as journal:
        journal.write(b'{"n": 99, "previous": "abc')
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before
    assert [json.loads(line)["n"] for line in bench.journal.read_bytes().splitlines()] == list(
        range(len(bench.journal.read_bytes().splitlines()))
    )


def test_a_guilty_thing_that_changes_after_a_kill_stops_the_run(planned) -> None:
    bench, _, _ = planned
    killed_at(75, "apply", bench.plan, "--root", bench.root, "--yes")
    at = bench.root / GUILTY["file"][1:]
    assert at.exists()
    at.write_bytes(b"something else")
    code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 3
    assert "not as the journal left it" in err
    assert at.read_bytes() == b"something else"
