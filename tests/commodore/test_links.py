"""Links in places where a mechanism reads: the record is that of the file behind the link, from a directory and from an archive."""

from __future__ import annotations

import pytest

from commodore.case.ledger import is_loss
from commodore.case.reader import CaseReader
from commodore.engine.links import find, resolve
from commodore.engine.process import process
from scout.collecting.collect import collect
from scout.collecting.options import CollectOptions
from scout.console import Screen
from scout.keys import keygen, load_identities
from tests.commodore.cases import ledger, records
from tests.commodore.damage import GOLDEN


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "root"
    for folder in ("etc/systemd/system", "etc/cron.d", "opt/app", "home/u/dot", "home/u/.config/systemd/user", "usr/lib/systemd/system"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n")
    (root / "opt/app/app.service").write_text("[Service]\nExecStart=/dev/shm/.m\n")
    (root / "etc/systemd/system/app.service").symlink_to("/opt/app/app.service")
    (root / "home/u/dot/mine.service").write_text("[Service]\nExecStart=/dev/shm/.u\n")
    (root / "home/u/.config/systemd/user/mine.service").symlink_to("../../../dot/mine.service")
    (root / "opt/app/table").write_text("* * * * * root /dev/shm/.c\n")
    (root / "etc/cron.d/app").symlink_to("../../opt/app/table")
    (root / "usr/lib/systemd/system/ssh.service").write_text("[Service]\nExecStart=/usr/sbin/sshd\n")
    (root / "etc/systemd/system/sshd.service").symlink_to("/usr/lib/systemd/system/ssh.service")
    (root / "etc/systemd/system/off.service").symlink_to("/dev/null")
    (root / "etc/systemd/system/lost.service").symlink_to("/mnt/other/lost.service")
    return root


def archived(tree, tmp_path):
    key = tmp_path / "key.txt"
    public = keygen(key)
    collect(CollectOptions(recipients=(public,), out=tmp_path, root=tree), Screen(quiet=True))
    return next(tmp_path.glob("*.tar.zst.age")), load_identities(key)


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_what_a_link_leads_to_is_read_in_its_place(tree, tmp_path, kind):
    given, identities = (tree, []) if kind == "directory" else archived(tree, tmp_path)
    case = tmp_path / "case"
    assert not process([given], case, identities=identities).unread
    started = {r["escadre.source"]: r["process.command_line"] for name in ("systemd_units", "cron") for r in records(case, name)}
    assert started == {
        "/etc/systemd/system/app.service": "/dev/shm/.m",
        "/home/u/.config/systemd/user/mine.service": "/dev/shm/.u",
        "/etc/cron.d/app": "/dev/shm/.c",
        "/usr/lib/systemd/system/ssh.service": "/usr/sbin/sshd",
    }
    said = {line["path"]: line["reason"] for line in ledger(case)}
    assert said["/etc/systemd/system/lost.service"] == "link: it leads to /mnt/other/lost.service, which is not in this collection"
    assert said["/etc/systemd/system/off.service"] == "link to /dev/null: there is nothing to read"
    assert said["/etc/systemd/system/sshd.service"] == "link: it leads to /usr/lib/systemd/system/ssh.service, which is read there"
    assert said["/opt/app/app.service"] == "read as /etc/systemd/system/app.service, a link to it"
    assert not any(is_loss(line) for line in ledger(case))
    high = {f["target"]["path"] for f in CaseReader(case).findings() if "/dev/shm/." in f["message"]}
    assert high == {"/etc/systemd/system/app.service", "/home/u/.config/systemd/user/mine.service", "/etc/cron.d/app"}


@pytest.mark.parametrize(
    ("links", "path", "to"),
    [
        ({"/a": "b"}, "/a", "/b"),
        ({"/a/b": "/c", "/c/d": "../e"}, "/a/b/d", "/e"),
        ({"/a/b": "../../../../x"}, "/a/b", "/x"),
        ({"/a": "/b", "/b": "/a"}, "/a", ""),
        ({"/lib": "usr/lib", "/etc/s": "/lib/s"}, "/etc/s", "/usr/lib/s"),
    ],
)
def test_a_path_is_resolved_as_the_kernel_does(links, path, to):
    assert resolve(path, links) == to


@pytest.fixture
def folders(tmp_path):
    """Folders that mechanisms read, as links to others; and the links of a merged system, which change nothing."""
    root = tmp_path / "root"
    for folder in (
        "etc",
        "opt/jobs",
        "srv/units",
        "data/tabs",
        "var/spool/cron",
        "root",
        "keys",
        "usr/lib/systemd/system",
        "opt/loop",
        "home/u",
    ):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n")
    (root / "opt/jobs/job").write_text("* * * * * root /dev/shm/.c\n")
    (root / "home/u/other").write_text("* * * * * root /dev/shm/.o\n")
    (root / "opt/jobs/other").symlink_to("/home/u/other")
    (root / "etc/cron.d").symlink_to("/opt/jobs")
    (root / "srv/units/app.service").write_text("[Service]\nExecStart=/dev/shm/.m\n")
    (root / "etc/systemd").mkdir()
    (root / "etc/systemd/system").symlink_to("../../srv/units")
    (root / "data/tabs/u").write_text("* * * * * /dev/shm/.t\n")
    (root / "var/spool/cron/crontabs").symlink_to("/data/tabs")
    (root / "keys/authorized_keys").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0 x\n")
    (root / "root/.ssh").symlink_to("/keys")
    (root / "usr/lib/systemd/system/ssh.service").write_text("[Service]\nExecStart=/usr/sbin/sshd\n")
    (root / "lib").symlink_to("usr/lib")
    (root / "opt/loop/a").symlink_to("../loop")
    return root


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_files_of_a_folder_behind_a_link_are_read_in_its_place(folders, tmp_path, kind):
    given, identities = (folders, []) if kind == "directory" else archived(folders, tmp_path)
    case = tmp_path / "case"
    assert not process([given], case, identities=identities).unread
    started = {r["escadre.source"]: r["process.command_line"] for name in ("systemd_units", "cron") for r in records(case, name)}
    assert started == {
        "/etc/cron.d/job": "/dev/shm/.c",
        "/etc/cron.d/other": "/dev/shm/.o",
        "/etc/systemd/system/app.service": "/dev/shm/.m",
        "/var/spool/cron/crontabs/u": "/dev/shm/.t",
        "/usr/lib/systemd/system/ssh.service": "/usr/sbin/sshd",
    }
    assert {r["user.name"] for r in records(case, "cron") if "crontabs" in r["escadre.source"]} == {"u"}
    assert not any(is_loss(line) for line in ledger(case))
    assert {"/etc/cron.d", "/etc/systemd/system"} <= {
        line["path"] for line in ledger(case) if "are read in its place" in str(line["reason"])
    }
    high = {f["target"]["path"] for f in CaseReader(case).findings() if f["escadre.severity"] == "high"}
    assert high >= {"/etc/cron.d/job", "/etc/systemd/system/app.service", "/var/spool/cron/crontabs/u"}


def test_a_name_in_other_letters_is_another_file_on_linux(tmp_path):
    root = tmp_path / "root"
    for folder in ("etc/Cron.d", "etc/cron.d", "etc/systemd/System"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    for path in ("etc/Cron.d/a", "etc/Crontab", "etc/cron.d/b", "etc/crontab"):
        (root / path).write_text(f"* * * * * root /opt/{path}\n")
    (root / "etc/systemd/System/a.service").write_text("[Service]\nExecStart=/opt/a\n")
    case = tmp_path / "case"
    process([root], case)
    assert {r["escadre.source"] for r in records(case, "cron")} == {"/etc/cron.d/b", "/etc/crontab"}
    assert records(case, "systemd_units") == []


def test_paths_behind_links_to_folders_are_bounded_and_the_rest_is_said(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("scout.collecting.behind._MOST_BEHIND", 3)
    given, identities = archived(folders, tmp_path)
    case = tmp_path / "case"
    process([given], case, identities=identities)
    reader = CaseReader(case)
    said = [m for c in reader.collections() for m in reader.members(c) if "behind links to folders" in str(m.get("error"))]
    assert [m["verdict"] for m in said] == ["over limit"]


def test_a_folder_behind_a_link_that_was_not_collected_is_said(tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    (root / "etc/cron.d").symlink_to("/mnt/jobs")
    case = tmp_path / "case"
    process([root], case)
    said = {line["path"]: line["reason"] for line in ledger(case)}
    assert said["/etc/cron.d"] == "link: it leads to /mnt/jobs, which is not in this collection"


def test_links_of_a_windows_disk_lead_as_windows_goes():
    """Texts of reparse points: absolute with a prefix, relative, below the root of the drive, on another volume; drive and case aside."""
    tasks, data = "C:\\Windows\\System32\\Tasks", "C:\\ProgramData"
    volume = "\\??\\Volume{12345678-0000-0000-0000-100000000000}\\Two"
    links = {
        f"{tasks}\\Evil": (f"\\??\\{data}\\t.xml", 1),
        f"{tasks}\\Far": (volume, 2),
        f"{tasks}\\Folder": ("..\\..\\..\\programdata\\MORE", 3),
        f"{tasks}\\Round": ("Round", 4),
        f"{tasks}\\Root": ("\\PROGRA~1\\x", 5),
    }
    taken = {f"{data}\\t.xml": 10, f"{data}\\More\\Deep\\Two": 11, f"{data}\\Moreover": 12}
    found = {led.path: led for led in find(links, taken)}
    assert {path: (led.to, led.member) for path, led in found.items() if led.to} == {
        f"{tasks}\\Evil": (f"{data}\\t.xml", 1),
        f"{tasks}\\Folder\\Deep\\Two": (f"{data}\\More\\Deep\\Two", None),
    }
    assert found[f"{tasks}\\Round"].reason == "link: its links lead in a circle"
    assert found[f"{tasks}\\Root"].reason == "link: it leads to c:\\progra~1\\x, which is not in this collection"
    assert found[f"{tasks}\\Far"].reason.endswith("which is not in this collection")


def test_a_task_behind_a_link_is_read_from_a_windows_disk(tmp_path):
    root = tmp_path / "C"
    tasks, data = root / "Windows/System32/Tasks", root / "ProgramData"
    for folder in (tasks, data / "more", root / "Windows/System32/config"):
        folder.mkdir(parents=True)
    xml = (GOLDEN / "scheduled_tasks/input/Windows/System32/Tasks/Plain").read_bytes()
    (data / "t.xml").write_bytes(xml)
    (data / "more/Two").write_bytes(xml)
    (tasks / "Evil").symlink_to("../../../ProgramData/t.xml")
    (tasks / "Sub").symlink_to("../../../ProgramData/more")
    process([root], tmp_path / "case")
    places = {r["escadre.source"] for r in records(tmp_path / "case", "scheduled_tasks")}
    assert places == {"C:\\Windows\\System32\\Tasks\\Evil", "C:\\Windows\\System32\\Tasks\\Sub\\Two"}
