"""The list of all files: compared with what `stat`, `find` and the test itself say, never with the code that lists."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
from datetime import UTC, datetime

import pytest

from scout.collecting.filelist import FileList
from scout.formats import capabilities
from scout.sources.directory import DirectorySource
from scout.sources.timed_calls import TimedCalls
from tests.conftest import need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, mounted, scout


def listed(root, *, count=1_000_000, seconds=60.0):
    listing = FileList([DirectorySource(root)], TimedCalls(0), lambda _: None, count=count, seconds=seconds)
    return {one["path"]: one for one in listing}, listing.cut


def seconds(text: str) -> float:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()


def test_the_listing_says_what_stat_says(root, collected):
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_bytes(b"x" * 77)
    (root / "usr/bin/tool").chmod(0o4755)
    (root / "usr/bin/link").symlink_to("tool")
    os.mkfifo(root / "tmp/pipe")
    os.utime(root / "usr/bin/tool", (1_000_000_000, 1_234_567_890))
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/info/tools:amd64.list").write_text("/.\n/bin\n/bin/tool\n")
    archive = collected(root)
    lines = [json.loads(line) for line in (archive.tree / "live/files.jsonl").read_text().splitlines()]
    assert lines[0] == {"schema": "files/1"}
    found = {one["path"]: one for one in lines[1:]}
    said = subprocess.run(["find", str(root), "-mindepth", "1", "-printf", "/%P\n"], capture_output=True, text=True, check=True)
    assert sorted(found) == sorted(said.stdout.splitlines())
    tool = found["/usr/bin/tool"]
    form = "%a %s %i %h %Y %X %Z"
    said = subprocess.run(["stat", "-c", form, str(root / "usr/bin/tool")], capture_output=True, text=True, check=True)
    mode, size, ino, links, mtime, atime, ctime = said.stdout.split()
    assert (tool["mode"], str(tool["size"]), str(tool["ino"]), str(tool["nlink"])) == (mode, size, ino, links)
    assert (tool["uid"], tool["gid"], tool["type"], tool["package"]) == (os.geteuid(), os.getegid(), "file", "tools")
    assert [seconds(tool[key]) for key in ("mtime", "atime", "ctime")] == [float(mtime), float(atime), float(ctime)]
    assert (found["/usr/bin/link"]["type"], found["/usr/bin/link"]["link"], found["/usr/bin/link"]["package"]) == ("link", "tool", "")
    assert found["/tmp/pipe"]["type"] == "pipe"
    assert archive.custody["live/files.jsonl"]["verdict"] == "taken"


def test_capabilities_and_attributes_are_listed(root):
    need(AS_ROOT, "root, which may set them")
    (root / "tmp/cap").write_bytes(b"")
    try:
        os.setxattr(root / "tmp/cap", "security.capability", struct.pack("<5I", 0x02000001, 1 << 7 | 1 << 13, 0, 0, 0))
    except OSError as e:
        pytest.skip(f"this file system keeps no capabilities: {e.strerror}")
    found, _ = listed(root)
    assert found["/tmp/cap"]["xattrs"] == ["security.capability"]
    assert found["/tmp/cap"]["capabilities"] == "cap_setuid,cap_net_raw=ep"  # as getcap writes it; bits 7 and 13 of capability.h
    (root / "tmp/fixed").write_bytes(b"")
    if subprocess.run(["chattr", "+i", str(root / "tmp/fixed")], capture_output=True).returncode == 0:
        try:
            assert listed(root)[0]["/tmp/fixed"]["flags"] == ["immutable"]
        finally:
            subprocess.run(["chattr", "-i", str(root / "tmp/fixed")], check=True)


def test_capability_text_follows_the_structure_of_the_kernel():
    assert capabilities.text(struct.pack("<5I", 0x02000000, 1 << 10, 0, 0, 0)) == "cap_net_bind_service=p"
    assert capabilities.text(struct.pack("<6I", 0x03000001, 0, 0, 1 << 7, 1 << 7, 1000)) == "cap_bpf=eip"
    assert [capabilities.text(raw) for raw in (b"", b"\1\0\0\2", b"\xff" * 20)] == ["", "", ""]


def test_odd_names_keep_their_bytes(root):
    for name in (b"/tmp/line\nfeed", b"/tmp/\x1b[31m", b"/tmp/\xff\xfe"):
        (root / os.fsdecode(name[1:])).write_bytes(b"")
    found, _ = listed(root)
    assert {"/tmp/line\nfeed", "/tmp/\x1b[31m", "/tmp/\\xff\\xfe"} <= set(found)
    assert base64.b64decode(found["/tmp/\\xff\\xfe"]["path_bytes"]) == b"/tmp/\xff\xfe"


def test_without_a_package_database_nothing_is_said_of_packages(root):
    assert all("package" not in one for one in listed(root)[0].values())


def test_bounds_of_count_and_time_cut_and_say_so(root):
    for number in range(50):
        (root / f"tmp/{number}").write_bytes(b"")
    found, cut = listed(root, count=20)
    assert (len(found), cut) == (20, "more than 20 names")
    assert listed(root, seconds=-1)[1] == "more than -1 s"


def test_a_cut_listing_is_over_the_limit_in_custody(root, key, tmp_path):
    from scout.archive.reader import ArchiveReader
    from scout.archive.writer import ArchiveWriter
    from scout.collecting.taking import ItemTaker, SizeLimits
    from scout.keys import load_identities, load_recipients

    keys, _ = load_recipients([key[1]])
    path = tmp_path / "a.tar.zst.age"
    with ArchiveWriter(path, keys, {"collection": "x", "schema": 1}) as writer:
        taker = ItemTaker(writer, TimedCalls(0), SizeLimits(), lambda: False)
        taker.files(FileList([DirectorySource(root)], TimedCalls(0), lambda _: None, count=3, seconds=60))
        writer.finish()
    with ArchiveReader(path, load_identities(key[0])) as reader:
        said = [json.loads(line) for member in reader if member.kind == "custody" for line in member.stream.read(1 << 20).splitlines()[1:]]
    (line,) = [one for one in said if one["name"] == "live/files.jsonl"]
    assert (line["verdict"], line["lines"], line["error"]) == ("over limit", 3, "more than 3 names: the rest was not listed")


def test_what_is_not_entered_is_listed_with_the_reason(root):
    need(AS_ROOT, "root, which may mount")
    (root / "proc").mkdir()
    with mounted("-t", "proc", "proc", str(root / "proc")):
        found, _ = listed(root)
    assert found["/proc"]["not_entered"] == "pseudo file system proc: never entered"
    assert not any(path.startswith("/proc/") for path in found)


def test_a_list_is_all_that_is_there_only_where_more_was_wanted(root, key, tmp_path, capsys):
    for name in ("etc/passwd", "etc/hostname", "var/log/syslog"):
        (root / name).unlink()
    for options, code in ((["--targets", "LF01"], 0), (["--targets", "LF01,LF04"], 1)):
        out = tmp_path / f"only{code}"
        out.mkdir()
        assert scout("collect", "-q", "-r", key[1], "-o", str(out), "--root", str(root), *options) == code
        assert ("Nothing could be taken but a list of files" in capsys.readouterr().out) == bool(code)


def test_of_windows_the_volumes_without_a_table_are_listed(corpus, collected, tmp_path):
    host = tmp_path / "host"
    for path in ("Windows/System32/config/SYSTEM", "Users/agnes/Desktop/notes.txt", "Users/agnes/empty folder/.keep", "odd \udcff"):
        (host / path).parent.mkdir(parents=True, exist_ok=True)
        (host / path).write_text("content")
    listed = collected(host, "--profile", "full", "--os", "windows")
    rows = [json.loads(line) for line in (listed.tree / "live/files.jsonl").read_text().splitlines()][1:]
    real = {os.fsencode(path.relative_to(host)) for path in host.rglob("*")}
    paths = [base64.b64decode(row["path_bytes"]) if "path_bytes" in row else row["path"].encode() for row in rows]
    assert sorted(path[3:].replace(b"\\", b"/") for path in paths) == sorted(real)
    image = corpus / "images/log2timeline+dfvfs/test_data/windows_volume.qcow2"
    raw = collected(None, "--image", str(image), "--os", "windows", "--profile", "full")
    assert "live/files.jsonl" not in raw.names
