"""Further situations that users of comparable tools reported in public: lines of logs, zones, roots, names.

What is right comes from the program that writes or reads such a file, or from the format; each case names the report or the text.
"""

from __future__ import annotations

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.linux.logs import auth_log
from commodore.case.reader import CaseReader
from commodore.engine import roots
from commodore.evidence import Evidence
from commodore.host import Host
from scout.formats import linux_host
from tests.commodore.cases import records
from tests.commodore.reported import *  # noqa: F403  (a fixture)

FAILED = "sshd[1]: Failed password for bob from 198.51.100.7 port 2 ssh2"
WHEN = "Feb 21 11:00:0"


def read(text: str, name: str = "auth.log") -> tuple[list[dict], list[Problem], int]:
    """Records and problems of a log, and how many records it promises."""
    evidence = Evidence(f"/var/log/{name}", text.encode(), facts={"mtime": "2026-02-21T12:00:00Z"})
    items = list(auth_log.parse(evidence, Host("c", timezone="UTC")))
    promised = auth_log.expected(evidence)
    return [i.fields for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Problem)], promised


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # rsyslog, RSYSLOG_SyslogProtocol23Format; RFC 5424 section 6.4: a message in UTF-8 begins with a BOM
        ("<38>1 2026-02-21T11:00:00Z w sshd 7 - [m x=\"\\]\"] \ufeffAccepted password for bob from 10.0.0.1 port 2", {"user.name": "bob"}),
        # journalctl(1), short-unix
        (f"1771671600.123456 w {FAILED}", {"@timestamp": "2026-02-21T11:00:00.123456Z", "user.name": "bob"}),
        ("2026-02-21T11:00:00Z w sudo: bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id", {"user.name": "bob"}),
        # sudo, logging.c: `sudo -g` names no user
        (
            f"{WHEN}0 w sudo: bob : TTY=pts/0 ; PWD=/ ; GROUP=docker ; COMMAND=/bin/id",
            {"user.name": "bob", "group.name": "docker", "message": "bob ran `/bin/id` in the group docker with sudo."},
        ),
        # sssd, pam_sss.c; Linux-PAM, pam_access.c, pam_wheel.c, pam_listfile.c, pam_unix_acct.c
        (f"{WHEN}0 w sshd[5]: pam_sss(sshd:account): Access denied for user bob: 6 (Permission denied)", {"user.name": "bob"}),
        (f"{WHEN}0 w sshd[5]: pam_access(sshd:account): access denied for user `bob' from `10.0.0.5'", {"source.ip": "10.0.0.5"}),
        (f"{WHEN}0 w su[5]: pam_wheel(su:auth): Access denied to 'bob' for 'root'", {"user.effective.name": "root"}),
        (f"{WHEN}0 w vsftpd[5]: pam_listfile(vsftpd:auth): Refused user root for service vsftpd", {"user.name": "root"}),
        (f"{WHEN}0 w sshd[5]: pam_unix(sshd:account): account carl has expired (account expired)", {"user.name": "carl"}),
        (f"{WHEN}0 w sshd[5]: pam_unix(sshd:account): expired password for user dora (root enforced)", {"user.name": "dora"}),
    ],
)  # fmt: skip
def test_a_line_says_who_did_what(line: str, expected: dict[str, str]) -> None:
    (found,), problems, promised = read(f"{line}\n")
    assert {name: found.get(name) for name in expected} == expected
    assert (problems, promised) == ([], 1)
    if "pam_" in line:
        assert found["event.outcome"] == "failure"


@pytest.mark.parametrize(
    "again",
    [
        "w last message repeated 5 times",  # sysklogd, syslogd.c
        "last message repeated 5 times",  # rsyslog 3 to 5
        "w --- last message repeated 5 times ---",  # syslogd of FreeBSD and macOS
        "w sshd[1]: Last message 'Failed password for bob from 198.51.100.7 port 2 ssh2' repeated 5 times, suppressed by syslog-ng on w",
        "w sshd[1]: message repeated 5 times: [ Failed password for bob from 198.51.100.7 port 2 ssh2]",  # rsyslog
    ],
)
@pytest.mark.parametrize("name", ["auth.log", "messages"])
def test_a_line_that_counts_repetitions_is_of_the_message_before(again: str, name: str) -> None:
    other = f"{WHEN}8 w kernel: x\n{WHEN}9 w last message repeated 7 times\n" if name == "messages" else ""
    found, problems, promised = read(f"{WHEN}0 w {FAILED}\n{WHEN}5 {again}\n{other}", name)
    assert [(r["source.ip"], r.get("escadre.repeated")) for r in found] == [("198.51.100.7", None), ("198.51.100.7", 5)]
    assert (problems, promised) == ([], 2)


def test_what_journalctl_says_about_the_journal_is_of_no_entry() -> None:
    text = f"-- Logs begin at Sat 2026-02-21 10:00:00 UTC, end at Sat 2026-02-21 12:00:00 UTC. --\n{WHEN}0 w {FAILED}\n-- Reboot --\n"
    (found,), problems, promised = read(f"{text}-- Boot {'0a' * 16} --\n{WHEN}1 w {FAILED}\n"[: len(text)])
    assert found["event.original"] == f"{WHEN}0 w {FAILED}"
    assert (problems, promised) == ([], 1)


PARIS = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.mark.parametrize(
    ("links", "files", "zone"),
    [  # localtime(5); tz of Red Hat 6 and SUSE; OpenWrt, /etc/TZ; Ubuntu Core, writable paths
        ({"etc/localtime": "writable/localtime", "etc/writable/localtime": "/usr/share/zoneinfo/Asia/Tokyo"}, {}, "Asia/Tokyo"),
        ({"etc/localtime": "/etc/zoneinfo/Asia/Tokyo"}, {"etc/timezone": "Europe/Paris"}, "Asia/Tokyo"),
        ({}, {"etc/sysconfig/clock": 'UTC=true\nZONE="Asia/Tokyo"\n'}, "Asia/Tokyo"),
        ({}, {"etc/sysconfig/clock": 'HWCLOCK="-u"\nTIMEZONE="Asia/Tokyo"\n'}, "Asia/Tokyo"),
        ({}, {"etc/sysconfig/clock": '# ZONE="Asia/Tokyo"\n'}, ""),
        ({}, {"etc/TZ": "JST-9\n"}, "+09:00"),
        ({}, {"etc/TZ": ":Asia/Tokyo\n"}, "Asia/Tokyo"),
        ({}, {"etc/TZ": "nonsense"}, ""),
    ],
)
def test_where_a_host_keeps_its_zone(links: dict[str, str], files: dict[str, str], zone: str) -> None:
    found = linux_host.zone_of(lambda path: links.get(path, ""), lambda path: files.get(path, "").encode())
    assert found.name == zone
    assert bool(found.conflict) == ("etc/timezone" in files)


def test_a_rule_of_summer_time_is_that_of_a_zone_which_follows_it(host) -> None:
    line = "Jul  1 12:00:00 w sshd[1]: Accepted password for bob from 10.0.0.1 port 2 ssh2\n"
    case = host({"var/log/auth.log": line, "etc/TZ": PARIS}, written="2025-07-01T18:00:00Z")
    assert [r["@timestamp"] for r in records(case, "auth_log")] == ["2025-07-01T10:00:00Z"]


def test_a_download_of_a_hunt_has_a_host_per_client(tmp_path) -> None:
    """Velociraptor: clients/<client>/collections/<flow>/uploads/auto/C%3A/…"""
    for client in ("C.1", "C.2"):
        folder = tmp_path / f"clients/{client}/collections/F.9/uploads/auto/C%3A/Windows/System32"
        folder.mkdir(parents=True)
    assert len(roots.find(tmp_path)) == 2


@pytest.mark.parametrize("name", ["home/j\udcfcrgen/.bashrc", "etc/profile.d/a\\b.sh", "etc/profile.d/\udcff.sh"])
def test_a_backslash_in_a_name_of_linux_makes_it_no_path_of_windows(host, name: str) -> None:
    """Names in Latin-1 are shown with escapes; `systemd-escape` makes names with backslashes."""
    (finding,) = [f for f in CaseReader(host({name: "/dev/shm/x &\n"})).findings() if f["escadre.severity"] == "high"]
    assert "/dev/shm/x" in finding["message"]
