"""A case that this user may not read or write is a plain complaint, never a defect."""

from __future__ import annotations

import os

import pytest

from commodore.cli import build_app
from scout.console import run
from tests.commodore.test_redo import host
from tests.conftest import need

NOBODY = 65534


@pytest.fixture
def case(tmp_path):
    need(hasattr(os, "geteuid") and os.geteuid() == 0, "root, to become another user")
    made = tmp_path / "case"
    assert run("commodore", build_app, ["process", str(host(tmp_path, 1)), "-o", str(made), "--workers", "1"]) == 0
    for path in (tmp_path, *tmp_path.parents):  # the folders above are open: only the case itself is private
        path.chmod(path.stat().st_mode | 0o111)
    return made


def as_nobody(capfd, *words: object) -> tuple[int, str]:
    """Exit code and standard error of a command, run by another user. It ran once before, so that all its modules are loaded."""
    arguments = [str(word) for word in words]
    run("commodore", build_app, arguments)
    capfd.readouterr()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os._exit(run("commodore", build_app, arguments))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, capfd.readouterr().err


@pytest.mark.parametrize("words", [["findings"], ["ledger"], ["export", "--format", "csv"]])
def test_a_case_that_may_not_be_read(case, capfd, words):
    code, said = as_nobody(capfd, *words, case)
    assert code == 3, said
    assert "Permission denied" in said and str(case) in said
    assert "defect" not in said and len(said.splitlines()) == 2


@pytest.mark.parametrize("place", ["findings", "collections"])
def test_a_part_of_a_case_that_may_not_be_read(case, capfd, place):
    """The case itself is open, one of its folders is not."""
    for path in (case, *case.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for path in (case / place).iterdir():
        path.chmod(0o600)
    code, said = as_nobody(capfd, "findings", case)
    assert code == 3, said
    assert str(case / place) in said and "defect" not in said


def test_a_case_that_may_not_be_written(case, capfd, tmp_path):
    code, said = as_nobody(capfd, "process", tmp_path / "web001", "-o", case)
    assert code == 3, said
    assert "cannot be written" in said and "defect" not in said
