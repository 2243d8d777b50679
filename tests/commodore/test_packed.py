"""Collections that other collectors packed are read as the folders that they are of."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime

import pytest
import zstandard

from commodore.case.reader import CaseReader
from commodore.engine import packed, recognise
from commodore.engine.process import process
from commodore.engine.redo import Redo
from fixtures.windows.evtx import Event, build
from scout.console import Complaint
from tests.conftest import need

LOG = b"Feb  6 15:16:33 web07 sshd[7]: Accepted password for root from 192.0.2.9 port 5 ssh2\n"
WRITTEN = 1_770_400_000
"""2026-02-06T17:46:40Z: gives the year of lines without one"""


def event_log() -> bytes:
    moment = datetime(2026, 2, 6, 15, 16, 33, tzinfo=UTC)
    ticks = int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
    event = Event("Security", "Microsoft-Windows-Eventlog", 1102, ticks, "2026-02-06T15:16:33.0000000Z", "PC-7.mairie.example")
    return build([event])


def tar(names: dict[str, bytes | str], mode: int = 0o644, kind: str = "w:gz") -> bytes:
    """A text is a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=kind) as archive:
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.mtime, member.mode = WRITTEN, mode
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return out.getvalue()


def zstd(content: bytes) -> bytes:
    """Two frames."""
    return zstandard.compress(content[:700]) + zstandard.compress(content[700:])


UAC = {"[root]/etc/hostname": b"web07\n", "[root]/var/log/auth.log": LOG, "[root]/etc/timezone": b"UTC\n", "live_response/ps.txt": b"x\n"}
LOGS = "Windows/System32/winevt/Logs"


@pytest.mark.parametrize(
    ("name", "content", "host", "os", "dataset"),
    [
        ("uac-web07.tar.gz", tar(UAC), "web07", "linux", "auth_log"),
        ("uac-web07.tar", tar(UAC, kind="w:"), "web07", "linux", "auth_log"),
        ("uac-web07.tar.zst", zstd(tar(UAC, kind="w:")), "web07", "linux", "auth_log"),
        ("C.1-F.2.zip", zipped({f"uploads/auto/C%3A/{LOGS}/Security.evtx": event_log()}), "PC-7", "windows", "evtx"),
        ("PC-7.zip", zipped({f"C/{LOGS}/Security.evtx".replace("/", "\\"): event_log()}), "PC-7", "windows", "evtx"),
        ("2026-02-06T1516_kape.zip", zipped({f"PC-7/C/{LOGS}/Security.evtx": event_log()}), "PC-7", "windows", "evtx"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_packed_collection_is_read_as_its_folder(tmp_path, name, content, host, os, dataset, inside):
    """The layouts of UAC, Velociraptor, CyLR and KAPE, given alone and in a folder with others."""
    given = tmp_path / "given" / name
    given.parent.mkdir()
    given.write_bytes(content)
    if inside:
        (given.parent / "notes.txt").write_text("x\n")
    case = tmp_path / "case"
    process([given.parent if inside else given], case, workers=1)
    (about,) = CaseReader(case).collections().values()
    (record,) = CaseReader(case).records(dataset)
    assert (about["os"], about["input"], about["origin"]) == (os, name, str(given))
    assert record["@timestamp"].startswith("2026-02-06T15:16:33")
    if os == "linux":
        assert (about["host"], record["escadre.source"]) == (host, "/var/log/auth.log")
        (passwd,) = [m for m in CaseReader(case).members(next(iter(CaseReader(case).collections()))) if m["path"] == "/etc/hostname"]
        assert (passwd["mode"], passwd["uid"], passwd["mtime"][:19]) == ("0644", 0, "2026-02-06T17:46:40")
    else:
        assert record["escadre.source"] == f"C:\\{LOGS}/Security.evtx".replace("/", "\\")


def test_the_temporary_folder_goes_with_the_collection(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({f"C/{LOGS}/Security.evtx": event_log()}))
    (collection,) = recognise.collections(tmp_path / "a.zip", [], tmp_path / "work")
    folder = collection.unpacked.folder
    assert (
        folder.is_relative_to(tmp_path / "work")
        and folder.is_dir()
        and folder.stat().st_mode & 0o077 == 0
        and folder.parent.stat().st_mode & 0o077 == 0
    )
    del collection
    assert not folder.exists()


def test_a_killed_run_leaves_nothing_for_the_next_one_and_nothing_lies_outside_of_the_case(tmp_path):
    """The process is killed where the archive is unpacked; its temporary folder is one that nobody may write."""
    (tmp_path / "a.tar").write_bytes(tar(UAC, kind="w:"))
    (tmp_path / "tmp").mkdir()
    code = "import os, commodore.engine.roots as r\nr.find = lambda _: os.kill(os.getpid(), 9)\nfrom commodore.cli import main\nmain()"
    run = [sys.executable, "-c", code, "process", str(tmp_path / "a.tar"), "-o", str(tmp_path / "case")]
    ended = subprocess.run(run, env=os.environ | {"TMPDIR": str(tmp_path / "tmp")}, capture_output=True, check=False)
    left = list((tmp_path / "case/.work/unpacked").rglob("auth.log"))
    assert ended.returncode == -9 and len(left) == 1 and left[0].stat().st_mode & 0o077 == 0
    process([tmp_path / "a.tar"], tmp_path / "case", workers=1)
    assert not left[0].exists() and not list((tmp_path / "tmp").iterdir())


def test_a_killed_process_that_nobody_waited_for_has_ended(tmp_path):
    need(hasattr(os, "waitid"), "waitid, which macOS lacks")
    (tmp_path / "a.tar").write_bytes(tar(UAC, kind="w:"))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left = tmp_path / "work" / f"{child.pid}-x"
    left.mkdir(parents=True)
    packed.unpacked(tmp_path / "a.tar", tmp_path / "work")
    assert left.exists()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    packed.unpacked(tmp_path / "a.tar", tmp_path / "work")
    assert not left.exists()
    child.communicate()


def test_without_a_case_nothing_is_unpacked(tmp_path):
    """A search over archives reads what is packed where it lies."""
    (tmp_path / "a.zip").write_bytes(zipped({f"C/{LOGS}/Security.evtx": event_log()}))
    (collection,) = recognise.collections(tmp_path / "a.zip", [])
    assert collection.unpacked is None and [file.path for file in collection.files] == [tmp_path / "a.zip"]


def test_a_directory_that_is_no_case_is_left_alone(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({f"C/{LOGS}/Security.evtx": event_log()}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("x")
    with pytest.raises(Complaint, match="is not empty and no case"):
        process([tmp_path / "a.zip"], tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_names_of_an_archive_do_not_lead_out_of_the_folder(tmp_path):
    """Links are listed and not made: nothing can be written through one, by files, hard links or further links."""
    outside = tmp_path / "outside"
    outside.mkdir()
    names = {
        "etc/passwd": b"root:x:0:0::/root:/bin/sh\n",
        "../out": b"x",
        "/abs": b"x",
        "link": str(outside),
        "link/through": b"x",
        "other": str(outside),
        "other/second": "/etc/passwd",
        "etc/passwd ": b"x",
        "etc/": b"",
    }
    (tmp_path / "a.tar").write_bytes(tar(names, kind="w:"))
    made = packed.unpacked(tmp_path / "a.tar", tmp_path / "work")
    assert sorted(made.facts) == ["abs", "etc/passwd", "etc/passwd ", "link/through", "other", "other/second"]
    assert {path.relative_to(made.folder).as_posix(): target for path, target in made.links.items()} == {
        "other": str(outside),
        "other/second": "/etc/passwd",
    }
    assert not list(outside.iterdir()) and not (tmp_path / "out").exists() and not any(p.is_symlink() for p in made.folder.rglob("*"))
    assert made.notes == ["3 entries were not unpacked: encrypted, broken, of a name that is there already, or outside of the folder"]


def test_links_of_a_packed_host_are_listed_and_followed_within_it(tmp_path):
    """What systemd reads through a link is read at the link's place, as it is of a folder."""
    unit = b"[Service]\nExecStart=/opt/agent\n"
    names = {"etc/hostname": b"web07\n", "etc/os-release": b"ID=debian\n", "srv/a.service": unit}
    names |= {"etc/systemd/system/a.service": "/srv/a.service", "etc/systemd/system/b.service": "/dev/null"}
    (tmp_path / "web07.tar").write_bytes(tar(names, kind="w:"))
    process([tmp_path / "web07.tar"], tmp_path / "case", workers=1)
    reader = CaseReader(tmp_path / "case")
    assert [r["escadre.source"] for r in reader.records("systemd_units")] == ["/etc/systemd/system/a.service"]
    links = {m["path"]: m.get("link") for m in reader.members(next(iter(reader.collections()))) if m.get("link")}
    assert links == {"/etc/systemd/system/a.service": "/srv/a.service", "/etc/systemd/system/b.service": "/dev/null"}


def test_what_is_broken_is_said_and_the_rest_is_read(tmp_path):
    whole = tar(UAC | {"[root]/var/log/z": bytes(2_000_000)}, kind="w:")
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(whole)[:600])
    process([tmp_path / "a.tar.gz"], tmp_path / "case", workers=1)
    (about,) = CaseReader(tmp_path / "case").collections().values()
    assert about["host"] == "web07" and about["state"] == "interrupted" and "cannot be read further" in about["reason"]


def test_an_archive_that_expands_without_end_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "FLOOR", 10_000)
    monkeypatch.setattr(packed, "RATIO", 1)
    (tmp_path / "a.zip").write_bytes(zipped({"etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "big": bytes(50_000_000)}))
    made = packed.unpacked(tmp_path / "a.zip", tmp_path / "work")
    assert list(made.facts) == ["etc/passwd"] and "1 entry was not unpacked" in made.notes[0]


@pytest.mark.parametrize(
    "whole",
    [tar(UAC), tar(UAC, kind="w:"), tar(UAC, kind="w:bz2"), tar(UAC, kind="w:xz"), zipped(UAC)],
    ids=["gz", "tar", "bz2", "xz", "zip"],
)
def test_damage_raises_nothing(tmp_path, whole):
    chance = random.Random(3)
    for number in range(60):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = tmp_path / f"{number}.tar"
        path.write_bytes(data[: chance.randrange(20, len(data) + 1)])
        if packed.is_packed(path):
            made = packed.unpacked(path, tmp_path / "work")
            assert all((made.folder / name).is_file() for name in made.facts)
        single = packed.single(path, tmp_path / "work")
        assert single is None or single.folder.is_dir()


def test_an_archive_that_is_no_collection_stays_evidence(tmp_path):
    (tmp_path / "docs.zip").write_bytes(zipped({"a/readme.txt": b"etc/hostname\n"}))
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04" + bytes(60))
    for name in ("docs.zip", "broken.zip"):
        (collection,) = recognise.collections(tmp_path / name, [], tmp_path / "work")
        assert collection.unpacked is None and collection.system() == ""


def test_a_compressed_event_log_is_of_the_computer_that_wrote_it(tmp_path):
    (tmp_path / "Security.evtx.gz").write_bytes(gzip.compress(event_log()))
    process([tmp_path / "Security.evtx.gz"], tmp_path / "case", workers=1)
    (about,) = CaseReader(tmp_path / "case").collections().values()
    assert (about["host"], about["os"], about["input"]) == ("PC-7.mairie.example", "windows", "Security.evtx.gz")
    assert [r["event.code"] for r in CaseReader(tmp_path / "case").records("evtx")] == ["1102"]


def test_a_format_that_is_not_unpacked_is_said(tmp_path):
    need(shutil.which("7z") is not None, "7z")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("web07\n")
    subprocess.run(["7z", "a", "-bd", tmp_path / "c.7z", "etc"], cwd=tmp_path, check=True, capture_output=True)
    process([tmp_path / "c.7z"], tmp_path / "case", workers=1)
    (finding,) = CaseReader(tmp_path / "case").findings()
    assert finding["rule.name"] == "A collection was given packed and was not read"


def test_a_dataset_of_a_packed_collection_is_made_again_from_the_archive(tmp_path):
    (tmp_path / "uac.tar.gz").write_bytes(tar(UAC))
    process([tmp_path / "uac.tar.gz"], tmp_path / "case", workers=1)
    before = list(CaseReader(tmp_path / "case").records("auth_log"))
    summary = process([], tmp_path / "case", workers=1, redo=Redo(("auth_log",)))
    assert [name for name, _ in summary.redone] and list(CaseReader(tmp_path / "case").records("auth_log")) == before
