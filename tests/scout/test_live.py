"""Live state of this very machine, against what the processes, sockets and files that the tests make are known to be."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scout.live.linux import connections, host, kernel_modules, maps, mounts, processes, services, sessions, users
from tests.conftest import PATIENCE, need
from tests.scout.collecting import *  # noqa: F403  (fixtures)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="live sources are for Linux")


def process(pid: int) -> dict:
    (found,) = [one for one in processes.collect() if one["pid"] == pid]
    return found


@pytest.fixture
def sleeper(tmp_path):
    """A copy of sleep that runs from a known folder."""
    program = tmp_path / "my sleep"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "600"], cwd=tmp_path) as child:
        yield child, program
        child.kill()


def test_a_process_is_described_as_it_was_started(sleeper, tmp_path):
    child, program = sleeper
    one = process(child.pid)
    assert (one["ppid"], one["exe"], one["cwd"], one["cmdline"]) == (os.getpid(), str(program), str(tmp_path), [str(program), "600"])
    assert one["exe_sha256"] == hashlib.sha256(program.read_bytes()).hexdigest()
    assert (one["exe_deleted"], one["exe_memfd"], one["uid"], one["gid"]) == (False, False, os.getuid(), os.getgid())
    assert one["user"] == pwd.getpwuid(os.getuid()).pw_name
    assert one["session"] == os.getsid(child.pid)
    assert one["ns_net"] == os.stat("/proc/self/ns/net").st_ino


def test_the_start_of_a_process_is_the_time_it_was_started():
    before = time.time()
    with subprocess.Popen(["sleep", "600"]) as child:
        after = time.time()
        start = datetime.fromisoformat(process(child.pid)["start"])
        child.kill()
    assert start.tzinfo == UTC
    assert before - 2 <= start.timestamp() <= after + 2


def test_a_deleted_executable_is_marked_and_still_hashed(sleeper):
    child, program = sleeper
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    program.unlink()
    one = process(child.pid)
    assert (one["exe"], one["exe_deleted"], one["exe_sha256"]) == (str(program), True, digest)


def test_a_name_that_only_says_deleted_is_not_believed(tmp_path):
    program = tmp_path / "tool (deleted)"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "600"]) as child:
        one = process(child.pid)
        child.kill()
    assert (one["exe"], one["exe_deleted"]) == (str(program), False)


def test_an_executable_that_never_had_a_file_is_marked():
    code = (
        "import os, shutil; fd = os.memfd_create('payload'); os.write(fd, open(shutil.which('sleep'), 'rb').read());"
        "os.execve(fd, ['sleep', '600'], {})"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        deadline = time.monotonic() + PATIENCE
        while "memfd" not in os.readlink(f"/proc/{child.pid}/exe") and time.monotonic() < deadline:
            time.sleep(0.01)
        one = process(child.pid)
        child.kill()
    assert one["exe_memfd"] and one["exe"].startswith("/memfd:payload")
    assert one["exe_sha256"] == hashlib.sha256(Path(shutil.which("sleep")).read_bytes()).hexdigest()


def test_hostile_arguments_are_json(tmp_path):
    program = os.fsencode(shutil.which("sleep"))
    with subprocess.Popen([b"\xff\x1b[2Jname\n", b"600"], executable=program) as child:
        one = process(child.pid)
        child.kill()
    assert one["cmdline"][0] == "\\xff\x1b[2Jname\n"
    assert json.loads(json.dumps(one).encode("utf-8")) == one


def test_the_environment_is_not_taken():
    with subprocess.Popen(["sleep", "600"], env={"TOKEN": "very-secret-value"}) as child:
        assert "very-secret-value" not in json.dumps(process(child.pid))
        child.kill()


def test_mapped_files_of_a_process():
    own = {one["path"]: one for one in maps.of_process(os.getpid()) if "path" in one}
    assert "x" in own[str(Path(sys.executable).resolve())]["perms"]
    libc = next(path for path in own if "libc.so" in path)
    assert own[libc]["inode"] == os.stat(libc).st_ino and not own[libc]["deleted"]


def test_sockets_have_their_process():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = server.getsockname()[1]
        mine = [
            one for one in connections.collect() if port in (one.get("local_port"), one.get("remote_port")) and one["protocol"] == "tcp"
        ]
        listening = next(one for one in mine if one["state"] == "LISTEN")
        assert (listening["local_ip"], listening["local_port"], listening["pid"], listening["listening"]) == (
            "127.0.0.1",
            port,
            os.getpid(),
            True,
        )
        assert listening["inode"] == os.fstat(server.fileno()).st_ino
        out = next(one for one in mine if one.get("inode") == os.fstat(client.fileno()).st_ino)
        assert (out["state"], out["remote_ip"], out["remote_port"], out["local_port"]) == (
            "ESTABLISHED",
            "127.0.0.1",
            port,
            client.getsockname()[1],
        )


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("0100007F:0016", ("127.0.0.1", 22)),
        ("00000000000000000000000001000000:01BB", ("::1", 443)),
        ("0000000000000000FFFF00000100007F:0050", ("127.0.0.1", 80)),
    ],
)
def test_addresses_of_proc_net_on_a_little_endian_machine(raw, address):
    need(sys.byteorder == "little", "a little endian machine")
    assert connections.address(raw) == address


def test_accounts_are_those_of_the_system():
    found = {one["name"]: one for one in users.collect()}
    for known in pwd.getpwall():
        if known.pw_name in found:
            one = found[known.pw_name]
            assert (one["uid"], one["gid"], one["home"], one["shell"]) == (known.pw_uid, known.pw_gid, known.pw_dir, known.pw_shell)
    assert found["root"]["uid"] == 0
    assert "$" not in json.dumps(list(found.values()))


def test_mounts_are_those_of_the_system():
    found = {(one["point"], one["fstype"]): one for one in mounts.collect()}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point, fstype = line.split()[1:3]
        assert (point, fstype) in found
    assert not found["/proc", "proc"]["entered"] and "pseudo" in found["/proc", "proc"]["why_not"]


def test_modules_are_those_that_lsmod_reads():
    table = Path("/proc/modules")
    listed = {line.split()[0] for line in table.read_text().splitlines()} if table.exists() else set()
    assert {one["name"] for one in kernel_modules.collect() if one["in_proc"]} == listed


def test_host_says_what_uname_says():
    (one,) = host.collect()
    assert (one["name"], one["kernel"], one["machine"]) == (os.uname().nodename, os.uname().release, os.uname().machine)
    assert one["booted"] < one["taken"]


def test_sessions_of_logind_files(tmp_path):
    (tmp_path / "3").write_text(
        "# private\nUID=1000\nUSER=agnes\nACTIVE=1\nSTATE=active\nREMOTE=1\nTTY=pts/0\nREMOTE_HOST=198.51.100.7\nTYPE=tty\n"
        "SERVICE=sshd\nLEADER=812\nREALTIME=1700000000123456\n"
    )
    assert list(sessions.logind(str(tmp_path))) == [
        {
            "source": "logind",
            "session": "3",
            "user": "agnes",
            "terminal": "pts/0",
            "host": "198.51.100.7",
            "state": "active",
            "type": "tty",
            "service": "sshd",
            "uid": 1000,
            "pid": 812,
            "started": "2023-11-14T22:13:20.12Z",
            "remote": True,
        }
    ]
    assert list(sessions.logind(str(tmp_path / "none"))) == []


def test_units_have_their_file_and_what_enables_them(tmp_path):
    admin, vendor = tmp_path / "etc", tmp_path / "lib"
    (admin / "multi-user.target.wants").mkdir(parents=True)
    vendor.mkdir()
    (vendor / "ssh.service").write_text("[Service]\n")
    (vendor / "getty@.service").write_text("[Service]\n")
    (admin / "ssh.service").write_text("[Service]\n")
    (admin / "multi-user.target.wants/ssh.service").symlink_to("/lib/ssh.service")
    folders = (str(admin), str(vendor))
    assert services.file_of("ssh.service", folders) == str(admin / "ssh.service")
    assert services.file_of("getty@tty1.service", folders) == str(vendor / "getty@.service")
    assert services.file_of("ghost.service", folders) == ""
    assert services.enabling(folders) == {"ssh.service": [str(admin / "multi-user.target.wants/ssh.service")]}


def test_live_state_goes_into_the_archive(collected):
    archive = collected(None, "--targets", "LL")
    assert archive.names[0] == "collection.json"
    for source in ("processes", "maps", "connections", "host", "users", "sessions", "mounts", "kernel_modules", "services"):
        lines = (archive.tree / f"live/{source}.jsonl").read_text().splitlines()
        assert json.loads(lines[0]) == {"schema": f"{source}/1"}
        assert all(isinstance(json.loads(line), dict) for line in lines)
    found = [json.loads(line) for line in (archive.tree / "live/processes.jsonl").read_text().splitlines()[1:]]
    assert os.getpid() in [one["pid"] for one in found]
    assert archive.document("collection.json")["host"]["name"] == os.uname().nodename


def test_what_an_account_may_not_look_at_is_said():
    need(os.geteuid() == 0, "root")
    # looked at once as root, so that all is imported: the interpreter may lie where others may not read
    code = """import json, os
from scout.live.linux import processes
list(processes.collect())
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
print(json.dumps(list(processes.collect())))"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    (seen,) = [one for one in json.loads(done.stdout) if one["pid"] == os.getpid()]
    assert seen["unreadable"] == ["exe", "cwd", "root"]
    assert "exe" not in seen
    assert "unreadable" not in process(os.getpid())


def test_an_account_whose_name_field_has_a_form_feed_is_listed(tmp_path):
    (tmp_path / "passwd").write_text("a:x:1:1:form\x0cfeed\u2028:/a:/bin/sh\nb:x:²:1::/b:/bin/sh\nc:x:3:3::/c:/bin/sh\n")
    (tmp_path / "group").write_text("g:x:1:\n")
    assert [one["name"] for one in users.accounts(str(tmp_path / "passwd"), str(tmp_path / "group"))] == ["a", "c"]


def test_a_mapped_file_with_a_form_feed_in_its_name_keeps_its_name(tmp_path):
    import mmap

    path = tmp_path / "lib\x0cx\u2028.so"
    path.write_bytes(bytes(4096))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        assert str(path) in [one.get("path") for one in maps.of_process(os.getpid())]


def test_a_live_source_that_breaks_costs_itself_and_nothing_more(root, collected, monkeypatch):
    def broken():
        yield {"user": "first"}
        raise ValueError("year 318857 is out of range")

    monkeypatch.setattr(sessions, "collect", broken)
    archive = collected(None, "--targets", "LL06")
    assert (archive.verdict("live/sessions.jsonl"), archive.verdict("live/users.jsonl")) == ("error", "taken")
    assert archive.content("live/sessions.jsonl").count(b"\n") == 2
