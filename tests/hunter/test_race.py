"""An object that is exchanged between the check and the write is never written to; HUNTER imports where its system calls do not exist."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from hunter.run.settle import RemovalRun
from tests.conftest import ROOT
from tests.hunter.conftest import GUILTY, manifest
from tests.hunter.driver import hunt


def exchange_by_link(at, outside) -> None:
    outside.write_bytes(at.read_bytes())
    at.unlink()
    at.symlink_to(outside)


def exchange_by_twin(at, outside) -> None:
    outside.write_bytes(b"innocent")
    at.unlink()
    shutil.copy2(outside, at)


def exchange_folder(at, outside) -> None:
    shutil.copytree(at.parent, outside, symlinks=True)
    shutil.rmtree(at.parent)
    at.parent.symlink_to(outside)


@pytest.mark.parametrize("exchange", [exchange_by_link, exchange_by_twin, exchange_folder])
@pytest.mark.parametrize("kind", ["file", "authorized-key"])
@pytest.mark.parametrize("moment", ["kept", "begin"])
def test_an_exchange_after_the_check_stops_the_run(bench, tmp_path, monkeypatch, kind, exchange, moment) -> None:
    bench.plan_here([kind])
    outside = tmp_path / "outside"
    at = bench.root / GUILTY[kind][1:]
    add = RemovalRun.add
    states = []

    def meddling(self, event, **fields) -> None:
        add(self, event, **fields)
        if event == moment:
            exchange(at, outside)
            states.append((manifest(bench.root), outside.is_dir() or outside.read_bytes()))

    monkeypatch.setattr(RemovalRun, "add", meddling)
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 3, out + err
    assert "Stopped before writing there" in err
    assert [(manifest(bench.root), outside.is_dir() or outside.read_bytes())] == states


def test_every_module_imports_where_there_is_no_posix() -> None:
    code = """
import os, sys, pkgutil, importlib
for name in ("fcntl", "grp", "pwd", "termios"):
    sys.modules[name] = None
flags = ("O_NOFOLLOW", "O_DIRECTORY", "O_PATH", "O_NOATIME", "O_CLOEXEC", "O_NONBLOCK")
for name in (*flags, "listxattr", "getxattr", "setxattr", "geteuid", "statvfs"):
    delattr(os, name)
import hunter
names = [m.name for m in pkgutil.walk_packages(hunter.__path__, "hunter.") if not m.name.endswith("__main__")]
print(len([importlib.import_module(name) for name in names]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 25


@pytest.mark.skipif(sys.platform == "win32", reason="a system without the libraries of Windows")
def test_a_call_of_windows_says_that_it_is_not_there() -> None:
    from hunter.host.windows import native

    with pytest.raises(OSError, match="only Windows has this library: 'kernel32'"):
        native.wait(1)
