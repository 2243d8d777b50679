"""Helpers of the tests of `scout collect`: trees, a key, running the command, and opening an archive with age, zstd and tar alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from scout.cli import build_app
from scout.console import run
from scout.keys import keygen
from tests.conftest import need, once
from tests.trees import linux_tree, windows_tree

SCOUT = [sys.executable, "-c", "from scout.cli import main; main()"]
SHARED: set[Path] = set()
"""trees that no test changes: the same collection of one is made once"""
_KEPT = {}
"""key, tree and options → the archive"""
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    """(path of the secret key, public key)"""
    path = tmp_path_factory.mktemp("key") / "key.txt"
    return path, keygen(path)


@pytest.fixture(scope="session")
def windows(corpus, tmp_path_factory):
    return _shared(tmp_path_factory, "windows", lambda place: windows_tree(corpus, place))


@pytest.fixture(scope="session")
def linux(corpus, tmp_path_factory):
    return _shared(tmp_path_factory, "linux", lambda place: linux_tree(corpus, place))


def _shared(factory, name, make):
    """A tree that no test changes, made once for all processes."""
    place = once(name, factory, make)
    SHARED.add(place)
    return place


@pytest.fixture
def root(tmp_path):
    """A tiny Linux root to be spoiled by one test."""
    root = tmp_path / "root"
    for folder in ("etc", "var/log", "tmp", "root"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("tiny\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "var/log/syslog").write_text("one line\n")
    return root


class Archive:
    """An archive opened by stock tools: `files` (names in order), `custody` (lines by source), `plain` (the tar's bytes)."""

    def __init__(self, path: Path, key: Path, folder: Path) -> None:
        need(shutil.which("age") and shutil.which("zstd") and shutil.which("tar"), "age, zstd and tar")
        self.path = path
        tar = folder / "archive.tar"
        with tar.open("wb") as out:
            age = subprocess.Popen(["age", "-d", "-i", str(key), str(path)], stdout=subprocess.PIPE)
            zstd = subprocess.Popen(["zstd", "-d", "-q", "-c"], stdin=age.stdout, stdout=out)
            assert zstd.wait() == 0 and age.wait() == 0
        listed = subprocess.run(["tar", "--quoting-style=literal", "-tf", str(tar)], check=True, capture_output=True).stdout
        self.names = listed.decode().splitlines()
        self.tree = folder / "content"
        self.tree.mkdir()
        subprocess.run(["tar", "-xSf", str(tar), "-C", str(self.tree), "--no-same-owner"], check=True)
        self.plain = tar
        self.lines = []
        for part in sorted((self.tree / "custody").iterdir()):
            self.lines += [json.loads(line) for line in part.read_text().splitlines()[1:]]
        self.custody = {line["source"]: line for line in self.lines}

    def verdict(self, source: str) -> str:
        return self.custody[source]["verdict"]

    def content(self, source: str) -> bytes:
        return (self.tree / self.custody[source]["name"]).read_bytes()

    def document(self, name: str):
        return json.loads((self.tree / name).read_text())


@pytest.fixture
def collected(key, tmp_path, tmp_path_factory):
    """`collected(root, *options)` runs `scout collect` on it and gives the opened archive. No test changes that of a shared tree."""

    def collect(root: Path | None, *options: str, code: int = 0) -> Archive:
        if (key, root, options) in _KEPT:
            return _KEPT[key, root, options]
        place = tmp_path_factory.mktemp("kept") if root in SHARED else tmp_path
        number = len(list(place.glob("out*")))
        out = place / f"out{number}"
        out.mkdir()
        where = ["--root", str(root)] if root is not None else []
        assert run("scout", build_app, ["collect", "-q", "-r", key[1], "-o", str(out), *where, *options]) == code
        folder = place / f"opened{number}"
        folder.mkdir()
        archive = Archive(next(out.glob("*.age")), key[0], folder)
        if root in SHARED:
            _KEPT[key, root, options] = archive
        return archive

    return collect


def scout(*arguments: str) -> int:
    """The command in this process; gives the exit code."""
    return run("scout", build_app, list(arguments))


@contextmanager
def mounted(*arguments: str):
    """Something mounted for one test; its point is the last argument."""
    need(AS_ROOT and shutil.which("mount"), "root and mount")
    subprocess.run(["mount", *arguments], check=True)
    try:
        yield Path(arguments[-1])
    finally:
        subprocess.run(["umount", "-l", arguments[-1]], check=True)
