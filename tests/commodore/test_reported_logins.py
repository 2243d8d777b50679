"""Lines of authentication logs as distributions and programs write them, which users of other tools reported as not understood.

The expected values follow the texts of the programs' sources: OpenSSH, Linux-PAM, shadow-utils, SUSE's pwdutils, BusyBox, polkit.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.linux.logs import auth_log
from commodore.case.reader import CaseReader
from commodore.engine.process import process
from commodore.evidence import Evidence
from commodore.host import Host

AT = "Mar  4 10:00:01"
UTC_AT = "2026-03-04T10:00:01Z"
SSH = "Accepted password for root from 192.0.2.1 port 5 ssh2"


def read(text: str, source: str = "/var/log/auth.log", mtime: str = "2026-03-05T12:00:00Z", zone: str = "UTC") -> list[dict]:
    evidence = Evidence(source, text.encode(), facts={"mtime": mtime})
    found = list(auth_log.parse(evidence, Host("c", timezone=zone)))
    assert not [item.reason for item in found if isinstance(item, Problem)]
    records = [item.fields for item in found if isinstance(item, Record)]
    assert auth_log.expected(evidence) == len(records)
    return records


@pytest.mark.parametrize(
    ("begin", "when"),
    [
        (f"{AT} web [sshd][7]: ", UTC_AT),  # fail2ban: the tag in brackets
        (f"{AT} [web]: sshd[7]: ", UTC_AT),
        (f"{AT} [web] sshd[7]: ", UTC_AT),  # wazuh 15721
        (f"{AT} web auth.info sshd[7]: ", UTC_AT),  # fail2ban 3730, Alpine
        ("1 2026-03-04T10:00:01.003Z web sshd 7 - - ", "2026-03-04T10:00:01.003Z"),  # RFC 5424 without its priority
        ('<38>1 2026-03-04T10:00:01.003Z web sshd 7 - [timeQuality tzKnown="1"] ', "2026-03-04T10:00:01.003Z"),
        ("Mar  4 10:00:01 2026 web sshd[7]: ", UTC_AT),
        ("Wed Mar  4 10:00:01 2026 web sshd[7]: ", UTC_AT),
        ("Wed Mar  4 10:00:01 web sshd[7]: ", UTC_AT),
        ("Wed 2026-03-04 10:00:01 UTC web sshd[7]: ", UTC_AT),  # journalctl -o short-full
        ("Wed 2026-03-04 11:00:01 CET web sshd[7]: ", UTC_AT),
        ("2026-03-04T11:00:01+0100 WEB sshd[7]: ", UTC_AT),  # journalctl -o short-iso
        ("2026-03-04 11:00:01 WEB sshd[7]: ", UTC_AT),
    ],
)
def test_the_beginning_of_a_line(begin: str, when: str) -> None:
    zone = "Europe/Paris" if " 11:" in begin or "T11:" in begin else "UTC"
    (record,) = read(f"{begin}{SSH}\n", zone=zone)
    assert [record["@timestamp"], record["event.action"], record["user.name"], record["source.ip"], record["process.pid"]] == [
        when,
        "ssh-login",
        "root",
        "192.0.2.1",
        7,
    ]


@pytest.mark.parametrize(
    ("line", "action", "outcome", "names"),
    [
        (
            "sshd[7]: Illegal user foo from ::ffff:192.0.2.49",
            "ssh-user-unknown",
            "failure",
            {"user.name": "foo", "source.ip": "192.0.2.49"},
        ),
        (
            "sshd[7]: pam_faillock(sshd:auth): Consecutive login failures for user eve account temporarily locked",
            "user-locked",
            "success",
            {"user.target.name": "eve"},
        ),
        ("sshd[7]: pam_tally2(sshd:auth): user root (0) tally 5, deny 3", "authentication-failed", "failure", {"user.name": "root"}),
        ("sshd[7]: pam_winbind(sshd:auth): user 'EX\\bob' denied access", "authentication-failed", "failure", {"user.name": "EX\\bob"}),
        ("sshd[7]: pam_winbind(sshd:auth): user 'EX\\bob' granted access", "authentication-succeeded", "success", {"user.name": "EX\\bob"}),
        (
            "polkitd(authority=local): Operator of unix-session:1 successfully authenticated as unix-user:root to gain TEMPORARY "
            "authorization for action org.x for system-bus-name::1.2 [x] (owned by unix-user:alice)",
            "authentication-succeeded",
            "success",
            {"user.name": "alice", "user.effective.name": "root"},
        ),
        (
            "polkitd[5]: Operator of unix-session:1 FAILED to authenticate to gain authorization for action org.x for "
            "system-bus-name::1.2 [x] (owned by unix-user:alice)",
            "authentication-failed",
            "failure",
            {"user.name": "alice"},
        ),
        (
            "useradd[5]: new account added - account=eve, uid=1001, gid=100, home=/home/eve, shell=/bin/bash, by=0",
            "user-created",
            "success",
            {"user.target.name": "eve"},
        ),
        (
            "usermod[5]: account added to group - account=eve, group=wheel, gid=10, by=0",
            "group-member-added",
            "success",
            {"user.target.name": "eve", "group.name": "wheel"},
        ),
        ("userdel[5]: account deleted - account=eve, uid=1001, by=0", "user-deleted", "success", {"user.target.name": "eve"}),
        ("passwd: Password for eve changed by root", "password-changed", "success", {"user.target.name": "eve", "user.name": "root"}),
        ("login[5]: root login on 'ttyS0'", "console-login", "success", {"user.name": "root", "escadre.tty": "ttyS0"}),
        (
            "login[5]: invalid password for 'eve' on 'pts/0' from '192.0.2.7'",
            "console-login",
            "failure",
            {"user.name": "eve", "source.ip": "192.0.2.7"},
        ),
        ("chage[5]: changed password expiry for eve", "user-changed", "success", {"user.target.name": "eve"}),
    ],
)
def test_messages_of_programs(line: str, action: str, outcome: str, names: dict[str, str]) -> None:
    (record,) = read(f"{AT} web {line}\n")
    assert {"event.action": action, "event.outcome": outcome} | names == {
        name: record.get(name) for name in ("event.action", "event.outcome", *names)
    }


MESSAGES = (
    f"{AT} suse kernel: [ 1.0] sshd[7]: x is not the tag of this line\n"
    f"{AT} suse sshd[7]: {SSH}\n"
    "  a line that goes on\n"
    f"{AT} suse named[9]: Accepted a zone\n"
    "  a line that goes on\n"
    f"{AT} suse systemd[1]: pam_unix(systemd-user:session): session opened for user u by (uid=0)\n"
    f"{AT} suse su: (to root) u on pts/0\n"
)


@pytest.mark.parametrize("name", ["messages", "messages-20260305", "messages.1"])
def test_lines_of_a_log_that_all_programs_share(name: str) -> None:
    """SUSE, Alpine and BusyBox have no log of authentications alone."""
    records = read(MESSAGES, f"/var/log/{name}")
    assert [r["event.action"] for r in records if "event.action" in r] == ["ssh-login", "session-opened", "user-switched"]
    assert records[-3]["event.original"].endswith("\n  a line that goes on")
    assert "named" not in {r.get("process.name") for r in records}


@pytest.mark.parametrize(
    ("days", "mtime", "years"),
    [
        (["Feb 28", "Feb 29", "Mar  1"], "2024-03-02T00:00:00Z", [2024, 2024, 2024]),
        (["Feb 29", "Mar  1"], "2026-03-02T00:00:00Z", [2024, 2024]),  # a log of 2024 that was copied later
        (["Dec 31", "Jan  1"], "2026-01-01T12:00:00Z", [2025, 2026]),
        (["Dec 31", "Jan  1", "Feb 29"], "2024-03-01T00:00:00Z", [2023, 2024, 2024]),
    ],
)
def test_years_of_lines_without_one(days: list[str], mtime: str, years: list[int]) -> None:
    """plaso 138, 408, 1114: leap days and New Year"""
    records = read("".join(f"{day} 10:00:01 web sshd[7]: {SSH}\n" for day in days), mtime=mtime)
    assert [int(r["@timestamp"][:4]) for r in records] == years


def _sessions(tmp_path: Path, files: dict[str, str]) -> list[dict]:
    case = _case(tmp_path, files)
    return list(CaseReader(case).records("logons"))


def _case(tmp_path: Path, files: dict[str, str], **options: object) -> Path:
    for name, text in {"etc/hostname": "web\n", "etc/timezone": "UTC\n", **files}.items():
        path = tmp_path / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    process([tmp_path / "web"], tmp_path / "case", workers=1, **options)
    return tmp_path / "case"


FAILED = "sshd[7]: Failed password for root from 192.0.2.9 port 5 ssh2"


def test_a_message_that_rsyslog_counts_is_as_many_failures(tmp_path: Path) -> None:
    """rsyslog, RepeatedMsgReduction: the line of the count stands for all further ones"""
    text = (
        f"2026-03-04T10:00:00Z web {FAILED}\n2026-03-04T10:00:09Z web sshd[7]: message repeated 5 times: [ {FAILED[9:]}]\n"
        "2026-03-04T10:00:20Z web sshd[8]: Accepted password for root from 192.0.2.9 port 6 ssh2\n"
    )
    failed, entered = _sessions(tmp_path, {"var/log/auth.log": text})
    assert (failed["escadre.logon.attempts"], entered["escadre.logon.failures_before"]) == (6, 6)
    titles = {f["rule.name"] for f in CaseReader(tmp_path / "case").findings()}
    assert titles == {"Failed logons, then a success from the same source"}


def test_lines_that_two_logs_have_count_once(tmp_path: Path) -> None:
    """A logger that writes authentications into two files, and a rotated log beside its copy."""
    text = f"2026-03-04T10:00:00Z web {FAILED}\n" * 3 + f"2026-03-04T10:00:05Z web {FAILED}\n"
    logs = dict.fromkeys(("auth.log", "messages", "auth.log.1"), text)
    (failed,) = _sessions(tmp_path, {f"var/log/{name}": lines for name, lines in logs.items()})
    assert failed["escadre.logon.attempts"] == 4


RULE = """
title: A failed login
id: 3f3b1c1e-6a1c-4c7b-9b0e-0a9d0b1f2c3d
logsource: {product: linux, service: sshd}
detection: {keywords: [Failed password], condition: keywords}
level: low
"""


def test_a_finding_counts_a_line_once_however_many_logs_have_it(tmp_path: Path) -> None:
    """As often as the file that has it most often; each line of its own counts, and so does that of another host's log."""
    (tmp_path / "failed.yml").write_text(RULE)
    (tmp_path / "list.txt").write_text("192.0.2.9\n")
    twice, once = f"2026-03-04T10:00:00Z web {FAILED}\n", f"2026-03-04T10:00:05Z web {FAILED}\n"
    logs = {"auth.log": twice * 2 + once, "messages": twice * 3, "auth.log.1": once}
    given = {"rules": [tmp_path / "failed.yml"], "iocs": [tmp_path / "list.txt"], "cache": tmp_path / "cache"}
    case = _case(tmp_path, {f"var/log/{name}": text for name, text in logs.items()}, **given)
    counts = {f["rule.category"]: (f["count"], len(f["escadre.records"])) for f in CaseReader(case).findings()}
    assert counts["sigma"] == (4, 4)
    assert counts["ioc"] == (4, 4)


def test_a_new_account_of_suse_and_its_first_logon_are_a_finding(tmp_path: Path) -> None:
    text = (
        "2026-03-04T10:00:00+01:00 web useradd[5]: new account added - account=eve, uid=1001, gid=100, home=/home/eve, by=0\n"
        "2026-03-04T12:00:00+01:00 web sshd[8]: Accepted password for eve from 192.0.2.9 port 6 ssh2\n"
    )
    (entered,) = _sessions(tmp_path, {"var/log/messages": text})
    assert entered["escadre.logon.account_created"] == "2026-03-04T09:00:00Z"
    (finding,) = CaseReader(tmp_path / "case").findings()
    assert finding["message"] == (
        "The account eve was created at 2026-03-04T09:00:00Z, and somebody logged on with it (ssh) from 192.0.2.9 within a day."
    )


def test_the_first_logon_from_a_source_is_a_finding(tmp_path: Path) -> None:
    lines = [f"2026-03-{day:02}T08:00:00Z web sshd[{day}]: Accepted publickey for bob from 192.0.2.1 port 5 ssh2\n" for day in range(1, 12)]
    lines.append("2026-03-12T03:00:00Z web sshd[99]: Accepted password for bob from 198.51.100.7 port 5 ssh2\n")
    *_, last = _sessions(tmp_path, {"var/log/secure": "".join(lines)})
    assert last["escadre.logon.first_from_source"] and last["source.ip"] == "198.51.100.7"
    (finding,) = CaseReader(tmp_path / "case").findings()
    assert finding["message"] == "bob logged on (ssh) from 198.51.100.7 for the first time."
