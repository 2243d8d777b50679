"""Files that the program of their folder leaves alone: held against these programs where they are installed, else against their sources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.artefacts.linux.files import cron, startup_files
from commodore.engine.plain import PlainFile, rights_kept
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.persistence.judge import PersistenceJudge
from commodore.persistence.overridden import overridden, without_commands
from commodore.readers.unread_files import why_unread
from scout.formats.linux_paths import one_path
from tests.conftest import need

HOST = Host("c", os="linux")
NAMES = (
    "plain",
    "a_b-9",
    "name.conf",
    "name.sh",
    ".hidden",
    "x~",
    "x.bak",
    "x.dpkg-old",
    "x.dpkg-dist",
    "x.rpmsave",
    "x,v",
    "x.disabled",
    "é",
)
ROOTS = {"mode": "0755", "uid": 0, "gid": 0, "nlink": 1}


def reason(source: str, data: bytes = b"x\n", host: Host = HOST, **facts: object) -> str:
    return why_unread(Evidence(source, data, facts=ROOTS | facts), host)


def folder(place: Path, content: str, mode: int = 0o755) -> Path:
    place.mkdir()
    for name in NAMES:
        (place / name).write_text(content.replace("NAME", f"n{NAMES.index(name)}"))
        (place / name).chmod(mode)
    return place


def ran(*command: object, ok: bool = True, **more: str) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=ok, env=dict(os.environ) | more)
    return done.stdout + done.stderr


def test_run_parts_runs_what_is_not_passed_over(tmp_path: Path) -> None:
    need(shutil.which("run-parts") is not None, "run-parts of debianutils")
    place = folder(tmp_path / "d", "#!/bin/sh\n")
    (place / "plain").chmod(0o644)
    theirs = {Path(line).name for line in ran("run-parts", "--test", place).split("\n") if line}
    modes = {name: f"{(place / name).stat().st_mode & 0o7777:04o}" for name in NAMES}
    assert theirs == {name for name in NAMES if not reason(f"/etc/update-motd.d/{name}", mode=modes[name])}
    assert reason("/etc/update-motd.d/plain", mode="0644") == "run-parts runs no file that nobody may execute (mode 0644)"


def test_sudo_reads_what_is_not_passed_over(tmp_path: Path) -> None:
    need(shutil.which("cvtsudoers") is not None, "cvtsudoers of sudo")
    place = folder(tmp_path / "d", "NAME ALL=(ALL) ALL\n", 0o440)
    (tmp_path / "sudoers").write_text(f"@includedir {place}\n")
    read = json.loads(ran("cvtsudoers", "-f", "json", tmp_path / "sudoers"))
    theirs = {user["username"] for spec in read["User_Specs"] for user in spec["User_List"]}
    assert theirs == {f"n{NAMES.index(name)}" for name in NAMES if not reason(f"/etc/sudoers.d/{name}", mode="0440")}


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        ({"mode": "0440"}, True),
        ({"mode": "0644"}, True),
        ({"mode": "0666"}, False),
        ({"mode": "0460"}, True),  # the group of root may write
        ({"mode": "0460", "gid": 1000}, False),
        ({"mode": "0440", "uid": 1000}, False),
    ],
)
def test_sudo_takes_no_file_that_others_may_change(facts: dict[str, object], taken: bool) -> None:
    """sudo 1.9.13, sudo_check_secure()"""
    assert (reason("/etc/sudoers.d/x", **facts) == "") is taken


def test_logrotate_reads_what_is_not_passed_over(tmp_path: Path) -> None:
    need(shutil.which("logrotate") is not None and os.geteuid() == 0, "logrotate, as root")
    place = folder(tmp_path / "d", f"{tmp_path}/NAME.log {{\n  missingok\n  weekly\n}}\n", 0o644)
    (place / "plain").chmod(0o664)
    os.chown(place / "a_b-9", 1000, 0)
    (tmp_path / "conf").write_text(f"include {place}\n")
    (tmp_path / "conf").chmod(0o644)
    said = ran("logrotate", "-d", "-s", tmp_path / "state", tmp_path / "conf", ok=False)
    theirs = {name for name in NAMES if f"rotating pattern: {tmp_path}/n{NAMES.index(name)}.log" in said}
    ours = set()
    for name in NAMES:
        status = (place / name).stat()
        if not reason(f"/etc/logrotate.d/{name}", mode=f"{status.st_mode & 0o7777:04o}", uid=status.st_uid, gid=status.st_gid):
            ours.add(name)
    assert theirs == ours and "name.conf" in ours


def test_apt_reads_what_is_not_passed_over(tmp_path: Path) -> None:
    need(shutil.which("apt-config") is not None, "apt-config of apt")
    place = folder(tmp_path / "d", 'X::NAME "y";\n', 0o644)
    (tmp_path / "conf").write_text(f'Dir::Etc::parts "{place}";\n')
    said = ran("apt-config", "dump", APT_CONFIG=str(tmp_path / "conf"))
    theirs = {name for name in NAMES if f"X::n{NAMES.index(name)} " in said}
    assert theirs == {name for name in NAMES if not reason(f"/etc/apt/apt.conf.d/{name}", mode="0644")}


def test_sshd_takes_the_first_value_and_that_of_a_block(tmp_path: Path) -> None:
    need(shutil.which("sshd") is not None and shutil.which("ssh-keygen") is not None and os.geteuid() == 0, "sshd, as root")
    text = (
        "PermitRootLogin no\npermitrootlogin yes\nAcceptEnv A\nAcceptEnv B\nMatch User bob\n  PermitEmptyPasswords yes\n"
        "  PermitEmptyPasswords no\nMatch all\nPermitTunnel yes\n"
    )
    ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    (tmp_path / "conf").write_text(f"HostKey {tmp_path}/key\n{text}")
    Path("/run/sshd").mkdir(exist_ok=True)
    sshd = shutil.which("sshd")
    entries = list(startup_files.parse(Evidence("/etc/ssh/sshd_config", text.encode(), facts=ROOTS | {"mode": "0644"}), HOST))
    lines = [r.fields for r in entries if isinstance(r, Record)]
    for user in ("alice", "bob"):
        theirs = set(ran(sshd, "-T", "-f", tmp_path / "conf", "-C", f"user={user},host=h,addr=192.0.2.1").lower().split("\n"))
        used = [
            r for r in lines if "escadre.startup.passed_over" not in r and r.get("escadre.scope", "Match User bob") == f"Match User {user}"
        ]
        used += [r for r in lines if "escadre.startup.passed_over" not in r and "escadre.scope" not in r and user == "alice"]
        for record in used:
            (setting,) = record["escadre.settings"]
            key, _, value = setting.lower().partition("=")
            assert key == "match" or f"{key} {value}" in theirs
    said = {r["escadre.line_number"]: r["escadre.startup.passed_over"] for r in lines if "escadre.startup.passed_over" in r}
    assert said == {2: "sshd takes the value of line 1", 7: "sshd takes the value of line 6"}


ENTRY = "[Desktop Entry]\nType=Application\nExec=/opt/a\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENTRY, ""),
        (ENTRY + "Hidden=true\n", "desktops do not start an entry with Hidden=true"),
        (ENTRY + "[X-Other]\nHidden=true\n", ""),
        (ENTRY + "#Hidden=true\n", ""),
        (ENTRY + "OnlyShowIn=KDE;XFCE;\n", "only these desktops start it: KDE;XFCE;"),
        (ENTRY + "X-GNOME-Autostart-enabled=false\r\n", "GNOME does not start an entry with X-GNOME-Autostart-enabled=false"),
    ],
)
def test_a_desktop_entry_that_is_switched_off_says_so(text: str, said: str) -> None:
    """Desktop Application Autostart Specification 0.5; a key counts in its own group alone."""
    assert reason("/home/u/.config/autostart/a.desktop", text.encode(), mode="0644") == said


@pytest.mark.parametrize(
    ("source", "facts", "said"),
    [
        ("/etc/rc.local", {"mode": "0644"}, "systemd runs no file that nobody may execute (mode 0644)"),
        ("/etc/rc.local", {}, ""),
        ("/etc/init.d/ssh.dpkg-old", {}, "systemd passes over this name"),
        ("/etc/init.d/ssh", {"mode": "0600"}, "systemd runs no file that nobody may execute (mode 0600)"),
        ("/etc/periodic/daily/a.sh", {}, ""),  # run-parts of BusyBox takes dots
        ("/etc/profile.d/a.txt", {}, "the shell passes over names that do not end as a script of a shell"),
        ("/etc/crontabs/root.bak", {}, "crond of BusyBox passes over names with a dot"),
        ("/var/spool/cron/atjobs/a0000301d7c5a0", {"mode": "0600"}, "atd runs no file that nobody may execute (mode 0600)"),
        ("/etc/pam.d/sshd.dpkg-dist", {}, "PAM, unless a rule includes the file, passes over this name"),
        ("/etc/NetworkManager/dispatcher.d/10-x", {"mode": "0775"}, "NetworkManager takes no file that others may write (mode 0775)"),
        ("/usr/lib/systemd/system-sleep/x", {"mode": "0644"}, "systemd runs no file that nobody may execute (mode 0644)"),
        ("/etc/grub.d/README", {}, "update-grub passes over this name"),
    ],
)
def test_what_the_program_of_a_folder_leaves_alone(source: str, facts: dict[str, object], said: str) -> None:
    assert reason(source, **facts) == said


def test_a_script_that_nothing_runs_is_told_so_in_its_finding() -> None:
    data = b"#!/bin/sh\n/dev/shm/.x/run &\n"
    records = list(startup_files.parse(Evidence("/etc/rc.local", data, facts=ROOTS | {"mode": "0644"}), HOST))
    (line,) = [r.fields for r in records if "escadre.line" in r.fields and "/dev/shm" in r.fields["escadre.line"]]
    (found,) = PersistenceJudge().entries(line | {"event.dataset": "startup_files"}, HOST)
    assert "(systemd runs no file that nobody may execute (mode 0644))" in found.judgement.reason
    assert found.judgement.severity == "high"


TABLE = b"* * * * * root /opt/a\n"
DEBIAN, FEDORA = (Host("c", os="linux", os_version=v, users={"0": "root", "1000": "u"}) for v in ("Debian GNU/Linux 12", "Fedora Linux 42"))


@pytest.mark.parametrize(
    ("source", "facts", "debian", "fedora"),
    [
        ("/etc/cron.d/a", {"mode": "0644"}, True, True),
        ("/etc/cron.d/a", {"mode": "0755"}, True, False),  # cronie: BAD FILE MODE
        ("/etc/cron.d/a", {"mode": "0664"}, False, False),
        ("/etc/cron.d/a", {"mode": "0644", "uid": 1000}, False, False),
        ("/etc/crontab", {"mode": "0644", "nlink": 2}, False, True),
        ("/var/spool/cron/crontabs/u", {"mode": "0600", "uid": 1000}, True, True),
        ("/var/spool/cron/crontabs/u", {"mode": "0644", "uid": 1000}, False, True),
        ("/var/spool/cron/crontabs/u", {"mode": "0600", "uid": 1001}, False, False),
        ("/var/spool/cron/crontabs/u", {"mode": "0600"}, True, True),
        ("/etc/cron.daily/a", {"mode": "0644"}, False, False),
        ("/etc/cron.daily/a", {"mode": "0755"}, True, True),
        ("/etc/anacrontab", {"mode": "0666"}, True, True),
    ],
)
def test_cron_refuses_tables_for_their_rights(source: str, facts: dict[str, object], debian: bool, fedora: bool) -> None:
    """process_crontab() of Debian's cron 3.0pl1-162 and of cronie"""
    data = b"1 5 a /opt/a\n" if source.endswith("anacrontab") else TABLE
    for host, taken in ((DEBIAN, debian), (FEDORA, fedora)):
        records = [r.fields for r in cron.parse(Evidence(source, data, facts=ROOTS | facts), host) if isinstance(r, Record)]
        assert [r.get("escadre.cron.passed_over", False) for r in records] == [not taken]
        assert ("escadre.startup.passed_over" in records[0]) is not taken


def test_rights_of_a_copy_prove_nothing() -> None:
    copied = Host("c", os="linux", os_version="Debian", rights_kept=False)
    assert reason("/etc/rc.local", host=copied, mode="0644") == ""
    (record,) = cron.parse(Evidence("/etc/cron.d/a", TABLE, facts={"mode": "0666", "uid": 1000}), copied)
    assert isinstance(record, Record) and "escadre.cron.passed_over" not in record.fields


@pytest.mark.parametrize(
    ("modes", "kept"),
    [
        ([("0755", 0), ("0644", 0)], True),
        ([("0644", 0), ("0600", 0)], False),  # unpacked without modes
        ([("0777", 0), ("0777", 0)], False),  # a volume without modes
        ([("0755", 1000), ("0644", 1000)], False),  # copied by a user
        ([], False),
    ],
)
def test_whether_a_tree_kept_its_rights(modes: list[tuple[str, int]], kept: bool) -> None:
    files = [PlainFile(n, Path("x"), "x", "/x", 1, {"mode": mode, "uid": uid}) for n, (mode, uid) in enumerate(modes)]
    assert rights_kept(files) is kept


def test_names_that_stand_before_others() -> None:
    """systemd.unit(5), udev(7): the first folder that has the name counts; a link to /dev/null masks it"""
    lines = [
        {"path": "/etc/systemd/system/a.service", "verdict": "link", "link": "/dev/null"},
        {"path": "/lib/systemd/system/a.service", "verdict": "taken", "size": 5},
        {"path": "/usr/lib/systemd/system/b.service", "verdict": "taken", "size": 5},
        {"path": "/etc/systemd/system/b.service", "verdict": "taken", "size": 5},
        {"path": "/run/systemd/system/c.service", "verdict": "taken", "size": 5},
        {"path": "/etc/systemd/system/c.service", "verdict": "taken", "size": 0},
        {"path": "/etc/systemd/system/d.service.d/x.conf", "verdict": "taken", "size": 5},
        {"path": "/usr/lib/systemd/system/d.service.d/x.conf", "verdict": "taken", "size": 5},
        {"path": "/usr/lib/systemd/system/d.service", "verdict": "taken", "size": 5},
        {"path": "/usr/lib/udev/rules.d/50-x.rules", "verdict": "taken", "size": 5},
        {"path": "/etc/udev/rules.d/50-x.rules", "verdict": "taken", "size": 0},
        {"path": "/etc/modprobe.d/x.conf", "verdict": "missing"},
        {"path": "/usr/lib/modprobe.d/x.conf", "verdict": "taken", "size": 5},
        {"path": "/etc/systemd/system/multi-user.target.wants/e.service", "verdict": "link", "link": "/usr/lib/systemd/system/e.service"},
    ]
    assert overridden(lines) == {
        one_path("/lib/systemd/system/a.service"): "/etc/systemd/system/a.service (a link to /dev/null) masks it",
        one_path("/usr/lib/systemd/system/b.service"): "systemd reads /etc/systemd/system/b.service in its place",
        one_path("/run/systemd/system/c.service"): "/etc/systemd/system/c.service (an empty file) masks it",
        one_path("/usr/lib/systemd/system/d.service.d/x.conf"): "systemd reads /etc/systemd/system/d.service.d/x.conf in its place",
        one_path("/usr/lib/udev/rules.d/50-x.rules"): "udev reads /etc/udev/rules.d/50-x.rules in its place",
    }


def test_a_drop_in_that_takes_every_command_of_a_unit_away():
    """systemd.service(5), ExecStart=: if the empty string is assigned, prior assignments have no effect."""
    unit = {"service.name": "x.service", "escadre.scope": "system"}
    start = unit | {"file.path": "/usr/lib/systemd/system/x.service", "escadre.systemd.exec": ["ExecStart=/opt/x"]}
    both = start | {"escadre.systemd.exec": ["ExecStart=/opt/x", "ExecStartPre=/opt/y"]}
    reset = unit | {"file.path": "/etc/systemd/system/x.service.d/o.conf", "escadre.systemd.drop_in": "o.conf"}
    reset |= {"escadre.settings": ["Service.ExecStart=", "Service.ExecStart=/opt/z"]}
    clause = {"/usr/lib/systemd/system/x.service": "drop-in o.conf takes its commands away"}
    assert without_commands([reset, start]) == without_commands([start, reset]) == clause
    assert without_commands([both, reset]) == {}, "the other command still runs"
    assert without_commands([start | {"service.name": "y.service"}, reset]) == {}
    assert without_commands([start | {"escadre.scope": "user"}, reset]) == {}
    assert without_commands([start, reset | {"escadre.settings": ["Service.ExecStart=/opt/z"]}]) == {}
