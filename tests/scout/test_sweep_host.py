"""`scout sweep`: plants of each kind among decoys, what was not searched, and the returns of several hosts in one case."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from commodore.cli import build_app as commodore
from eye.cli import build_app as eye
from scout.console import run
from tests.conftest import ROOT, need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, Archive, scout

MARK = b"plant-of-the-sweep-7f3a"
RULE = """
rule Planted_Mark { meta: reference = "https://rules.example/1" strings: $a = "plant-of-the-sweep-7f3a" condition: $a }
rule Broken_One { condition: no_such_thing }
"""


@pytest.fixture
def planted(root):
    """A root with one plant of each kind, and a decoy beside each."""
    (root / "opt/tool").mkdir(parents=True)
    (root / "opt/tool/marked.bin").write_bytes(b"\0" * 70_000 + MARK + b"\0" * 100)
    (root / "opt/tool/decoy.bin").write_bytes(b"\0" * 70_000 + MARK[:-1] + b"b")
    (root / "opt/tool/hashed.bin").write_bytes(b"content that is known by its hash")
    (root / "opt/tool/other.bin").write_bytes(b"content that is known by its hasH")
    (root / "opt/tool/evil-dropper.elf").write_bytes(b"x")
    (root / "opt/tool/not-evil-dropper.elf").write_bytes(b"x")
    (root / "var/tmp/.cache/x").mkdir(parents=True)
    (root / "var/tmp/.cache/x/inside").write_bytes(b"x")
    (root / "var/tmp/.cachet").write_bytes(b"x")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n203.0.113.9 update.evil.example\n")
    return root


@pytest.fixture
def lists(tmp_path):
    """Indicators in five formats, and rules: (options, ids)."""
    digest = hashlib.sha256(b"content that is known by its hash").hexdigest()
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/mark.yar").write_text(RULE)
    (tmp_path / "plain.txt").write_text("evil-dropper.elf\n0.0.0.0/0\n")
    (tmp_path / "table.csv").write_text("type,value\npath,/var/tmp/.cache\n")
    stix = {
        "type": "bundle",
        "id": "bundle--1",
        "objects": [
            {
                "type": "indicator",
                "spec_version": "2.1",
                "id": "indicator--1",
                "pattern_type": "stix",
                "pattern": f"[file:hashes.'SHA-256' = '{digest}']",
                "valid_from": "2026-01-01T00:00:00Z",
            }
        ],
    }
    (tmp_path / "stix.json").write_text(json.dumps(stix))
    misp = {"Event": {"Attribute": [{"type": "domain", "value": "evil.example", "to_ids": True}]}}
    (tmp_path / "misp.json").write_text(json.dumps(misp))
    (tmp_path / "open.ioc").write_text(
        '<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition><Indicator operator="OR" id="2">'
        '<IndicatorItem id="3" condition="is"><Context document="PortItem" search="PortItem/remoteIP" type="mir"/>'
        '<Content type="IP">203.0.113.9</Content></IndicatorItem></Indicator></definition></ioc>'
    )
    options = ["--rules", str(tmp_path / "rules")]
    for name in ("plain.txt", "table.csv", "stix.json", "misp.json", "open.ioc"):
        options += ["--ioc", str(tmp_path / name)]
    return options


WANTED = {
    ("/opt/tool/marked.bin", "yara:mark.yar:Planted_Mark"),
    ("/opt/tool/hashed.bin", "sha256:" + hashlib.sha256(b"content that is known by its hash").hexdigest()),
    ("/opt/tool/evil-dropper.elf", "filename:evil-dropper.elf"),
    ("/var/tmp/.cache/x/inside", "path:/var/tmp/.cache"),
    ("/etc/hosts", "domain:evil.example"),
    ("/etc/hosts", "ip:203.0.113.9"),
}


def test_each_kind_is_found_and_no_decoy(planted, lists, capsys):
    assert scout("sweep", *lists, "--root", str(planted)) == 1
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert {(line["path"], line["rule"]) for line in lines if "rule" in line} == WANTED
    marked = next(line for line in lines if line["path"].endswith("marked.bin"))
    assert marked["offset"] == 70_000 and marked["text"] == MARK.decode() and marked["size"] == 70_000 + len(MARK) + 100
    assert "Broken_One" in said.err or "mark.yar:3" in said.err
    assert "0.0.0.0/0" in said.err


def test_what_is_not_searched_is_named_with_its_reason(planted, lists, capsys):
    (planted / "opt/large.bin").write_bytes(MARK + bytes(300_000))
    os.mkfifo(planted / "opt/pipe")
    assert scout("sweep", *lists, "--root", str(planted), "--max-file", "200kB", "--exclude", "/opt/tool/**") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    left = {line["not_searched"]: line["why"] for line in lines if "not_searched" in line}
    assert "larger than" in left["/opt/large.bin"] and "never opened" in left["/opt/pipe"]
    assert not any(str(line.get("path")).startswith("/opt/tool") for line in lines)


def test_paths_bound_the_sweep(planted, lists, capsys):
    assert scout("sweep", *lists, "--root", str(planted), "/var") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["path"] for line in lines} == {"/var/tmp/.cache/x/inside", "/etc/hosts"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to look for"),
        (["--ioc", "/does/not/exist"], "cannot read"),
        (["--rules", "/does/not/exist"], "exist"),
        (["--ioc", "{list}", "--take"], "-r"),
    ],
)
def test_wrong_use(planted, tmp_path, capsys, arguments, said):
    (tmp_path / "list").write_text("evil.example\n")
    filled = [word.format(list=tmp_path / "list") for word in arguments]
    assert scout("sweep", "--root", str(planted), *filled) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err


def test_returns_of_several_hosts_are_one_case(planted, lists, key, tmp_path, capsys):
    out = tmp_path / "returns"
    out.mkdir()
    for name in ("web01", "web02", "web03"):
        (planted / "etc/hostname").write_text(f"{name}\n")
        if name == "web03":
            (planted / "opt/tool/marked.bin").write_bytes(b"clean")
        assert scout("sweep", *lists, "--root", str(planted), "-q", "-r", key[1], "-o", str(out), "--take") == 0
    archives = sorted(out.glob("*-sweep.tar.zst.age"))
    assert len(archives) == 3
    (tmp_path / "opened").mkdir()
    first = Archive(archives[0], key[0], tmp_path / "opened")
    assert first.content("/opt/tool/marked.bin").count(MARK) == 1
    assert first.verdict("/opt/tool/hashed.bin") == "taken" and "/opt/tool/decoy.bin" not in first.custody
    assert first.document("collection.json")["profile"] == "sweep"
    case = tmp_path / "case"
    assert run("commodore", commodore, ["process", *map(str, archives), "-i", str(key[0]), "-o", str(case)]) in (0, 1)
    capsys.readouterr()
    assert run("eye", eye, ["search", str(case), "event.dataset:sweep AND rule.name:Planted_Mark", "--json"]) == 0
    hits = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(hit["host.name"] for hit in hits) == ["web01", "web02"]
    assert {hit["file.path"] for hit in hits} == {"/opt/tool/marked.bin"} and {hit["escadre.sweep.layer"] for hit in hits} == {"content"}


SWEPT = """
import subprocess, sys
from scout.cli import build_app
from scout.console import run
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:3]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert child.stdout.readline() == b"ready\\n"
code = run("scout", build_app, sys.argv[3:])
print(child.pid, file=sys.stderr)
child.kill()
sys.exit(code)
"""
"""sweeps a host that has two processes: this one and the one that it starts"""


def test_memory_connections_and_command_lines_of_the_live_host(lists, tmp_path):
    need(AS_ROOT and sys.platform == "linux" and shutil.which("unshare"), "root on Linux, unshare")
    (tmp_path / "empty").mkdir()
    (tmp_path / "live.txt").write_text("127.0.77.0/24\nc2.plant-of-the-test.example\n")
    with closing(socket.create_server(("127.0.77.1", 0))) as server:
        code = (
            "import socket, sys; mark = '7f3a'; kept = ('plant-of-the-' + 'sweep-' + mark).encode() * 4;"
            f"s = socket.create_connection(('127.0.77.1', {server.getsockname()[1]})); print('ready', flush=True); sys.stdin.read()"
        )
        sweep = ["sweep", *map(str, lists), "--ioc", str(tmp_path / "live.txt"), str(tmp_path / "empty")]
        alone = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", SWEPT, code, "http://c2.plant-of-the-test.example/x"]
        done = subprocess.run([*alone, *sweep], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    child = int(done.stderr.splitlines()[-1])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    mine = {(line["place"], line["rule"]) for line in lines if line.get("pid") == child}
    assert ("memory", "yara:mark.yar:Planted_Mark") in mine
    assert ("connection", "cidr:127.0.77.0/24") in mine
    assert ("process", "domain:c2.plant-of-the-test.example") in mine
