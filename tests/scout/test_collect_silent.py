"""A file system that does not answer: in open, in read, and when a folder is listed. Each costs a bounded time and a custody line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scout.collecting import examined, reading, walk
from scout.collecting.filelist import FileList
from scout.sources import directory
from scout.sources.timed_calls import TimedCalls
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


ENDLESS = {
    "etc/hostname": {"content": "endless\n"},
    "usr/bin/": {},
    "var/log/drops.log": {"content": "one byte after the other, ever so slowly", "silent": "drops"},
    "var/log/endless/": {"silent": "endless"},
    "var/log/endless/inside": {"content": "in it\n"},
    "var/log/zz/after.log": {"content": "the last one\n"},
}


@pytest.fixture
def mounted_tree(tmp_path):
    """`mounted_tree(tree)` returns the mount point of such a file system."""
    need(AS_ROOT and os.path.exists("/dev/fuse"), "root and /dev/fuse")
    point, described, servers = tmp_path / "mounted", tmp_path / "tree.json", []

    def mount(tree):
        point.mkdir()
        described.write_text(json.dumps(tree))
        command = [sys.executable, str(Path(__file__).with_name("silent_fuse.py")), str(point), str(described)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert server.stdout is not None and server.stderr is not None
        if server.stdout.readline() != "ready\n":
            need(False, f"a mount of FUSE ({server.stderr.read().strip().splitlines()[-1:]})")
        servers.append(server)
        return point

    yield mount
    for server in servers:
        server.kill()  # whoever waits gets an error now
        server.wait()
        subprocess.run(["umount", "-l", str(point)], check=True)


@pytest.fixture
def silent(mounted_tree):
    return mounted_tree(TREE)


def test_a_list_without_an_end_and_a_file_in_drops_cost_a_bounded_time(mounted_tree, collected, monkeypatch):
    """Each single call is answered in time."""
    monkeypatch.setattr(examined, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(reading, "PATIENCE", 1)
    monkeypatch.setattr(directory, "PIECE", 500)
    monkeypatch.setattr(walk, "MOST_NAMES", 2_000)
    archive = collected(mounted_tree(ENDLESS), "--targets", "LF06", "--os", "linux")
    lines = archive.custody
    assert lines["/var/log/zz/after.log"]["verdict"] == "taken"
    drops = lines["/var/log/drops.log"]
    assert drops["verdict"] == "error" and "too slow" in drops["error"] and drops["valid"] < 30, drops
    folder = lines["/var/log/endless"]
    assert folder["verdict"] == "error" and "did not end" in folder["error"], folder
    assert lines["/var/log/endless/name 1"]["verdict"] == "taken"


def test_the_list_of_all_files_ends_in_a_folder_without_an_end(mounted_tree):
    source = directory.DirectorySource(mounted_tree(ENDLESS))
    listing = FileList([source], TimedCalls(2.0), lambda _: None, count=3_000, seconds=60)
    rows = list(listing)
    assert len(rows) <= 3_001 and "3,000 names" in listing.cut
    source.close()


SETTINGS = {
    "etc/hostname": {"content": "tiny\n"},
    "etc/passwd": {"content": "root:x:0:0:root:/root:/bin/sh\n"},
    "etc/rsyslog.conf": {"content": "*.* /var/log/all\n"},
    "etc/ssh/sshd_config": {"content": "Include /etc/ssh/more/*\n"},
    "etc/rsyslog.d/": {},
    "usr/bin/program": {"content": "\x7fELF"},
    "var/lib/dpkg/status": {"content": "Package: x\n"},
    "var/log/syslog": {"content": "a line\n"},
    ".snapshots/1/info.xml": {"content": "<date>2001-01-01 00:00:00</date>"},
    ".snapshots/1/snapshot/etc/hostname": {"content": "before\n"},
}


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("etc/hostname", "read"),
        ("etc/passwd", "open"),
        ("etc/rsyslog.conf", "read"),
        ("etc/ssh/sshd_config", "open"),
        ("etc/rsyslog.d/", "readdir"),
        ("var/lib/dpkg/status", "read"),
        (".snapshots/1/info.xml", "read"),
    ],
)
def test_a_file_with_settings_of_the_host_that_does_not_answer_ends_nothing(mounted_tree, collected, monkeypatch, path, how):
    """These are read before and beside the plan: to name the host, its users, its logs, the owners of files."""
    monkeypatch.setattr(examined, "ANSWER_SECONDS", 0.5)
    tree = SETTINGS | {path: {**SETTINGS[path], "silent": how}}
    archive = collected(mounted_tree(tree), "--profile", "full", "--os", "linux")
    assert archive.verdict("/var/log/syslog") == "taken"


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
