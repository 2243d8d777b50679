"""Ctrl-C, SIGTERM and a hang-up stop a run between two steps: the journal is right, one line says what to do, and that works."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.hunter.conftest import Bench, manifest
from tests.hunter.driver import asked_to_stop, hung_up, hunt, steps_of
from tests.hunter.test_kill import forget, planned  # noqa: F401  (a fixture)

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def events(bench: Bench) -> list[str]:
    return [json.loads(line)["event"] for line in bench.journal.read_text().splitlines()]


def printed(told: str, word: str) -> list[str]:
    """The arguments of the first command with this word that was printed."""
    (line,) = [line for line in told.splitlines() if f"hunter {word}" in line]
    words = shlex.split(line[line.index(f"hunter {word}") :])
    return words[1 : words.index("--yes") + 1] if word == "apply" else words[1:]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_apply_ends_its_step_and_either_printed_command_works(planned, number) -> None:  # noqa: F811
    bench, before, _ = planned
    apply = ("apply", bench.plan, "--root", bench.root, "--yes")
    steps = steps_of(*apply)
    hunt("undo", bench.journal, "--root", bench.root)
    forget(bench)
    between = 0
    for turn, n in enumerate(range(5, steps, steps // 12)):
        code, told = asked_to_stop(n, number, *apply)
        seen = events(bench) if bench.journal.exists() else []
        if "begin" in seen and code:
            between += 1
            assert seen[-1] == "done", (n, seen)
            assert f"Stopped by {number.name} between two steps. So far" in told, (n, told)
            command = printed(told, "apply" if turn % 2 else "undo")
            assert hunt(*command)[0] == 0, (n, command)
        else:
            assert (code, "Nothing on the host was changed" in told) in ((128 + number, True), (0, False)), (n, told)
        if bench.journal.exists() and {"applied", "begin"} & set(events(bench)):
            hunt("undo", bench.journal, "--root", bench.root)
        assert manifest(bench.root) == before, n
        assert code in (0, 128 + number), (n, told)
        forget(bench)
    assert between >= 3


def test_undo_ends_its_step_and_the_printed_command_goes_on(planned) -> None:  # noqa: F811
    bench, before, _ = planned
    undo = ("undo", bench.journal, "--root", bench.root)
    stopped = 0
    for n in (6, 14, 30, 45):
        assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
        code, told = asked_to_stop(n, signal.SIGTERM, *undo)
        if code:
            stopped += 1
            assert (code, "Stopped by SIGTERM between two steps. So far" in told) == (143, True), (n, told)
            assert hunt(*printed(told, "undo"))[0] == 0, n
        assert manifest(bench.root) == before, n
        forget(bench)
    assert stopped >= 3


def test_a_second_ctrl_c_stops_at_once_and_the_run_goes_on(planned, monkeypatch) -> None:  # noqa: F811
    bench, before, _ = planned
    real, calls = os.fsync, [0]

    def twice(fd: int) -> None:
        calls[0] += 1
        if calls[0] == 40:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
        real(fd)

    monkeypatch.setattr(os, "fsync", twice)
    code, _, told = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, "Stopped in the middle of a step" in told) == (130, True), told
    assert hunt(*printed(told, "undo"))[0] == 0
    assert manifest(bench.root) == before


def test_a_lost_terminal_stops_it_and_the_same_command_completes_it(planned) -> None:  # noqa: F811
    bench, before, _ = planned
    apply = ("apply", bench.plan, "--root", bench.root, "--yes")
    steps = steps_of(*apply)
    hunt("undo", bench.journal, "--root", bench.root)
    forget(bench)
    assert hung_up(steps * 3 // 4, *apply) == 129
    assert events(bench)[-1] == "done"
    assert hunt(*apply)[0] == 0
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


@pytest.mark.parametrize("command", ["apply", "undo"])
def test_an_output_that_takes_no_more_does_not_stop_it(bench, command) -> None:
    bench.make_plan()
    before = manifest(bench.root)
    if command == "undo":
        assert bench.on_root("apply", "--yes").returncode == 0
    first = [bench.plan, "--yes"] if command == "apply" else [bench.journal]
    words = [sys.executable, "-m", "hunter", command, *first, "--root", bench.root]
    ours = os.environ | {"PYTHONPATH": str(ROOT)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=ours, check=False)
    assert (done.returncode, events(bench)[-1]) == (0, "applied" if command == "apply" else "undone"), done.stderr
    assert "Traceback" not in done.stderr
    if command == "undo":
        assert manifest(bench.root) == before
