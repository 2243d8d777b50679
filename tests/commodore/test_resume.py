"""A run that was killed goes on, and ends as if it had never been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from bench.kill_process import kill_at, written
from commodore.case.case import Case
from commodore.engine.process import process
from tests.commodore.cases import CLI, ROOT, commodore, content, environment, forget


@pytest.fixture(scope="module")
def host(corpus, tmp_path_factory):
    root = tmp_path_factory.mktemp("resume") / "PC"
    folder = root / "Windows" / "System32" / "winevt" / "Logs"
    folder.mkdir(parents=True)
    data = (corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()
    for n in range(2):
        (folder / f"{n}.evtx").write_bytes(data[:4096] + data[4096:] * 4)
    return root


@pytest.fixture(scope="module")
def whole(host, tmp_path_factory):
    """The content of an undisturbed run, and the bytes of its records."""
    case = tmp_path_factory.mktemp("whole") / "case"
    assert commodore("process", host, "-o", case, "--workers", 2).returncode == 0
    return content(case), written(case)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.8])
def test_killed_anywhere_and_run_again_gives_the_same_case(host, whole, tmp_path, share):
    content_of_whole, size = whole
    kill_at(int(size * share), tmp_path / "case", host, "--workers", 2)
    done = commodore("process", host, "-o", tmp_path / "case", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "case") == content_of_whole


def _heard() -> None:
    """A shell starts what runs in the background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_with_130_and_a_word_and_a_rerun_goes_on(host, whole, tmp_path):
    case = tmp_path / "case"
    command = [*CLI, "process", str(host), "-o", str(case), "--workers", "2"]
    process_ = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=_heard
    )
    while written(case) < whole[1] // 4 and process_.poll() is None:
        time.sleep(0.005)
    os.killpg(process_.pid, signal.SIGINT)  # as a terminal does: the program and its workers
    _, said = process_.communicate(timeout=60)
    assert process_.returncode == 130, said
    assert said.splitlines() == ["commodore: stopped.", "What was read is kept; the same command goes on from there."]
    assert commodore("process", host, "-o", case).returncode == 0
    assert content(case) == whole[0]


def test_a_torn_journal_and_longer_files_are_cut_back(host, whole, tmp_path):
    """What a power cut leaves: the last journal line torn, frames behind it on disk."""
    case = tmp_path / "case"
    process([host], case, workers=1)
    for folder in case.joinpath(".work").iterdir():
        if folder.is_dir():
            journal = (folder / "journal").read_bytes().splitlines(keepends=True)
            (folder / "journal").write_bytes(b"".join(journal[:3]) + journal[3][:40])
    for path in case.glob("members/*"):
        path.unlink()
    forget(case)
    process([host], case, workers=1)
    assert content(case) == whole[0]


def test_a_case_that_has_the_input_does_nothing_and_says_so(host, whole, tmp_path):
    case = tmp_path / "case"
    process([host], case, workers=1)
    summary = process([host], case, workers=1)
    assert summary.skipped == [str(host)]
    assert summary.read == 0
    assert content(case) == whole[0]


def test_new_input_is_taken_up_and_order_does_not_matter(corpus, tmp_path):
    samples = corpus / "evtx/omerbenamram+evtx/samples"
    one, two = tmp_path / "one.evtx", tmp_path / "two.evtx"
    shutil.copy(samples / "sysmon.evtx", one)
    shutil.copy(samples / "system.evtx", two)
    process([one], tmp_path / "a", workers=1)
    process([two], tmp_path / "a", workers=1)
    process([two, one], tmp_path / "b", workers=1)
    assert content(tmp_path / "a") == content(tmp_path / "b")


HOLDER = """
import os, sys, time
from pathlib import Path
from commodore.case.case import Case
with Case(Path(sys.argv[1])):
    child = os.fork() if hasattr(os, "fork") else 0
    if child == 0 and hasattr(os, "fork"):
        time.sleep(600)
    print(child, flush=True)
    time.sleep(600)
"""


def test_a_case_is_of_one_process_until_that_ends_however_it_ends(host, tmp_path):
    case = tmp_path / "case"
    (case / ".work").mkdir(parents=True)
    (case / ".work" / "lock").write_text("1")  # a process runs that has this number, and has nothing to do with the case
    with subprocess.Popen([sys.executable, "-c", HOLDER, case], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as holder:
        worker = int(holder.stdout.readline())
        try:
            refused = commodore("process", host, "-o", case)
            assert (refused.returncode, f"is being processed by process {holder.pid}." in refused.stderr) == (3, True), refused.stderr
            holder.kill()
            holder.wait()
            with Case(case):  # its worker lives and does not keep the case
                assert worker == 0 or os.kill(worker, 0) is None
        finally:
            if worker:
                os.kill(worker, signal.SIGKILL)
            holder.kill()
