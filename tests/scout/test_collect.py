"""`scout collect --root` on real trees: the archive has the files byte for byte, with the facts that the system reports."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from fixtures.hives.writer import Image, Key
from scout.collecting.collect import collect
from scout.collecting.examined import open_host
from scout.collecting.options import CollectOptions
from scout.collecting.stages import StageProgress
from scout.console import Screen
from scout.keys import keygen
from tests.conftest import need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, scout
from tests.trees import HIVES, LINUX, LOGS, TASKS

SECRETS = ("/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/home/agnes/.ssh/id_ed25519")


def windows_source(path: str) -> str:
    return "C:\\" + path.replace("/", "\\")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_windows_tree_is_taken_whole(windows, collected):
    archive = collected(windows, "--profile", "full")
    wanted = [
        *HIVES,
        *(f"Windows/System32/winevt/Logs/{name}" for name in LOGS),
        *(f"Windows/System32/Tasks/{name}" for name in TASKS),
        "$MFT",
    ]
    wanted += [str(path.relative_to(windows)) for path in (windows / "Windows/Prefetch").iterdir()]
    for path in wanted:
        line = archive.custody[windows_source(path)]
        assert (line["verdict"], line["sha256"], line["size"]) == ("taken", sha256(windows / path), (windows / path).stat().st_size)
        assert archive.content(windows_source(path)) == (windows / path).read_bytes()


def test_change_journal_of_a_plain_tree_has_its_stream_name(windows, collected):
    archive = collected(windows, "--targets", "WN")
    assert archive.verdict("C:\\$Extend\\$UsnJrnl:$J") == "taken"
    assert "files/C/$Extend/$UsnJrnl%3A$J" in archive.names


def test_absent_targets_are_missing_and_not_forgotten(windows, collected):
    archive = collected(windows, "--targets", "WR")
    assert archive.verdict("C:\\Windows\\System32\\config\\SOFTWARE") == "missing"
    assert archive.verdict("C:\\Windows\\ServiceProfiles\\NetworkService\\NTUSER.DAT") == "missing"


def test_what_a_profile_does_not_have_is_missing_there(root, collected):
    (root / "home/anna").mkdir(parents=True)
    (root / "home/ben").mkdir()
    (root / "home/ben/.bash_history").write_text("id\n")
    archive = collected(root)
    assert archive.verdict("/home/ben/.bash_history") == "taken"
    missing = {line["source"] for line in archive.lines if line["verdict"] == "missing"}
    assert [source for source in missing if source.startswith("/home/anna/.{bash,") and source.endswith("_history")]
    assert not [source for source in missing if "<U>" in source or (source.startswith("/home/ben/") and source.endswith("_history"))]


def test_a_hive_and_its_logs_stand_together_and_come_first(windows, collected):
    archive = collected(windows)
    files = [name for name in archive.names if name.startswith("files/")]
    config = "files/C/Windows/System32/config/SYSTEM"
    assert files[:3] == [config, f"{config}.LOG1", f"{config}.LOG2"]
    user = files.index("files/C/Users/agnes.m/NTUSER.DAT")
    assert [name.lower() for name in files[user : user + 3]] == [f"files/c/users/agnes.m/ntuser.dat{end}" for end in ("", ".log1", ".log2")]


def test_windows_names_are_found_without_case(windows, collected, tmp_path):
    odd = tmp_path / "odd"
    config = odd / "WINDOWS/system32/CONFIG"
    config.mkdir(parents=True)
    for name in ("SYSTEM", "SYSTEM.LOG1"):
        (config / name.lower()).write_bytes((windows / "Windows/System32/config" / name).read_bytes())
    archive = collected(odd, "--targets", "WR01")
    assert archive.verdict("C:\\WINDOWS\\system32\\CONFIG\\system") == "taken"
    assert archive.verdict("C:\\WINDOWS\\system32\\CONFIG\\system.log1") == "taken"


def test_windows_host_is_named_by_its_own_registry(windows, collected):
    host = collected(windows, "--targets", "WN").document("collection.json")["host"]
    assert (host["name"], host["os"], host["timezone_name"], host["inferred"]) == (
        "DESKTOP-PM6C56D",
        "windows",
        "Eastern Standard Time",
        [],
    )


def test_linux_tree_is_taken_whole(linux, collected):
    archive = collected(linux)
    for path in LINUX:
        assert archive.verdict(f"/{path}") == "taken"
        assert archive.content(f"/{path}") == (linux / path).read_bytes()
        assert archive.custody[f"/{path}"]["sha256"] == sha256(linux / path)


def test_linux_host_is_named_by_its_own_files(linux, collected):
    header = collected(linux, "--targets", "LF04").document("collection.json")
    host = header["host"]
    assert (host["name"], host["timezone"], host["machine_id"]) == ("mairie-srv01", "Europe/Paris", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    assert (host["os_version"], host["root_ino"]) == ("Debian GNU/Linux 12 (bookworm)", linux.stat().st_ino)
    assert header["profile"] == "triage" and header["recipients"][0].startswith("age1") and header["clock"]["utc"].endswith("Z")


def test_homes_come_from_passwd_and_from_the_folder(linux, collected):
    archive = collected(linux, "--targets", "LF11")
    for path in ("/root/.bash_history", "/home/agnes/.zsh_history", "/srv/backup2/.bash_history", "/home/agnes/.ssh/authorized_keys"):
        assert archive.verdict(path) == "taken"


def test_no_secret_enters_the_archive(linux, collected):
    archive = collected(linux, "--profile", "full")
    for source in SECRETS:
        line = archive.custody[source]
        assert (line["verdict"], line["member"]) == ("blocked", None)
        assert line["mode"] == "0600"
    plain = archive.plain.read_bytes()
    assert b"BEGIN OPENSSH PRIVATE" not in plain and b"$6$synthetic" not in plain


def test_a_private_key_under_another_name_is_not_taken(root, collected):
    (root / "etc/notes.txt").write_text("-----BEGIN RSA PRIVATE KEY-----\nabc\n")
    archive = collected(root)
    assert archive.verdict("/etc/notes.txt") == "blocked"
    assert b"BEGIN RSA" not in archive.plain.read_bytes()


def test_fact_givers_come_before_everything_else(linux, collected):
    files = [name for name in collected(linux).names if name.startswith("files/")]
    assert set(files[:5]) == {f"files/root/etc/{name}" for name in ("hostname", "os-release", "machine-id", "timezone", "passwd")}


def test_links_are_listed_with_their_text_and_never_followed(linux, collected):
    archive = collected(linux)
    line = archive.custody["/etc/systemd/system/multi-user.target.wants/backup.service"]
    assert (line["verdict"], line["type"], line["link"], line["member"]) == ("link", "link", "/etc/systemd/system/backup.service", None)
    assert archive.custody["/etc/localtime"]["link"] == "/usr/share/zoneinfo/Europe/Paris"


def test_stock_tools_list_what_custody_says(linux, collected):
    archive = collected(linux)
    with_content = {line["name"] for line in archive.lines if line["member"] is not None}
    told = {name for name in archive.names if not name.startswith("custody/") and name not in ("end.json", "collection.json")}
    assert with_content - {"collection.json"} == told
    assert archive.names[0] == "collection.json" and archive.names[-1] == "end.json"


def test_facts_are_those_that_stat_prints(root, collected):
    file = root / "etc/odd.conf"
    file.write_text("x")
    (root / "etc/second").hardlink_to(file)
    file.chmod(0o2640)
    (root / "etc/group").write_text("root:x:0:\nwheel:x:4242:\n")
    if AS_ROOT:
        os.chown(file, 0, 4242)
    os.setxattr(file, "user.note", b"\x00\xff")
    os.utime(file, ns=(1_600_000_000_000_000_001, 1_600_000_000_987_654_321))
    line = collected(root, "--targets", "LF04").custody["/etc/odd.conf"]
    said = subprocess.run(["stat", "-c", "%a %u %g %h %i %d %W", str(file)], check=True, capture_output=True, text=True).stdout.split()
    assert [int(line["mode"], 8), *(line[name] for name in ("uid", "gid", "nlink", "ino", "dev"))] == [
        int(said[0], 8),
        *map(int, said[1:6]),
    ]
    assert line["mtime"] == "2020-09-13T12:26:40.987654321Z"
    assert (line["parent_ino"], line["root_ino"]) == ((root / "etc").stat().st_ino, root.stat().st_ino)
    assert base64.b64decode(line["xattrs"]["user.note"]) == b"\x00\xff"
    if AS_ROOT:
        assert (line["owner"], line["group_name"]) == ("root", "wheel")
    if int(said[6]) > 0:
        assert line["btime"].startswith(
            subprocess.run(["date", "-u", "-d", f"@{said[6]}", "+%FT%T"], check=True, capture_output=True, text=True).stdout.strip()
        )


def test_what_lies_elsewhere_is_not_taken(windows, linux, collected):
    archive = collected(windows, "--profile", "full")
    assert "C:\\Program Files\\Python\\w64.exe" not in archive.custody
    assert "C:\\Users\\agnes.m\\Documents\\budget.txt" not in archive.custody
    assert "/usr/bin/benign.sh" not in collected(linux, "--profile", "full").custody


def test_programs_in_places_for_users_are_taken_with_a_reason(windows, linux, collected):
    archive = collected(windows)
    assert archive.custody["C:\\Users\\Public\\t64.exe"]["why"] == "Windows program"
    assert archive.verdict("C:\\Users\\agnes.m\\AppData\\Local\\Temp\\invoice.pdf.exe") == "taken"
    line = collected(linux).custody["/tmp/.cache/run.sh"]
    assert (line["verdict"], line["target"], line["why"]) == ("taken", "LF13", "script (#!)")


def test_full_profile_adds_to_triage(windows, collected):
    other = "C:\\Windows\\System32\\winevt\\Logs\\Microsoft-Windows-LanguagePackSetup%4Operational.evtx"
    assert other not in collected(windows).custody
    assert collected(windows, "--profile", "full").verdict(other) == "taken"


def test_end_counts_what_custody_has(linux, collected):
    archive = collected(linux)
    totals = archive.document("end.json")["totals"]
    for verdict in ("taken", "missing", "blocked", "link"):
        assert totals[verdict] == sum(line["verdict"] == verdict and line["name"] != "collection.json" for line in archive.lines)


def test_collection_verifies_with_its_receipt(linux, collected, key, capsys):
    archive = collected(linux)
    assert scout("verify", str(archive.path), "-i", str(key[0]), "--receipt", f"{archive.path}.receipt.json") == 0
    assert "chain and receipt agree" in capsys.readouterr().out


def test_access_times_of_the_evidence_stay(root, collected):
    need(AS_ROOT, "root (O_NOATIME)")
    file = root / "var/log/syslog"
    os.utime(file, ns=(1_500_000_000_000_000_000, 1_600_000_000_000_000_000))
    collected(root)
    assert file.stat().st_atime_ns == 1_500_000_000_000_000_000


def test_a_signal_during_the_walk_ends_it_at_the_next_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C must not wait until a large tree has been walked: the archive is sealed with what there is."""
    root, out, entered = tmp_path / "root", tmp_path / "out", []
    for n in range(400):
        (root / "home" / f"user{n:03d}" / ".ssh").mkdir(parents=True)
        (root / "home" / f"user{n:03d}" / ".ssh" / "authorized_keys").write_text("x\n")
    (root / "etc").mkdir()
    (root / "etc" / "hostname").write_text("h\n")
    out.mkdir()

    def now(_: StageProgress, text: str) -> None:
        entered.append(text)
        if len(entered) == 10:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(StageProgress, "now", now)
    done = collect(CollectOptions(recipients=[keygen(tmp_path / "key.txt")], root=root, out=out), Screen(quiet=True))
    assert done.signal == signal.SIGTERM
    assert done.receipt.state == "interrupted"
    assert len(entered) < 20


def test_profiles_come_from_the_registry_and_from_the_folder(tmp_path: Path, collected) -> None:
    top = Key("ROOT", 0)
    listed = {
        "S-1-5-18": r"%systemroot%\system32\config\systemprofile",
        "S-1-5-21-1-1001": r"C:\Profiles\odd user",
        "S-1-5-21-1-1002": r"%SystemDrive%\users\AGNES",
        "S-1-5-21-1-1003": r"D:\Users\elsewhere",
        "S-1-5-21-1-1004": r"C:\Users\..\..\etc",
        "S-1-5-21-1-1005": "",
        "S-1-5-21-1-1006": "C:\\",
    }
    for sid, path in listed.items():
        top.at(rf"Microsoft\Windows NT\CurrentVersion\ProfileList\{sid}").put(ProfileImagePath=path)
    root = tmp_path / "disk"
    for folder in ("Windows/System32/config/systemprofile", "Profiles/odd user", "Users/agnes", "Users/unlisted"):
        (root / folder).mkdir(parents=True)
        (root / folder / "NTUSER.DAT").write_bytes(b"regf")
    (root / "Windows/System32/config/SOFTWARE").write_bytes(Image(top, 0, "SOFTWARE").hive())
    archive = collected(root)
    for path in (r"Windows\System32\config\systemprofile", r"Profiles\odd user", r"Users\agnes", r"Users\unlisted"):
        assert archive.verdict(rf"C:\{path}\NTUSER.DAT") == "taken"
    assert not any("elsewhere" in source or ".." in source for source in archive.custody)


def test_a_root_that_looks_like_both_is_asked_about(root: Path, collected, key, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder `windows/system32` must not turn a Linux host into a Windows disk of which nothing Linux is collected."""
    (root / "Windows/System32").mkdir(parents=True)
    (root / "usr").mkdir()
    assert scout("collect", "-r", key[1], "--root", str(root), "-o", str(root.parent)) == 2
    assert "--os linux or --os windows" in capsys.readouterr().err
    assert collected(root, "--os", "linux").verdict("/etc/passwd") == "taken"


def test_this_very_host_is_what_it_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scout.collecting.identity.systems_of", lambda _: ["windows"])
    assert not open_host(CollectOptions()).system.windows


def test_a_package_database_stands_together_with_its_write_ahead_log(root: Path, collected) -> None:
    folder = root / "usr/lib/sysimage/rpm"
    folder.mkdir(parents=True)
    for name in ("rpmdb.sqlite", "rpmdb.sqlite-shm", "rpmdb.sqlite-wal"):
        (folder / name).write_text(name)
    names = [name for name in collected(root).names if "rpmdb" in name]
    assert names == [f"files/root/usr/lib/sysimage/rpm/rpmdb.sqlite{end}" for end in ("", "-shm", "-wal")]


def test_logins_in_sqlite_are_taken_with_their_write_ahead_log(root, collected):
    """wtmpdb and lastlog2 replace wtmp and lastlog on Debian 13."""
    for name in ("var/lib/wtmpdb/wtmp.db", "var/lib/wtmpdb/wtmp.db-wal", "var/lib/lastlog/lastlog2.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"SQLite format 3\0")
    custody = collected(root).custody
    lines = {
        path: (line["verdict"], line["target"])
        for path, line in custody.items()
        if line["verdict"] == "taken" and path.startswith("/var/lib/")
    }
    assert lines == dict.fromkeys(
        ("/var/lib/wtmpdb/wtmp.db", "/var/lib/wtmpdb/wtmp.db-wal", "/var/lib/lastlog/lastlog2.db"), ("taken", "LF15")
    )


def test_collections_of_the_same_second_get_names_of_their_own(root, key, tmp_path, monkeypatch):
    import scout.collecting.collect as module

    class Stopped(module.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 11, 28, 9, 30, 0, 5, tzinfo=tz)

    monkeypatch.setattr(module, "datetime", Stopped)
    out = tmp_path / "out"
    out.mkdir()
    for _ in range(3):
        assert scout("collect", "--root", str(root), "-r", key[1], "-o", str(out), "-q") == 0
    begin = {path.name.partition("-20261128T093000Z-triage")[2] for path in out.glob("*.age")}
    assert begin == {".tar.zst.age", "-2.tar.zst.age", "-3.tar.zst.age"} and len(list(out.glob("*.receipt*"))) == 3
