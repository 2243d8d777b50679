"""Marks of transport in text artefacts: each is read as the program on the host reads it, and what that program would not run is marked.

The expected values follow the sources that `commodore/readers/lines.py` names, not the code under test.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.linux.files import authorized_keys, cron, ld_so_preload, systemd_units
from commodore.artefacts.linux.logs import auth_log
from commodore.artefacts.windows.files import scheduled_tasks
from commodore.evidence import Evidence
from commodore.facts import linux
from commodore.host import Host

BOM = b"\xef\xbb\xbf"
UNIT = b"[Service]\nExecStart=/opt/a \\\n  -x\nUser=u\n"
TABLE = b"* * * * * root /opt/a\n1 * * * * root /opt/b\n"
KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a\n"
KEYS = KEY + KEY.replace(b" a\n", b"\n")
LIBRARIES = b"/lib/a.so\n/lib/b.so\n"
LOG = (
    b"Oct 31 10:00:00 web sshd[1]: Failed password for root from 192.0.2.1 port 5 ssh2\n"
    b"Oct 31 10:00:01 web sshd[1]: Accepted password for root from 192.0.2.1 port 5 ssh2\n"
)
TASK = (
    '<?xml version="1.0"?>\n<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n<Actions><Exec>\n'
    "<Command>C:\\a.exe</Command></Exec></Actions>\n</Task>\n"
)


def read(module, data: bytes, source: str) -> tuple[list[dict], list[Problem]]:
    items = list(module.parse(Evidence(source, data, facts={"mtime": "2026-10-31T20:00:00Z"}), Host("c", timezone="UTC")))
    return [i.fields for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Problem)]


def unit(data: bytes) -> tuple[list[str], str | None]:
    (fields,), _ = read(systemd_units, data, "/etc/systemd/system/a.service")
    return fields.get("escadre.systemd.exec", []), fields.get("user.name")


@pytest.mark.parametrize(
    "data",
    [
        UNIT,
        UNIT.replace(b"\n", b"\r\n"),
        UNIT.replace(b"\n", b"\r"),
        UNIT.replace(b"\n", b"\n\r"),
        UNIT.replace(b"\n", b"\0"),
        UNIT.rstrip(b"\n"),
        BOM + UNIT,
        UNIT + bytes(512),
        b"# caf\xe9\n" + UNIT,
    ],
)
def test_systemd_reads_the_same_unit(data):
    assert unit(data) == (["ExecStart=/opt/a  -x"], "u")


def test_systemd_reads_nothing_in_utf_16():
    assert unit(UNIT.decode().encode("utf-16-le")) == ([], None)


REFUSED = {
    "utf-16": UNIT.decode().encode("utf-16"),
    "latin": UNIT + b"Description=caf\xe9\n",
    "section": UNIT.replace(b"[Service]", b"[Service"),
    "behind": UNIT.replace(b"[Service]", b"[Service]x"),
}
UNKNOWN = {"vertical tab": UNIT.replace(b"ExecStart", b"\x0bExecStart"), "hard blank": UNIT.replace(b"ExecStart", b"\xc2\xa0ExecStart")}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_makes_systemd_refuse_a_unit_is_said(data):
    (fields,), problems = read(systemd_units, data, "/etc/systemd/system/a.service")
    assert fields["event.reason"] and "systemd refuses the file" in problems[-1].reason


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_white_space_that_systemd_does_not_know_belongs_to_the_name(data):
    assert unit(data) == ([], "u")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("data", [*REFUSED.values(), *UNKNOWN.values()], ids=[*REFUSED, *UNKNOWN])
def test_systemd_itself_loads_no_such_unit(data, tmp_path):
    (tmp_path / "a.service").write_bytes(data.replace(b"/opt/a", b"/bin/true"))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "a.service"], capture_output=True, check=False, text=True, errors="replace"
    )
    assert "failed to load properly" in ran.stderr or "has a bad unit file setting" in ran.stderr


def test_a_drop_in_is_read_up_to_the_line_that_systemd_refuses():
    data = b"[Service]\nExecStartPre=/opt/a\nDescription=\xe9\nExecStartPre=/opt/b\n"
    (fields,), problems = read(systemd_units, data, "/etc/systemd/system/a.service.d/x.conf")
    assert fields["escadre.systemd.exec"] == ["ExecStartPre=/opt/a"] and "reads no further" in problems[-1].reason
    assert "Service.ExecStartPre=/opt/b" in fields["escadre.systemd.passed_over"]


def test_a_mark_of_byte_order_within_a_unit_is_skipped_once():
    assert unit(UNIT.replace(b"User", BOM + b"User")) == (["ExecStart=/opt/a  -x"], "u")


@pytest.mark.parametrize(
    ("text", "passed_over"),
    [
        ("[X-Old]\nExecStart=/opt/x\n", ["X-Old.ExecStart=/opt/x"]),
        ("[service]\nExecStart=/opt/x\n", ["service.ExecStart=/opt/x"]),
        ("[Timer]\nOnCalendar=daily\n", ["Timer.OnCalendar=daily"]),
        ("[Unit]\nExecStart=/opt/x\nEnvironment=LD_PRELOAD=/x.so\n", ["Unit.ExecStart=/opt/x", "Unit.Environment=LD_PRELOAD=/x.so"]),
    ],
)
def test_settings_that_systemd_ignores_are_not_told_as_running(text, passed_over):
    (fields,), _ = read(systemd_units, b"[Service]\nExecStart=/opt/a\n" + text.encode(), "/etc/systemd/system/a.service")
    assert fields["escadre.systemd.exec"] == ["ExecStart=/opt/a"]
    assert fields["escadre.systemd.passed_over"] == passed_over
    assert not {"escadre.trigger", "process.env_vars"} & fields.keys()


def jobs(data: bytes) -> list[tuple[str, bool]]:
    records, _ = read(cron, data, "/etc/crontab")
    return [(r["process.command_line"], "escadre.cron.passed_over" in r) for r in records]


@pytest.mark.parametrize("data", [TABLE, TABLE + b"# caf\xe9\n", TABLE + b"# no end", b"\n" + TABLE])
def test_cron_reads_the_same_table(data):
    assert jobs(data) == [("/opt/a", False), ("/opt/b", False)]


def test_cron_refuses_an_entry_without_a_line_end():
    assert jobs(TABLE.rstrip(b"\n")) == [("/opt/a", False), ("/opt/b", True)]
    assert "without a line feed" in read(cron, TABLE.rstrip(b"\n"), "/etc/crontab")[1][0].reason


def test_cron_leaves_a_carriage_return_in_the_line():
    records, _ = read(cron, TABLE.replace(b"\n", b"\r\n"), "/etc/crontab")
    assert [r["escadre.line"] for r in records] == ["* * * * * root /opt/a\r", "1 * * * * root /opt/b\r"]


@pytest.mark.parametrize("data", [BOM + TABLE, TABLE.replace(b"\n", b"\r"), TABLE.decode().encode("utf-16")])
def test_lines_that_cron_cannot_read_are_told(data):
    records, problems = read(cron, data, "/etc/crontab")
    assert len(records) < 2
    assert problems or any(r.get("escadre.line_hidden") for r in records)


@pytest.mark.parametrize("data", [KEYS, KEYS.replace(b"\n", b"\r\n"), KEYS.rstrip(b"\n"), KEYS + bytes(64), b"# \xe9\n" + KEYS])
def test_sshd_reads_the_same_keys(data):
    records, _ = read(authorized_keys, data, "/root/.ssh/authorized_keys")
    assert [(r["escadre.ssh.key_type"], r["escadre.ssh.comment"]) for r in records] == [("ssh-ed25519", "a"), ("ssh-ed25519", "")]


def test_a_mark_of_byte_order_spoils_the_first_key():
    records, problems = read(authorized_keys, BOM + KEYS, "/root/.ssh/authorized_keys")
    assert len(records) == 1
    assert "sshd ignores the line" in problems[0].reason


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (LIBRARIES, ["/lib/a.so", "/lib/b.so"]),
        (LIBRARIES.rstrip(b"\n"), ["/lib/a.so", "/lib/b.so"]),
        (LIBRARIES.replace(b"\n", b"\r\n"), ["/lib/a.so\r", "/lib/b.so\r"]),
        (BOM + LIBRARIES, ["\ufeff/lib/a.so", "/lib/b.so"]),
    ],
)
def test_ld_so_takes_marks_as_part_of_the_name(data, names):
    assert [r["dll.path"] for r in read(ld_so_preload, data, "/etc/ld.so.preload")[0]] == names


@pytest.mark.parametrize(
    "data", [LOG, LOG.replace(b"\n", b"\r\n"), LOG.rstrip(b"\n"), BOM + LOG, LOG + bytes(64), LOG.replace(b"\nO", b"\n\0\0O")]
)
def test_a_log_says_the_same(data):
    evidence = Evidence("/var/log/auth.log", data)
    records, _ = read(auth_log, data, "/var/log/auth.log")
    assert [(r["@timestamp"], r["event.outcome"]) for r in records] == [
        ("2026-10-31T10:00:00Z", "failure"),
        ("2026-10-31T10:00:01Z", "success"),
    ]
    assert auth_log.expected(evidence) == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_scheduler_reads_the_same_task(end, encoding):
    (fields,), problems = read(scheduled_tasks, TASK.replace("\n", end).encode(encoding), "C:\\Windows\\System32\\Tasks\\T")
    assert (fields["process.command_line"], problems) == ("C:\\a.exe", [])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_homes_of_accounts(end):
    data = end.join([b"root:x:0:0::/root:/bin/sh", b"u:x:1000:1000::/home/u:/bin/sh"])
    facts = linux.facts(lambda path: Evidence("/" + path, data) if path == "etc/passwd" else None)
    assert facts["profiles"] == {"root": "/root", "u": "/home/u"}
