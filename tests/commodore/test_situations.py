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


@pytest.mark.parametrize(
    ("files", "name", "version"),
    [  # hostname(5) and os-release(5), and what systems had before them
        ({"etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=o.x\n", "etc/redhat-release": "CentOS 6\n"}, "o.x", "CentOS 6"),
        ({"etc/HOSTNAME": "suse11\n", "etc/SuSE-release": "SUSE LES 11 (x86_64)\nVERSION = 11\n"}, "suse11", "SUSE LES 11 (x86_64)"),
        ({"etc/hostname": "new\n", "etc/HOSTNAME": "old\n", "etc/debian_version": "6.0\n"}, "new", "Debian 6.0"),
        ({"etc/conf.d/hostname": '# x\nhostname="gen1"\n', "etc/alpine-release": "3.9.6\n"}, "gen1", "Alpine Linux 3.9.6"),
    ],
)  # fmt: skip
def test_name_and_version_of_systems_before_systemd(host, files, name, version) -> None:
    files = {"etc/hostname": "", "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/cron.d/a.b": "* * * * * root /dev/shm/x\n"} | files
    case = host(files)
    assert {line["host.name"] for line in records(case, "cron")} == {name}
    assert linux_host.version_of(lambda path: files.get(path, "").encode()) == version
    assert {line.get("escadre.cron.passed_over", False) for line in records(case, "cron")} == {"Debian" in version}


def test_a_system_that_is_made_from_debian_reads_crontabs_as_debian(host) -> None:
    """Pop!_OS, Zorin, elementary: os-release(5), ID_LIKE."""
    release = 'NAME="Pop!_OS"\nPRETTY_NAME="Pop!_OS 22.04 LTS"\nID=pop\nID_LIKE="ubuntu debian"\n'
    case = host({"etc/os-release": release, "etc/cron.d/a.b": "* * * * * root /dev/shm/x\n"})
    assert records(case, "cron")[0]["escadre.cron.passed_over"]


def test_sums_of_packages_of_images_without_dpkg(host) -> None:
    """GoogleContainerTools/distroless: status.d; a name with a blank in Conffiles."""
    status = "Package: x\nConffiles:\n /etc/a b.conf 9e107d9d372bb6826bd81d3542a419d6 obsolete\n"
    case = host({"var/lib/dpkg/status.d/tzdata.md5sums": "d41d8cd98f00b204e9800998ecf8427e  usr/share/x\n", "var/lib/dpkg/status": status})
    assert sorted(r["escadre.package.files"][0] for r in records(case, "dpkg_files")) == ["/etc/a b.conf", "/usr/share/x"]


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [  # systemd.unit(5), Specifiers; systemd.exec(5), BindPaths
        ("etc/systemd/system/a.service", "[Service]\nExecStart=%T/x\n", "/tmp/x lies"),
        ("etc/systemd/system/a.service", "[Service]\nExecStart=%V/x\n", "/var/tmp/x lies"),
        ("etc/systemd/system/a.service", "[Service]\nEnvironment=X=%T/x\nExecStart=/bin/sh ${X}\n", "/tmp/x lies"),
        ("etc/systemd/system/b@dev-shm.service", "[Service]\nExecStart=%f/x\n", "/dev/shm/x lies"),
        ("etc/systemd/system/a.service", "[Service]\nBindPaths=-/dev/shm/e:/usr/bin/id:norbind\nExecStart=/usr/bin/id\n", "is put over"),
        # udev(7): strings with e and i, and quotes with a backslash
        ("etc/udev/rules.d/9.rules", 'RUN{program}+=e"/dev/shm/x\\n"\n', "/dev/shm/x"),
        ("etc/udev/rules.d/9.rules", 'RUN+="/bin/sh -c \\"/dev/shm/x -y\\""\n', "/dev/shm/x lies"),
        # pam.d(5): vendor directories
        ("usr/lib/pam.d/sshd", "auth sufficient pam_permit.so\n", "/usr/lib/pam.d/sshd"),
    ],
)  # fmt: skip
def test_a_finding_rests_on_what_the_program_makes_of_the_text(host, path, text, words) -> None:
    found = [f["message"] for f in CaseReader(host({path: text})).findings() if f["escadre.severity"] == "high"]
    assert any(words in message for message in found)


def test_an_entry_of_another_name_service_in_passwd_is_a_finding(host) -> None:
    """nsswitch.conf(5), compat mode."""
    (finding,) = CaseReader(host({"etc/passwd": "root:x:0:0::/root:/bin/sh\n+::0:0:::\n"})).findings()
    assert "accounts of another name service" in finding["message"]


def test_settings_of_pam_in_etc_are_read_in_place_of_those_of_the_vendor(host) -> None:
    line = "auth sufficient pam_permit.so\n"
    found = CaseReader(host({"usr/lib/pam.d/sshd": line, "etc/pam.d/sshd": "auth required pam_unix.so\n"})).findings()
    assert any("PAM reads /etc/pam.d/sshd in its place" in f["message"] for f in found)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [  # Desktop Entry Specification 1.5; D-Bus Specification, Message Bus Starting Services
        ("etc/xdg/autostart/x.desktop", "[Desktop Entry]\nExec=/bin/true\n[Desktop Action a]\nExec=/dev/shm/x\n", "[Desktop Action a]"),
        ("etc/xdg/autostart/x.desktop", "[Desktop Entry]\nExec=/bin/true\nTryExec=/dev/shm/x\n", "only looked for by TryExec"),
        ("usr/share/dbus-1/system-services/x.service", "[D-BUS Service]\nName=x\n[X]\nExec=/dev/shm/x\n", "the section [X] names"),
        ("etc/pacman.d/hooks/x.hook", "[Trigger]\nTarget=*\n[Action]\nWhen=PostTransaction\nExec=/dev/shm/x\n", ""),
        ("usr/share/dbus-1/system-services/x.service", "[D-BUS Service]\nName=x\nExec=/dev/shm/x\n", ""),
    ],
)
def test_a_command_of_another_section_is_not_told_as_running(host, path: str, text: str, words: str) -> None:
    (finding,) = [f for f in CaseReader(host({path: text})).findings() if f["escadre.severity"] == "high"]
    assert words in finding["message"]
    assert ("nothing starts" in finding["message"] or "only looked" in finding["message"]) == bool(words)
