"""`scout collect` on a hostile host: links, pipes, mounts in circles, names, sparse files, files that move, full disks, signals."""

from __future__ import annotations

import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from scout.archive.writer import ArchiveWriter
from scout.collecting.plan import make
from scout.collecting.reading import Reading
from scout.collecting.taking import ItemTaker, SizeLimits
from scout.keys import load_recipients
from scout.sources.directory import DirectorySource, DiskFile
from scout.sources.timed_calls import CallTimedOut, TimedCalls
from scout.targets import load, select
from tests.conftest import need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, SCOUT, Archive, mounted, scout


def test_a_pipe_called_auth_log_is_not_opened(root, collected):
    os.mkfifo(root / "var/log/auth.log")
    line = collected(root).custody["/var/log/auth.log"]
    assert (line["verdict"], line["type"], line["member"]) == ("blocked", "pipe", None)
    assert "never opened" in line["error"]


def test_devices_and_sockets_are_not_opened(root, collected):
    need(AS_ROOT, "root (mknod)")
    os.mknod(root / "var/log/messages", 0o20644, os.makedev(1, 5))
    import socket

    here = os.open(root / "var/log", os.O_RDONLY)
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(f"/proc/self/fd/{here}/sock")
    archive = collected(root)
    assert archive.custody["/var/log/messages"]["type"] == "character device"
    assert archive.custody["/var/log/sock"]["type"] == "socket"
    assert {archive.verdict("/var/log/messages"), archive.verdict("/var/log/sock")} == {"blocked"}


def test_links_out_of_the_root_and_in_circles_are_only_listed(root, collected, tmp_path):
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "plan.log").write_text("not part of the host")
    (root / "var/log/out").symlink_to(secret)
    (root / "var/log/file").symlink_to(secret / "plan.log")
    (root / "var/log/a").symlink_to("b")
    (root / "var/log/b").symlink_to("a")
    shutil.rmtree(root / "root")
    (root / "root").symlink_to("/root")
    archive = collected(root)
    for name, text in (("out", str(secret)), ("file", str(secret / "plan.log")), ("a", "b"), ("b", "a")):
        assert archive.custody[f"/var/log/{name}"]["link"] == text
    assert archive.custody["/root"]["link"] == "/root"
    assert b"not part of the host" not in archive.plain.read_bytes()


def test_a_link_that_appears_on_the_way_leads_nowhere(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/syslog").write_text("outside")
    examined = DirectorySource(root, windows=False)
    (root / "var/log").rename(root / "var/old")
    (root / "var/log").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError):
        examined.open(("var", "log", "syslog"))
    examined.close()


def test_mount_in_a_circle_ends(root, collected):
    (root / "var/log/loop").mkdir()
    with mounted("--bind", str(root), str(root / "var/log/loop")):
        archive = collected(root)
    assert archive.verdict("/var/log/syslog") == "taken"
    line = archive.custody["/var/log/loop"]
    assert line["verdict"] == "blocked" and "circle" in line["error"]


def test_pseudo_file_systems_are_not_entered_and_local_ones_are(root, collected):
    for name in ("proc", "memory"):
        (root / "var/log" / name).mkdir()
    with mounted("-t", "proc", "proc", str(root / "var/log/proc")), mounted("-t", "tmpfs", "none", str(root / "var/log/memory")):
        (root / "var/log/memory/app.log").write_text("in memory")
        archive = collected(root)
    line = archive.custody["/var/log/proc"]
    assert line["verdict"] == "blocked" and "pseudo file system proc" in line["error"]
    assert archive.content("/var/log/memory/app.log") == b"in memory"
    assert not any(source.startswith("/var/log/proc/") for source in archive.custody)


@pytest.mark.parametrize(
    "name", [b"two\nlines.log", b"\x1b[2Jclear.log", b"\xff\xfe invalid.log", "turned‮gol.log".encode(), b"percent%41:.log", b" ends. "]
)
def test_hostile_names_survive_as_they_are(root, collected, key, name, capsys):
    raw = os.fsencode(root / "var/log") + b"/" + name
    with open(raw, "wb") as file:
        file.write(b"content of " + name)
    archive = collected(root, "--targets", "LF06")
    source = os.fsdecode(b"/var/log/" + name)
    assert archive.verdict(source) == "taken"
    assert archive.content(source) == b"content of " + name
    capsys.readouterr()
    assert scout("list", str(archive.path), "-i", str(key[0])) == 0
    listed = capsys.readouterr().out
    assert all(line.isprintable() for line in listed.split("\n"))


def test_ten_gigabytes_of_nothing_cost_nothing(root, collected):
    file = root / "var/log/lastlog"
    with file.open("wb") as out:
        out.truncate(10_000_000_000)
        out.seek(4_000_000_000)
        out.write(b"one record")
        out.seek(9_999_999_990)
        out.write(b"the last10")
    archive = collected(root)
    line = archive.custody["/var/log/lastlog"]
    assert (line["verdict"], line["size"]) == ("taken", 10_000_000_000)
    assert archive.path.stat().st_size < 1_000_000
    copy = archive.tree / line["name"]
    assert copy.stat().st_size == 10_000_000_000 and copy.stat().st_blocks * 512 < 10_000_000
    with copy.open("rb") as back:
        back.seek(4_000_000_000)
        assert back.read(10) == b"one record"
        back.seek(9_999_999_990)
        assert back.read() == b"the last10"


def test_what_a_limit_leaves_behind_is_listed_with_hash_head_and_tail(root, collected):
    content = os.urandom(300_000)
    (root / "var/log/big.log").write_bytes(content)
    import base64

    line = collected(root, "--max-file", "100k").custody["/var/log/big.log"]
    assert (line["verdict"], line["member"], line["size"]) == ("over limit", None, 300_000)
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    head, tail = base64.b64decode(line["head"]), base64.b64decode(line["tail"])
    assert len(head) >= 4096 and content.startswith(head) and content.endswith(tail) and len(tail) >= 4096
    assert "100 kB" in line["error"]


def test_the_limit_in_all_stops_content_and_not_custody(root, collected):
    for number in range(5):
        (root / f"var/log/{number}.log").write_bytes(os.urandom(50_000))
    archive = collected(root, "--max-total", "120k")
    verdicts = [archive.verdict(f"/var/log/{number}.log") for number in range(5)]
    assert verdicts == ["taken", "taken", "over limit", "over limit", "over limit"]


def test_unreadable_files_are_denied_and_the_rest_is_taken(root, key, tmp_path):
    (root / "var/log/closed.log").write_text("x")
    (root / "var/log/closed.log").chmod(0)
    (root / "etc/closed").mkdir(mode=0)
    out = tmp_path / "out"
    out.mkdir()
    command = [*SCOUT, "collect", "-q", "-r", key[1], "--root", str(root), "-o", str(out)]
    if AS_ROOT:
        need(shutil.which("setpriv"), "setpriv")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    finally:
        (root / "etc/closed").chmod(0o700)
    (tmp_path / "opened").mkdir()
    archive = Archive(next(out.glob("*.age")), key[0], tmp_path / "opened")
    for source in ("/var/log/closed.log", "/etc/closed"):
        assert archive.verdict(source) == "denied"
        assert "EACCES" in archive.custody[source]["error"]
    assert archive.verdict("/var/log/syslog") == "taken"


def test_a_file_that_grows_while_it_is_read_says_so(root, collected):
    file = root / "var/log/busy.log"
    file.write_bytes(os.urandom(40_000_000))
    stop = threading.Event()

    def grow() -> None:
        with file.open("ab", buffering=0) as out:
            while not stop.is_set():
                out.write(b"more\n")
                time.sleep(0.0005)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        archive = collected(root, "--targets", "LF06")
    finally:
        stop.set()
        writer.join()
    line = archive.custody["/var/log/busy.log"]
    assert line["verdict"] == "changed while read"
    assert line["member"] is not None and file.read_bytes().startswith(archive.content("/var/log/busy.log"))


def test_a_file_that_vanishes_after_the_plan_says_so(root, key, tmp_path):
    keys, _ = load_recipients([key[1]])
    examined = DirectorySource(root, windows=False)
    plan = make(examined, select(load(), os_name="linux", profile="triage", names=["LF06"]), ["root"], {}, TimedCalls(0))
    (root / "var/log/syslog").unlink()
    with ArchiveWriter(tmp_path / "a.age", keys, {"collection": "x"}) as writer:
        taker = ItemTaker(writer, TimedCalls(0), SizeLimits(), lambda: 0)
        for item in plan.items:
            taker.take(item)
        writer.finish()
    examined.close()
    (tmp_path / "opened").mkdir()
    assert Archive(tmp_path / "a.age", key[0], tmp_path / "opened").verdict("/var/log/syslog") == "vanished"


def test_a_read_that_never_comes_back_costs_one_time_out():
    silent, _write_end = os.pipe()
    patience = TimedCalls(0.2)
    with pytest.raises(CallTimedOut):
        Reading(DiskFile(silent), patience).read(1)
    assert patience.call(len, b"still at work") == 13
    assert patience.given_up == 1
    os.close(_write_end)


def test_full_disk_keeps_what_was_sealed(root, key, tmp_path, capsys):
    for number in range(40):
        (root / f"var/log/{number}.log").write_bytes(os.urandom(500_000))
    small = tmp_path / "small"
    small.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=9m", "none", str(small)):
        assert scout("collect", "-q", "-r", key[1], "--root", str(root), "-o", str(small)) == 3
        said = capsys.readouterr().err
        assert "No space left on device" in said and "Traceback" not in said and len(said.splitlines()) <= 2
        (archive,) = small.iterdir()  # and no half of a receipt
        assert scout("verify", str(archive), "-i", str(key[0]), "--receipt", said.split()[-1].rstrip(".")) == 1
        assert "receipt agree" in capsys.readouterr().out
        assert scout("list", str(archive), "-i", str(key[0])) == 1
        assert "/var/log/" in capsys.readouterr().out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_seals_and_says_what_is_kept(root, key, tmp_path, capsys, number, code):
    for at in range(60):
        (root / f"var/log/{at:02d}.log").write_bytes(os.urandom(5_000_000))
    out = tmp_path / "out"
    out.mkdir()
    command = [*SCOUT, "collect", "-r", key[1], "--root", str(root), "-o", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        while child.poll() is None and not any(path.stat().st_size > 4_000_000 for path in out.glob("*.age")):
            time.sleep(0.002)
        child.send_signal(number)
        said, complaints = child.communicate(timeout=60)
    assert child.returncode == code
    assert "Stopped" in said and "kept and readable" in said and "Traceback" not in complaints
    archive = next(out.glob("*.age"))
    assert scout("verify", str(archive), "-i", str(key[0]), "--receipt", f"{archive}.receipt.json") == 1
    assert "Interrupted" in capsys.readouterr().out
    (tmp_path / "opened").mkdir()
    opened = Archive(archive, key[0], tmp_path / "opened")
    for source, line in opened.custody.items():
        if line["verdict"] == "taken" and source.startswith("/var/log"):
            assert opened.content(source) == (root / source[1:]).read_bytes()


def traced(root: Path, key, tmp_path: Path, *options: str) -> str:
    need(shutil.which("strace"), "strace")
    out = tmp_path / "out"
    out.mkdir()
    log = tmp_path / "trace"
    calls = (
        "trace=open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,truncate,"
        "ftruncate,chmod,fchmod,fchmodat,utimensat,linkat,symlinkat,mknodat"
    )
    subprocess.run(
        [
            "strace",
            "-f",
            "-qq",
            "-y",
            "-s",
            "4096",
            "-e",
            calls,
            "-o",
            str(log),
            *SCOUT,
            "collect",
            "-q",
            "-r",
            key[1],
            "--root",
            str(root),
            "-o",
            str(out),
            *options,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return log.read_text(errors="replace")


def test_nothing_is_written_but_the_archive_and_its_receipt(linux, key, tmp_path):
    writes = [
        line
        for line in traced(linux, key, tmp_path).splitlines()
        if " = -1 " not in line and ("O_WRONLY" in line or "O_RDWR" in line or "open" not in line)
    ]
    ours = [
        line
        for line in writes
        if "/dev/null" not in line and "resumed" not in line and "exited" not in line and "+++" not in line and "---" not in line
    ]
    assert ours and all(".tar.zst.age" in line for line in ours)
    assert not [line for line in ours if str(linux) in line]


SETTINGS = ("/etc/passwd>", "/etc/ssh/sshd_config>", "/etc/rsyslog.conf>", "/etc/syslog-ng/syslog-ng.conf>", "/etc/audit/auditd.conf>")
"""files that say where homes, keys and logs are"""


def test_explain_opens_only_settings_that_name_places_and_writes_nothing(linux, key, tmp_path):
    lines = traced(linux, key, tmp_path, "--explain").splitlines()
    opened = [line for line in lines if f"<{linux}" in line.rpartition(" = ")[2] and "O_DIRECTORY" not in line and " = -1 " not in line]
    assert opened and all(line.rstrip().endswith(SETTINGS) for line in opened)
    assert not list((tmp_path / "out").iterdir())


def test_names_that_differ_only_in_case_are_both_taken(root, collected):
    """A Windows tree on a file system that tells cases apart may hold both; neither may hide the other."""
    disk = root.parent / "disk"
    logs = disk / "Windows/System32/winevt/Logs"
    logs.mkdir(parents=True)
    for name in ("Security.evtx", "SECURITY.EVTX"):
        (logs / name).write_bytes(name.encode())
    archive = collected(disk, "--targets", "WE01")
    for name in ("Security.evtx", "SECURITY.EVTX"):
        assert archive.content(f"C:\\Windows\\System32\\winevt\\Logs\\{name}") == name.encode()


def test_a_real_ntfs_volume_gives_its_hives_and_its_file_table(windows, collected, tmp_path):
    need(AS_ROOT and shutil.which("mkntfs") and shutil.which("ntfs-3g") and Path("/dev/fuse").exists(), "mkntfs, ntfs-3g and /dev/fuse")
    image, point = tmp_path / "disk.img", tmp_path / "disk"
    point.mkdir()
    with image.open("wb") as out:
        out.truncate(40_000_000)
    subprocess.run(["mkntfs", "-q", "-F", str(image)], check=True, capture_output=True)
    with mounted("-t", "ntfs-3g", "-o", "loop", str(image), str(point)):
        shutil.copytree(windows / "Windows/System32/config", point / "Windows/System32/config")
    with mounted("-t", "ntfs-3g", "-o", "loop,ro,show_sys_files", str(image), str(point)):
        archive = collected(point, "--targets", "WR01,WN01")
    hive = "C:\\Windows\\System32\\config\\SYSTEM"
    assert archive.content(hive) == (windows / "Windows/System32/config/SYSTEM").read_bytes()
    table = archive.content("C:\\$MFT")
    assert table.startswith(b"FILE") and len(table) % 1024 == 0 and "SYSTEM.LOG1".encode("utf-16-le") in table
    assert "mode" not in archive.custody[hive]


def test_a_passwd_with_odd_characters_hides_no_home_and_ends_nothing(root, collected):
    passwd = "root:x:0:0:root:/root:/bin/sh\nodd:x:²:0::/home/odd:/bin/sh\nhuge:x:{}:0::/home/huge:/bin/sh\n".format("9" * 5000)
    passwd += "".join(f"u{n}:x:{1000 + n}:100:feed{end}er:/data/u{n}:/bin/sh\n" for n, end in enumerate("\x0b\x0c\x1c\x85\u2028"))
    (root / "etc/passwd").write_text(passwd)
    for n in range(5):
        (root / f"data/u{n}").mkdir(parents=True)
        (root / f"data/u{n}/.bash_history").write_text("ls\n")
    archive = collected(root)
    assert [archive.verdict(f"/data/u{n}/.bash_history") for n in range(5)] == ["taken"] * 5


def _scattered(path, pieces: int, apart: int) -> None:
    with path.open("wb") as file:
        for n in range(pieces):
            file.seek(n * apart)
            file.write(b"x")


def test_many_holes_of_one_width_stay_holes(root, collected):
    _scattered(root / "root/.bash_history", 5000, 64 << 20)
    need((root / "root/.bash_history").stat().st_blocks < 1 << 20, "a file system with holes")
    line = collected(root, "--targets", "LF11").custody["/root/.bash_history"]
    assert (line["verdict"], line["size"]) == ("taken", 4999 * (64 << 20) + 1)


def test_what_a_map_of_holes_cannot_hold_counts_as_data(root, collected, monkeypatch):
    monkeypatch.setattr("scout.archive.sparse.MAX_EXTENTS", 8)
    _scattered(root / "root/.bash_history", 20, 64 << 20)
    line = collected(root).custody["/root/.bash_history"]
    assert (line["verdict"], line["member"], len(line["sha256_data"])) == ("over limit", None, 64)


def test_a_lost_terminal_seals_and_leaves_the_receipt(root, key, tmp_path):
    import pty

    for at in range(40):
        (root / f"var/log/{at:02d}.log").write_bytes(os.urandom(5_000_000))
    out = tmp_path / "out"
    out.mkdir()
    pid, terminal = pty.fork()
    if not pid:
        os.execv(SCOUT[0], [*SCOUT, "collect", "-r", key[1], "--root", str(root), "-o", str(out)])
    with selectors.DefaultSelector() as lines:
        lines.register(terminal, selectors.EVENT_READ)
        while not any(path.stat().st_size > 4_000_000 for path in out.glob("*.age")):
            if lines.select(0.002):  # never wait for the next line: the collection may have ended by then
                os.read(terminal, 1 << 16)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 129
    archive = next(out.glob("*.age"))
    assert scout("verify", str(archive), "-i", str(key[0]), "--receipt", f"{archive}.receipt.json") == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_signal_at_the_first_and_at_the_last_moment(root, key, tmp_path, monkeypatch, capsys, late):
    """While the archive is made: stopped, with a receipt. When it is whole already: done, and nobody says that it was stopped."""
    name = "finish" if late else "__init__"
    real = getattr(ArchiveWriter, name)

    def struck(self, *arguments):
        made = real(self, *arguments)
        signal.raise_signal(signal.SIGTERM)
        return made

    monkeypatch.setattr(ArchiveWriter, name, struck)
    out = tmp_path / "out"
    out.mkdir()
    assert scout("collect", "-r", key[1], "--root", str(root), "-o", str(out)) == (0 if late else 143)
    assert ("Stopped" in capsys.readouterr().out) is not late
    archive = next(out.glob("*.age"))
    assert scout("verify", str(archive), "-i", str(key[0]), "--receipt", f"{archive}.receipt.json") == (0 if late else 1)


def test_a_receipt_that_cannot_be_written_is_said(root, key, tmp_path, capsys):
    small = tmp_path / "small"
    small.mkdir()
    with mounted("-t", "tmpfs", "-o", "nr_inodes=2", "none", str(small)):
        assert scout("collect", "-q", "-r", key[1], "--root", str(root), "-o", str(small)) == 0
        said = capsys.readouterr().out
    assert ".receipt.json could not be written" in said and "only you have it" in said


def test_what_is_kept_of_files_over_a_limit_is_limited_too(root, collected, monkeypatch):
    monkeypatch.setattr("scout.collecting.taking._ENDS_IN_ALL", 20_000)
    for at in range(5):
        (root / f"var/log/{at}").write_bytes(os.urandom(9000))
    archive = collected(root, "--max-file", "5000")
    lines = [archive.custody[f"/var/log/{at}"] for at in range(5)]
    assert [("head" in line, "tail" in line, len(line["sha256"])) for line in lines] == [(True, True, 64)] * 2 + [(False, False, 64)] * 3
    assert "left out" in lines[-1]["error"]
