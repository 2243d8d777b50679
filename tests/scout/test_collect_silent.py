"""A file system that does not answer: in open, in read, and when a folder is listed. Each costs a bounded time and a custody line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scout.collecting import examined
from tests.conftest import need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT

TREE = {
    "etc/hostname": {"content": "silent\n"},
    "etc/passwd": {"content": "root:x:0:0:root:/root:/bin/sh\n"},
    "etc/cron.d/": {"silent": "readdir"},
    "etc/cron.daily/job": {"content": "#!/bin/sh\ntrue\n"},
    "root/.bashrc": {"content": "x\n"},
    "usr/bin/": {},
    "var/log/auth.log": {"content": "never opened\n", "silent": "open"},
    "var/log/kern.log": {"content": "never read\n", "silent": "read"},
    "var/log/syslog": {"content": "a line\n"},
    "var/log/zz/after.log": {"content": "the last one\n"},
}


@pytest.fixture
def silent(tmp_path):
    """The mount point of such a file system."""
    need(AS_ROOT and os.path.exists("/dev/fuse"), "root and /dev/fuse")
    point, described = tmp_path / "mounted", tmp_path / "tree.json"
    point.mkdir()
    described.write_text(json.dumps(TREE))
    command = [sys.executable, str(Path(__file__).with_name("silent_fuse.py")), str(point), str(described)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stderr is not None
    if server.stdout.readline() != "ready\n":
        need(False, f"a mount of FUSE ({server.stderr.read().strip().splitlines()[-1:]})")
    yield point
    server.kill()  # whoever waits gets an error now
    server.wait()
    subprocess.run(["umount", "-l", str(point)], check=True)


def test_what_does_not_answer_costs_itself_and_the_rest_is_complete(silent, collected, monkeypatch, capsys):
    monkeypatch.setattr(examined, "ANSWER_SECONDS", 1.0)
    archive = collected(silent, "--targets", "LF06,LF09,LF04", "--os", "linux")
    said = capsys.readouterr().out
    lines = archive.custody
    for path in ("/etc/hostname", "/etc/cron.daily/job", "/var/log/syslog", "/var/log/zz/after.log"):
        assert lines[path]["verdict"] == "taken", path
    assert archive.content("/var/log/zz/after.log") == b"the last one\n"
    for path in ("/var/log/auth.log", "/var/log/kern.log", "/etc/cron.d"):
        assert lines[path]["verdict"] == "error" and "answer" in lines[path]["error"], (path, lines[path])
    assert "never returned" in said
