"""Targets that were not there: reported only where custody, SCOUT's targets or $MFT show it, on trees that SCOUT itself collected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.derived import missing_targets
from commodore.engine.process import process
from commodore.host import Host
from scout.keys import load_identities
from tests.commodore.cases import ROOT, environment, records

WINDOWS = Host("c", os="windows", system_root="C:\\Windows")
LINUX = Host("c", os="linux", profiles={"paul": "/home/paul"})


class View:
    """A case in memory; `search` chooses as the engine does it, by the JSON line."""

    def __init__(self, members=(), *, whole=True, **datasets):
        self._members, self.whole, self.datasets, self.decoded = members, whole, datasets, []

    def records(self, dataset, search=None):
        import orjson

        for record in self.datasets.get(dataset, ()):
            if search is None or search(line := orjson.dumps(record), 0, len(line)):
                self.decoded.append(record.get("file.path"))
                yield record

    def members(self):
        for path, verdict, *target in self._members:
            yield {"path": path, "verdict": verdict, "size": 4096} | ({"target": target[0]} if target else {})


def missing(host, members=(), *, whole=True, **datasets):
    """Target → what shows that it was not there."""
    items = missing_targets.derive(View(members, whole=whole, **datasets), host)
    return {r.fields["file.path"]: r.fields["escadre.missing.shown_by"] for r in items if isinstance(r, Record)}


def unit(*execs, **more):
    return {"service.name": "x.service", "escadre.systemd.exec": list(execs), "escadre.id": "1", **more}


def task(*lines):
    return {"escadre.task.path": "\\T", "escadre.task.commands": list(lines), "escadre.id": "1"}


# --- collected by SCOUT


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A function: a tree is built below a root, SCOUT collects it, the case's targets that were not there come back."""
    if os.name == "nt":
        pytest.skip("links and modes need a POSIX file system")
    place = tmp_path_factory.mktemp("collected")
    scout("keygen", "-o", place / "key.txt")
    public = next(w for w in (place / "key.txt").read_text().split() if w.startswith("age1"))

    def made(name: str, build, cut: int = 0) -> dict[str, str]:
        root, out = place / name / "root", place / name / "out"
        (root / "etc/cron.d").mkdir(parents=True)
        out.mkdir()
        (root / "etc/hostname").write_text("web1\n")
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\nagnes:x:1000:1000::/home/agnes:/bin/bash\n")
        build(root)
        scout("collect", "-q", "-r", public, "--root", root, "-o", out)
        (archive,) = out.glob("*.age")
        if cut:
            archive.write_bytes(archive.read_bytes()[:-cut])
        process([archive], place / name / "case", identities=load_identities(place / "key.txt"), workers=1)
        found = records(place / name / "case", "missing_targets") if (place / name / "case/records/missing_targets").exists() else []
        return {r["file.path"]: r["escadre.missing.shown_by"] for r in found}

    return made


def scout(*arguments):
    subprocess.run([sys.executable, "-m", "scout.cli", *map(str, arguments)], check=True, cwd=ROOT, env=environment(), capture_output=True)


def write(root: Path, name: str, *lines: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def cron(root: Path, *targets: str) -> None:
    write(root, "etc/cron.d/jobs", *(f"* * * * * root {target}" for target in targets))


def test_only_what_the_profile_takes_can_be_missing(collected):
    def build(root):
        write(root, "etc/there.sh", "#!/bin/sh")
        write(root, "usr/bin/tool", "#!/bin/sh")
        cron(root, "/bin/sh -c /etc/there.sh", "/usr/bin/tool", "/usr/bin/none", "/opt/none", "/etc/gone.sh", "/usr/local/etc/gone/x")

    # etc/** and usr/local/etc/** are patterns of LF04; no target takes /bin, /usr/bin or /opt
    assert collected("profile", build) == {"/etc/gone.sh": "LF04", "/usr/local/etc/gone/x": "LF04"}


def test_homes_logs_and_units_are_looked_for_where_their_targets_look(collected):
    def build(root):
        for folder in ("root", "home/agnes/.config/systemd/user", "var/log/journal", "lib/systemd/system"):
            (root / folder).mkdir(parents=True)
        write(root, "var/log/syslog", "x")
        write(root, "lib/systemd/system/a.service", "[Service]", "ExecStart=/lib/systemd/system/none", "ExecStop=/lib/systemd/none")
        cron(root, "/home/agnes/.config/systemd/user/none", "/home/agnes/.bashrc", "/home/eve/.bashrc", "/var/log/none.sh")
        write(root, "etc/cron.d/more", "* * * * * root /var/log/journal/none", "* * * * * root /home/agnes/none")

    assert collected("homes", build) == {
        "/lib/systemd/system/none": "LF09",  # lib/systemd/{system,user}/**
        "/home/agnes/.config/systemd/user/none": "LF09",
        "/home/agnes/.bashrc": "LF11",
        "/var/log/none.sh": "LF06",  # var/log/journal/** is excluded, and only files of the journal are looked for there
        "/var/log/journal/none": "LF07",
    }


def test_a_link_a_closed_folder_or_one_not_entered_shows_nothing(collected):
    def build(root):
        (root / "opt/real").mkdir(parents=True)
        (root / "etc/linked").symlink_to("/opt/real")
        (root / "etc/alone").symlink_to("/opt/nowhere")
        cron(root, "/etc/linked/x", "/etc/alone", "/etc/none")

    assert collected("links", build) == {"/etc/none": "LF04"}


def test_under_either_name_of_a_merged_system_it_is_one_file(collected):
    def build(root):
        (root / "usr/lib/systemd/system").mkdir(parents=True)
        (root / "lib").symlink_to("usr/lib")
        write(root, "usr/lib/systemd/system/there", "x")
        cron(root, "/lib/systemd/system/there", "/lib/systemd/system/none")

    assert collected("merged", build) == {"/lib/systemd/system/none": "LF09"}


def test_a_cut_archive_shows_only_what_was_said_before_the_files(collected):
    def build(root):
        (root / "etc/noise").mkdir()
        for name in ("a", "b", "c"):  # a seal comes every 4 MiB
            (root / "etc/noise" / name).write_bytes(os.urandom(3 << 20))
        cron(root, "/etc/none", "/var/spool/cron/none")

    assert collected("whole", build) == {"/etc/none": "LF04", "/var/spool/cron/none": "LF09"}
    # what etc/** found may go on behind the cut; that var/spool/cron/** found nothing was said before the first file
    assert collected("cut", build, cut=1 << 20) == {"/var/spool/cron/none": "LF09"}


# --- custody


def test_what_was_collected_or_is_known_to_have_been_there_is_not_missing():
    members = [("/usr/bin/a", "taken"), ("/opt/b", "changed while read"), ("/opt/denied", "denied"), ("/opt/large", "over limit")]
    records = [unit("ExecStart=-/bin/a x", "ExecStop=/opt/b", "ExecStop=/opt/denied", "ExecStop=/opt/large", "ExecStop=/opt/silent")]
    assert missing(LINUX, members, systemd_units=records) == {}


def test_custody_tells_that_a_file_was_not_there():
    members = [("/opt/gone", "missing"), ("/opt/went", "vanished")]
    assert missing(LINUX, members, systemd_units=[unit("ExecStart=/opt/gone", "ExecStop=/opt/went")]) == {
        "/opt/gone": "custody",
        "/opt/went": "custody",
    }


def test_a_home_with_a_wildcard_for_a_name_speaks_for_no_other_home():
    members = [("/home/*/.bashrc", "missing", "LF11"), ("/home/*/.{bashrc,profile}", "missing", "LF11")]
    assert missing(LINUX, members, systemd_units=[unit("ExecStart=/home/paul/.bashrc")]) == {}


def test_a_folder_that_was_not_entered_shows_nothing_of_what_is_in_it():
    members = [("/etc/passwd", "taken", "LF04"), ("/etc/closed", "denied", "LF04")]
    records = [unit("ExecStart=/etc/closed/x", "ExecStop=/etc/none")]
    assert missing(LINUX, members, systemd_units=records) == {"/etc/none": "LF04"}
    assert missing(LINUX, members, systemd_units=records, whole=False) == {}


def test_patterns_of_windows_are_compared_without_case_and_by_drive():
    members = [("C:\\Windows\\System32\\Tasks\\A", "taken", "WP01"), ("C:\\Windows\\SysWOW64\\Tasks\\**", "missing", "WP01")]
    records = [
        task("c:\\WINDOWS\\system32\\tasks\\none.exe", "C:\\windows\\syswow64\\tasks\\none.exe", "D:\\Windows\\System32\\Tasks\\x.exe")
    ]
    assert missing(WINDOWS, members, scheduled_tasks=records) == {
        "c:\\WINDOWS\\system32\\tasks\\none.exe": "WP01",
        "C:\\windows\\syswow64\\tasks\\none.exe": "WP01",
    }


def test_plain_input_shows_nothing():
    assert missing(LINUX, [("/etc/passwd", "taken")], systemd_units=[unit("ExecStart=/etc/none", "ExecStop=/bin/sh")]) == {}
    assert missing(WINDOWS, [("C:\\A.EXE", "taken")], scheduled_tasks=[task("c:\\a.exe", "c:\\b.exe")]) == {}


# --- $MFT

TABLE = ("C:\\$MFT", "taken")
OWN = {"file.path": "C:\\$MFT", "file.inode": "0", "file.size": 4096}
"""entry 0, which describes the table itself"""
MFT = [
    OWN,
    {"file.path": "C:\\Users\\Public\\There.exe"},
    {"file.path": "C:\\Windows\\System32\\cmd.exe"},
    {"file.path": "C:\\first.exe", "escadre.mft.paths": ["C:\\first.exe", "C:\\second.exe"]},
    {"file.path": "C:\\Users\\Ünïcøde.EXE"},
    {"file.path": "C:\\Old.exe", "escadre.state": "deleted"},
    {"file.path": "C:\\Junction", "file.type": "dir", "file.attributes": ["reparse"]},
    {"file.path": f"C:\\{'long' * 30}.exe"},
    {"file.path": "C:\\Other.txt"},
]


def test_mft_tells_what_was_on_its_volume():
    lines = [
        "C:\\users\\public\\there.exe",
        "%windir%\\system32\\cmd.exe /c C:\\gone.bat",
        "C:\\Old.exe",
        "C:\\SECOND.exe",
        "C:\\users\\ünïcØde.exe",
    ]
    lines += [f"C:\\{'LONG' * 30}.exe", f"C:\\{'long' * 29}.exe", "C:\\Junction\\x.exe", "D:\\x.exe", "C:\\PROGRA~1\\x.exe"]
    lines += ["C:\\Windows\\Sysnative\\x.exe", "rundll32 C:\\x.dll,Go"]
    assert missing(WINDOWS, [TABLE], scheduled_tasks=[task(*lines)], mft=MFT) == dict.fromkeys(
        ("C:\\gone.bat", "C:\\Old.exe", f"C:\\{'long' * 29}.exe", "C:\\x.dll"), "mft"
    )


def test_what_windows_would_find_under_another_name_is_not_missing():
    mft = [
        OWN,
        {"file.path": "C:\\Windows\\SysWOW64\\old.exe"},
        {"file.path": "C:\\Program Files\\My.exe"},
        {"file.path": "C:\\App\\tool.exe"},
    ]
    lines = ["C:\\Windows\\System32\\old.exe", "C:\\Program Files\\My Tool\\x.exe -q", "C:\\App\\tool", "C:\\App\\..\\App\\tool.exe"]
    lines += ["C:/App/tool.exe", "C:\\App\\\\tool.exe", "C:\\App\\tool.exe:stream.exe", "C:\\App\\none"]
    assert missing(WINDOWS, [TABLE], scheduled_tasks=[task(*lines)], mft=mft) == {"C:\\App\\none": "mft"}


def test_a_deleted_file_is_told_from_one_that_never_was():
    view = View([TABLE], scheduled_tasks=[task("C:\\Old.exe", "C:\\gone.exe")], mft=MFT)
    old, gone = missing_targets.derive(view, WINDOWS)
    assert (old.fields["escadre.missing.deleted"], "escadre.missing.deleted" in gone.fields) == (True, False)
    assert old.fields["message"] == "Task \\T starts C:\\Old.exe, which was deleted: $MFT still has its entry."


def test_only_entries_with_a_name_that_is_asked_for_are_decoded():
    view = View([TABLE], scheduled_tasks=[task("C:\\Users\\Public\\there.exe")], mft=MFT)
    assert list(missing_targets.derive(view, WINDOWS)) == []
    assert view.decoded == [None, "C:\\$MFT", "C:\\Users\\Public\\There.exe"]  # the task, that the table of C: is complete, the entry


@pytest.mark.parametrize("table", [("C:\\$MFT", "denied"), ("C:\\$MFT", "interrupted"), ("C:\\Temp\\$MFT", "taken")])
def test_a_table_that_was_not_read_whole_shows_nothing(table):
    assert missing(WINDOWS, [table], scheduled_tasks=[task("C:\\gone.exe")], mft=MFT) == {}


@pytest.mark.parametrize("own", [None, OWN | {"file.size": 4097}, OWN | {"file.inode": "7"}, {"file.path": "C:\\$MFT", "file.inode": "0"}])
def test_a_piece_of_a_table_shows_nothing(own):
    """A table that is shorter than its own entry says, or has no such entry, is the piece that was collected: it knows not all files."""
    mft = [*([own] if own else []), *MFT[1:]]
    assert missing(WINDOWS, [TABLE], scheduled_tasks=[task("C:\\Windows\\System32\\svchost.exe")], mft=mft) == {}


def test_names_made_to_nest_do_not_overflow():
    lines = [f"C:\\{'a' * n}.exe" for n in range(1, 250)]
    assert len(missing(WINDOWS, [TABLE], scheduled_tasks=[task(line) for line in lines], mft=MFT)) == 249


# --- what is started


def test_cron_entries_follow_shells_and_homes_and_folders_that_are_run():
    entry = {"user.name": "paul", "file.path": "/var/spool/cron/paul", "escadre.line_number": 1}
    runs = {"user.name": "root", "file.path": "/etc/crontab", "escadre.line_number": 2}
    records = [
        entry | {"process.command_line": "/bin/sh -c '~/bin/job --x'"},
        runs | {"process.command_line": "cd / && run-parts /etc/cron.daily"},
    ]
    members = [("/bin/sh", "taken"), ("/etc/cron.daily/a", "taken", "LF04"), ("/home/paul/bin/job", "missing")]
    assert missing(LINUX, members, cron=records) == {"/home/paul/bin/job": "custody"}


def test_services_that_nothing_starts_and_other_control_sets_do_not_count():
    start = {"process.command_line": "C:\\s.exe", "service.name": "s"}
    records = [
        start | {"escadre.service.start": "disabled"},
        start | {"escadre.registry.current": False},
        {"service.name": "t", "dll.path": "C:\\t.dll"},
    ]
    assert missing(WINDOWS, [TABLE], services=records, mft=MFT) == {"C:\\t.dll": "mft"}


def test_targets_that_do_not_name_a_file_are_left_alone():
    members = [("/bin/true", "taken"), ("/etc/passwd", "taken", "LF04")]
    records = [unit("ExecStart=%h/x", "ExecStart=relative", "ExecStart=/bin/true >/dev/null", "ExecStart="), unit("ExecStart=/etc/$NAME/x")]
    records += [unit("ExecStart=/etc/../opt/x", "ExecStart=/etc/x/.."), unit("ExecStart=/etc///passwd")]
    records += [unit("ExecStart=/etc/x", **{"escadre.settings": ["Service.RootDirectory=/srv/root"]})]
    assert missing(LINUX, members, systemd_units=records) == {}
    lines = ["%UNKNOWN%\\x.exe", "\\\\server\\share\\x.exe", "", "powershell.exe"]  # which is found along the PATH
    assert missing(WINDOWS, [TABLE], scheduled_tasks=[task(*lines)], mft=MFT) == {}
