"""Running processes and open sockets: real ones of this machine, and damaged lists."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from commodore.artefacts.live import live_connections, live_processes
from tests.commodore.damage import damaged, inputs, survives

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def listed(source: str) -> bytes:
    """What scout writes of this machine."""
    import importlib

    module = importlib.import_module(f"scout.live.linux.{source}")
    return b"\n".join(json.dumps(one).encode() for one in ({"schema": f"{source}/1"}, *module.collect())) + b"\n"


@linux
def test_real_processes_with_parent_user_hash_and_a_deleted_executable(tmp_path):
    program = tmp_path / "sleeper"
    shutil.copyfile(shutil.which("sleep"), program)
    program.chmod(0o755)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    with subprocess.Popen([program, "60"]) as child:
        try:
            program.unlink()
            records, problems = survives(live_processes, "/live/processes.jsonl", listed("processes"))
        finally:
            child.kill()
    assert problems == []
    by_pid = {r.fields["process.pid"]: r for r in records}
    mine, its = by_pid[os.getpid()].fields, by_pid[child.pid].fields
    assert (mine["process.parent.pid"], mine["user.id"]) == (os.getppid(), str(os.getuid()))
    assert mine["process.executable"] == str(Path(sys.executable).resolve())
    assert (its["escadre.process.deleted"], its["process.hash.sha256"]) == (True, digest)
    assert (its["process.parent.entity_id"], its["process.args"][1]) == (mine["process.entity_id"], "60")
    assert {r.state for r in records} == {"live"}


@linux
def test_real_sockets_with_the_process_that_holds_them():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            own = client.getsockname()[1]
            records, problems = survives(live_connections, "/live/connections.jsonl", listed("connections"))
    assert problems == []
    mine = [
        r.fields
        for r in records
        if r.fields.get("process.pid") == os.getpid() and port in (r.fields.get("source.port"), r.fields.get("destination.port"))
    ]
    assert {(f["event.action"], f.get("source.port"), f["destination.port"]) for f in mine} == {
        ("socket-listening-observed", None, port),
        ("connection-outbound-observed", own, port),
        ("connection-inbound-observed", own, port),
    }
    assert all(f["destination.ip"] == "127.0.0.1" for f in mine)


def lines(*objects) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in ({"schema": "processes/1"}, *objects))


def test_a_parent_that_started_later_is_not_the_parent():
    records, _ = survives(
        live_processes,
        "/live/processes.jsonl",
        lines(
            {"pid": 5, "ppid": 9, "name": "child", "start": "2026-01-01T00:00:00Z"},
            {"pid": 9, "ppid": 5, "name": "late", "start": "2026-01-02T00:00:00Z"},
        ),
    )
    assert "process.parent.name" not in records[0].fields
    assert records[1].fields["process.parent.name"] == "child"


def test_the_same_pid_at_another_start_is_another_process():
    records, _ = survives(
        live_processes,
        "/live/processes.jsonl",
        lines({"pid": 5, "start": "2026-01-01T00:00:00Z"}, {"pid": 5, "start": "2026-01-02T00:00:00Z"}),
    )
    assert records[0].fields["process.entity_id"] != records[1].fields["process.entity_id"]


def test_values_of_a_wrong_type_are_left_out():
    ((record,), _) = survives(
        live_processes,
        "/live/processes.jsonl",
        lines(
            {
                "pid": 5,
                "ppid": "x",
                "name": ["a"],
                "exe": 7,
                "cmdline": "text",
                "start": None,
                "uid": {},
                "exe_deleted": "yes",
                "threads": "many",
            }
        ),
    )
    assert record.fields["process.pid"] == 5
    assert not {"process.name", "process.executable", "process.start", "escadre.process.deleted"} & set(record.fields)


def test_another_schema_is_read_and_named():
    records, problems = survives(live_processes, "/live/processes.jsonl", b'{"schema": "processes/9"}\n{"pid": 1}\n')
    assert len(records) == 1
    assert "processes/1" in problems[0].reason


@pytest.mark.parametrize("module", [live_processes, live_connections], ids=["processes", "connections"])
def test_damage_is_survived(module):
    for source, data in inputs(module.ARTEFACT.name):
        for bad in damaged(data):
            survives(module, source, bad, adds_up=bool(bad.strip()) and bad.startswith(b"{"))
