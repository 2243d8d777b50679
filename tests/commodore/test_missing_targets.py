"""Targets that were not collected, and what is known of their being on the disk."""

from __future__ import annotations

from commodore.artefact import Record
from commodore.derived import missing_targets
from commodore.host import Host

WINDOWS = Host("c", os="windows", system_root="C:\\Windows")
LINUX = Host("c", os="linux", profiles={"paul": "/home/paul"})


class View:
    def __init__(self, members=(), **datasets):
        self._members, self.datasets = members, datasets

    def records(self, dataset):
        return iter(self.datasets.get(dataset, ()))

    def members(self):
        return iter({"path": path, "verdict": verdict} for path, verdict in self._members)


def missing(host, members=(), **datasets):
    items = missing_targets.derive(View(members, **datasets), host)
    return {r.fields["escadre.missing.target"]: r.fields["escadre.missing.on_disk"] for r in items if isinstance(r, Record)}


def unit(*execs, **more):
    return {"escadre.systemd.unit": "x.service", "escadre.systemd.exec": list(execs), "escadre.id": "1", **more}


def task(*lines):
    return {"escadre.task.path": "\\T", "escadre.task.commands": list(lines), "escadre.id": "1"}


def test_what_was_collected_is_not_missing_under_either_name_of_a_merged_system():
    found = missing(
        LINUX,
        [("/usr/bin/a", "taken"), ("/opt/b", "changed while read")],
        systemd_units=[unit("ExecStart=-/bin/a x", "ExecStop=/opt/b", "ExecStop=/opt/c")],
    )
    assert found == {"/opt/c": "unknown"}


def test_custody_tells_whether_the_file_was_there():
    members = [("/opt/denied", "denied"), ("/opt/large", "over limit"), ("/opt/gone", "missing"), ("/opt/went", "vanished")]
    records = [unit(*(f"ExecStart=/opt/{name}" for name in ("denied", "large", "gone", "went", "silent")))]
    assert missing(LINUX, members, systemd_units=records) == {
        "/opt/denied": "yes",
        "/opt/large": "yes",
        "/opt/gone": "no",
        "/opt/went": "no",
        "/opt/silent": "unknown",
    }


def test_cron_entries_follow_shells_and_homes_and_folders_that_are_run():
    records = [
        {
            "process.command_line": "/bin/sh -c '~/bin/job --x'",
            "user.name": "paul",
            "file.path": "/var/spool/cron/paul",
            "escadre.line_number": 1,
        },
        {
            "process.command_line": "cd / && run-parts /etc/cron.daily",
            "user.name": "root",
            "file.path": "/etc/crontab",
            "escadre.line_number": 2,
        },
    ]
    found = missing(LINUX, [("/bin/sh", "taken"), ("/etc/cron.daily/a", "taken")], cron=records)
    assert found == {"/home/paul/bin/job": "unknown"}


def test_mft_knows_what_was_there_but_not_collected():
    mft = [
        {"file.path": "C:\\Users\\Public\\There.exe"},
        {"file.path": "C:\\Windows\\System32\\cmd.exe"},
        {"file.path": "C:\\Old.exe", "escadre.state": "deleted"},
    ]
    records = [task("C:\\users\\public\\there.exe", "%windir%\\system32\\cmd.exe /c C:\\gone.bat", "C:\\Old.exe")]
    found = missing(WINDOWS, [], scheduled_tasks=records, mft=mft)
    assert found == {
        "C:\\users\\public\\there.exe": "yes",
        "C:\\Windows\\system32\\cmd.exe": "yes",
        "C:\\gone.bat": "no",
        "C:\\Old.exe": "no",
    }


def test_without_mft_nothing_is_claimed():
    assert missing(WINDOWS, [("C:\\A.EXE", "taken")], scheduled_tasks=[task("c:\\a.exe", "c:\\b.exe")]) == {"c:\\b.exe": "unknown"}


def test_names_without_a_folder_are_looked_for_where_windows_looks():
    members = [("C:\\Windows\\System32\\rundll32.exe", "taken")]
    assert missing(WINDOWS, members, scheduled_tasks=[task("rundll32 C:\\x.dll,Go")]) == {"C:\\x.dll": "unknown"}


def test_services_that_nothing_starts_and_other_control_sets_do_not_count():
    start = {"process.command_line": "C:\\s.exe", "service.name": "s"}
    records = [
        start | {"escadre.service.start": "disabled"},
        start | {"escadre.service.current": False},
        {"service.name": "t", "dll.path": "C:\\t.dll"},
    ]
    assert missing(WINDOWS, [], services=records) == {"C:\\t.dll": "unknown"}


def test_targets_that_do_not_name_a_file_are_left_alone():
    records = [unit("ExecStart=%h/x", "ExecStart=relative", "ExecStart=/bin/true >/dev/null", "ExecStart="), unit("ExecStart=/opt/$NAME/x")]
    assert missing(LINUX, [("/bin/true", "taken")], systemd_units=records) == {}
    assert missing(WINDOWS, [], scheduled_tasks=[task("%UNKNOWN%\\x.exe", "\\\\server\\share\\x.exe", "")]) == {}


def test_the_sentence_says_which_kind_of_missing_it_is():
    (record,) = missing_targets.derive(View([("/x", "missing")], systemd_units=[unit("ExecStart=/x")]), LINUX)
    assert record.fields["message"] == "Unit x.service starts /x, which was not there when the host was collected."
