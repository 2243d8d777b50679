"""Archives of SCOUT, read by age, zstd, tar and Python's tarfile, not by our reader."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pyrage
import pytest
import zstandard

from scout.archive import ArchiveReader, ArchiveWriter, GroupPlace, Stopped, WantedItem
from scout.archive.facts import nanoseconds, of_stat, rfc3339
from scout.archive.sparse import MAX_EXTENTS, extents, normal
from scout.console import Complaint
from scout.keys import keygen, load_recipients
from tests.conftest import ROOT, need
from tests.scout.archive_tools import MTIME, plaintext, shell, small

MIB = 1 << 20


@pytest.fixture
def identity():
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "pc-20261122T021503Z-triage.tar.zst.age"


def custody(tar: bytes) -> dict[str, dict]:
    """Custody lines by native path, by tarfile and json."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        parts = [opened.extractfile(m).read() for m in opened if m.name.startswith("custody/")]
    return {line["source"]: line for part in parts for line in map(json.loads, part.splitlines()[1:])}


def test_stock_tools_list_and_extract_it(archive: Path, tmp_path: Path) -> None:
    for tool in ("age", "zstd", "tar"):
        need(shutil.which(tool), tool)
    public = keygen(tmp_path / "key.txt")
    small(archive, load_recipients([public])[0])
    opened = 'age -d -i "$0" "$1" | zstd -d | tar --warning=no-unknown-keyword '
    assert shell(opened + "-t", tmp_path / "key.txt", archive).decode().splitlines() == [
        "collection.json",
        "live/processes.jsonl",
        "files/C/Windows/System32/config/SYSTEM",
        "files/C/Windows/System32/config/SYSTEM.LOG1",
        "files/C/Windows/System32/config/SYSTEM.LOG2",
        "custody/000000.jsonl",
        "files/root/etc/passwd",
        "custody/000001.jsonl",
        "end.json",
    ]
    shell(opened + '-x -C "$2"', tmp_path / "key.txt", archive, tmp_path)
    assert (tmp_path / "files/C/Windows/System32/config/SYSTEM").read_bytes() == b"regf" + bytes(9000)
    assert (tmp_path / "files/root/etc/passwd").stat().st_mtime_ns == nanoseconds(MTIME)


def test_each_recipient_opens_it_alone(archive: Path, tmp_path: Path) -> None:
    need(shutil.which("ssh-keygen"), "ssh-keygen")
    need(shutil.which("age"), "age")
    publics = [keygen(tmp_path / "a.txt")]
    for kind in ("ed25519", "rsa"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / kind], check=True)
        publics.append(str(tmp_path / f"{kind}.pub") if kind == "rsa" else (tmp_path / f"{kind}.pub").read_text())
    small(archive, load_recipients(publics)[0])
    seen = {shell('age -d -i "$0" "$1" | zstd -d', tmp_path / key, archive) for key in ("a.txt", "ed25519", "rsa")}
    assert len(seen) == 1
    assert next(iter(seen))[1024:].startswith(b"collection.json")


def test_pax_keys_times_and_owners_are_in_the_headers(archive: Path, identity) -> None:
    small(archive, [identity.to_public()])
    with tarfile.open(fileobj=io.BytesIO(plaintext(archive, identity))) as opened:
        members = opened.getmembers()
    assert [m.pax_headers["ESCADRE.member"] for m in members] == [str(n) for n in range(len(members))]
    assert [m.pax_headers.get("ESCADRE.group") for m in members][2:5] == [
        "registry-1:main:1/3",
        "registry-1:log1:2/3",
        "registry-1:log2:3/3",
    ]
    passwd = next(m for m in members if m.name.endswith("passwd"))
    assert (passwd.mode, passwd.uid, passwd.gid, passwd.uname, passwd.pax_headers["mtime"]) == (0o640, 7, 8, "root", "1795230245.123456789")


def test_custody_is_a_chain_that_end_json_closes(archive: Path, identity) -> None:
    receipt = small(archive, [identity.to_public()])
    tar = plaintext(archive, identity)
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        parts = [opened.extractfile(m).read() for m in opened if m.name.startswith("custody/")]
        end = json.load(opened.extractfile("end.json"))
    before = hashlib.sha256(b"").hexdigest()
    for number, part in enumerate(parts):
        first = json.loads(part.splitlines()[0])
        assert (first["part"], first["previous"]) == (number, before)
        before = hashlib.sha256(part).hexdigest()
    assert end["chain_head"] == receipt.chain_head == before
    assert end["totals"] == {
        "bytes": sum(line.get("size", 0) for s, line in custody(tar).items() if s != "collection.json"),
        "denied": 1,
        "taken": 5,
    }
    line = custody(tar)["/etc/shadow"]
    assert line == {
        "member": None,
        "name": "files/root/etc/shadow",
        "source": "/etc/shadow",
        "target": "accounts",
        "verdict": "denied",
        "method": "api",
        "type": "file",
        "error": "Permission denied",
    }


def test_the_receipt_beside_it_says_what_sha256sum_says(archive: Path, identity) -> None:
    receipt = small(archive, [identity.to_public()])
    beside = json.loads(Path(f"{archive}.receipt.json").read_text())
    assert beside["archive_sha256"] == receipt.archive_sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (beside["state"], beside["archive"], beside["size"]) == ("whole", archive.name, archive.stat().st_size)
    assert [len(p) for p in receipt.code.split("-")] == [4, 4, 4]
    assert set(receipt.code) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-")


def test_only_the_owner_may_read_archive_and_key(archive: Path, tmp_path: Path, identity) -> None:
    old = os.umask(0)
    try:
        keygen(tmp_path / "key.txt")
        small(archive, [identity.to_public()])
    finally:
        os.umask(old)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (archive, tmp_path / "key.txt")] == [0o600, 0o600]


def test_an_existing_file_is_never_overwritten(archive: Path, identity) -> None:
    archive.write_bytes(b"mine")
    with pytest.raises(Complaint, match="exists already") as e:
        ArchiveWriter(archive, [identity.to_public()], {})
    assert e.value.do
    assert archive.read_bytes() == b"mine"
    with pytest.raises(Complaint, match="No such file or directory"):
        ArchiveWriter(archive.parent / "none" / "x.age", [identity.to_public()], {})


def test_a_sparse_file_of_10_gb_costs_nothing_and_stays_sparse(archive: Path, tmp_path: Path) -> None:
    for tool in ("age", "zstd", "tar"):
        need(shutil.which(tool), tool)
    public = keygen(tmp_path / "key.txt")
    size = 10 << 30
    wanted = {0: b"head" * 1024, 5 << 30: b"middle" * 10_000, (9 << 30) + 4096: b"late" * 1024}
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
        for offset, data in wanted.items():
            file.seek(offset)
            file.write(data)
    with (tmp_path / "sparse").open("rb", buffering=0) as file, ArchiveWriter(archive, load_recipients([public])[0], {}) as writer:
        found = extents(file.fileno(), size)
        need(found is not None, "a file system with holes")
        line = writer.add(WantedItem(source="/var/sparse", size=size, extents=found), file)
        writer.finish()
    assert archive.stat().st_size < 10_000
    assert line["size"] == size
    shell('age -d -i "$0" "$1" | zstd -d | tar -x --warning=no-unknown-keyword -C "$2"', tmp_path / "key.txt", archive, tmp_path)
    out = tmp_path / "files/root/var/sparse"
    assert out.stat().st_size == size
    assert out.stat().st_blocks * 512 < 1 * MIB
    with out.open("rb") as file:
        for offset, data in wanted.items():
            file.seek(offset)
            assert file.read(len(data) + 4096).startswith(data)


def test_a_sparse_file_is_extracted_byte_for_byte_and_its_hash_is_that_of_the_file(archive: Path, identity) -> None:
    rnd = random.Random(5)
    content = bytearray(3 * MIB + 77)
    holes = [(rnd.randrange(0, 3 * MIB, 512), rnd.randrange(1, 60_000)) for _ in range(20)]
    for offset, length in holes:
        content[offset : offset + length] = rnd.randbytes(length)[: len(content) - offset]
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        line = writer.add(WantedItem(source="/s", size=len(content), extents=tuple(holes)), io.BytesIO(content))
        writer.finish()
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    assert line["sha256_data"] == hashlib.sha256(b"".join(content[a : a + n] for a, n in normal(holes, len(content)))).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(plaintext(archive, identity))) as opened:
        assert opened.extractfile("files/root/s").read() == content


def test_many_holes_become_a_map_of_bounded_length_that_covers_all_data() -> None:
    given = [(i * 100, 50 + i % 40) for i in range(70_000)]
    joined = normal(given, 7_000_000)
    assert len(joined) == MAX_EXTENTS
    ends = dict(joined)
    covered = bytearray(7_000_000)
    for start, length in ends.items():
        covered[start : start + length] = b"\1" * length
    assert all(all(covered[a : a + n]) for a, n in given)


class Shrinking(io.BytesIO):
    """A stream that raises when it comes to its end."""

    def readinto(self, room) -> int:
        n = super().readinto(room)
        if not n:
            raise OSError(5, "Input/output error")
        return n


def test_files_that_change_while_they_are_read(archive: Path, identity) -> None:
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        writer.add(WantedItem(source="/short", size=3000), io.BytesIO(b"a" * 1000))
        writer.add(WantedItem(source="/long", size=1000), io.BytesIO(b"b" * 3000))
        writer.add(WantedItem(source="/bad", size=2 * MIB), Shrinking(b"c" * 5000))
        writer.add(WantedItem(source="/empty", size=0), io.BytesIO(b""))
        writer.add(
            WantedItem(source="/moved", size=4),
            io.BytesIO(b"same"),
            after=lambda: {"verdict": "changed while read", "error": "mtime moved"},
        )
        writer.finish()
    tar = plaintext(archive, identity)
    lines = custody(tar)
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        content = {name: opened.extractfile(f"files/root/{name}").read() for name in ("short", "long", "bad", "empty", "moved")}
    assert content == {
        "short": b"a" * 1000 + bytes(2000),
        "long": b"b" * 1000,
        "bad": b"c" * 5000 + bytes(2 * MIB - 5000),
        "empty": b"",
        "moved": b"same",
    }
    assert {s: (line["verdict"], line.get("valid")) for s, line in lines.items() if s != "collection.json"} == {
        "/short": ("changed while read", 1000),
        "/long": ("changed while read", None),
        "/bad": ("error", 5000),
        "/empty": ("taken", None),
        "/moved": ("changed while read", None),
    }
    assert lines["/bad"]["error"] == "read error: Input/output error"
    assert all(line["sha256"] == hashlib.sha256(content[s[1:]]).hexdigest() for s, line in lines.items() if s != "collection.json")


@pytest.mark.parametrize("way", ["beside", "thread"])
def test_every_content_has_its_own_hash_whatever_its_size_and_however_slow_the_disk(archive: Path, identity, way, monkeypatch) -> None:
    monkeypatch.setattr("scout.archive.link._may_fork", lambda: way == "beside")
    chance = random.Random(5)
    edges = [0, 1, 16 << 10, (16 << 10) + 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 77]
    content = {f"/{n}": chance.randbytes(64) * (size // 64) + b"x" * (size % 64) for n, size in enumerate(edges * 4)}
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        for number, (source, data) in enumerate(content.items()):
            said = writer.add(WantedItem(source=source, size=len(data) + (number % 7 == 6)), io.BytesIO(data))
            assert said["verdict"] == ("changed while read" if number % 7 == 6 else "taken")
        writer.finish()
    lines = custody(plaintext(archive, identity))
    for number, (source, data) in enumerate(content.items()):
        assert lines[source]["sha256"] == hashlib.sha256(data + bytes(number % 7 == 6)).hexdigest(), (source, len(data))


def test_a_second_item_of_a_name_is_named_in_custody_and_not_written(archive: Path, identity) -> None:
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        writer.add(WantedItem(source="/x", size=1), io.BytesIO(b"1"))
        line = writer.add(WantedItem(source="/x", size=1), io.BytesIO(b"2"))
        writer.finish()
    assert (line["member"], line["verdict"]) == (None, "error")
    assert plaintext(archive, identity).count(b"files/root/x\0") == 1


def test_frames_hold_at_most_a_mebibyte_and_every_seal_ends_one(archive: Path, identity) -> None:
    rnd = random.Random(2)
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        for number in range(40):
            content = rnd.randbytes(100_000) + bytes(rnd.randrange(400_000))
            writer.add(
                WantedItem(
                    source=f"/{number}",
                    size=len(content),
                    group=GroupPlace(f"g{number // 2}", "main", number % 2 + 1, 2) if number < 6 else None,
                ),
                io.BytesIO(content),
            )
        writer.finish()
    packed = pyrage.decrypt(archive.read_bytes(), [identity])
    ends, at = [0], 0
    while packed:
        if packed[:4] == b"\x50\x2a\x4d\x18":
            packed = packed[8 + int.from_bytes(packed[4:8], "little") :]
            continue
        frame = zstandard.ZstdDecompressor().decompressobj()
        at += len(frame.decompress(packed))
        packed = frame.unused_data
        ends.append(at)
    assert max(b - a for a, b in itertools.pairwise(ends)) <= MIB
    tar = plaintext(archive, identity)
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        seals = [m.offset_data + (m.size + 511) // 512 * 512 for m in opened if m.name.startswith("custody/")]
        names = opened.getnames()
    assert set(seals) <= set(ends)
    assert [names.index(f"files/root/{n}") + 1 for n in (1, 3, 5)] == [names.index(f"custody/00000{n}.jsonl") for n in (0, 1, 2)]
    assert max(b - a for a, b in itertools.pairwise(seals)) < 5 * MIB


def test_a_group_whose_last_file_is_missing_is_sealed_when_another_item_comes(archive: Path, identity) -> None:
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        writer.add(WantedItem(source="/a", size=1, group=GroupPlace("g", "main", 1, 2)), io.BytesIO(b"1"))
        writer.verdict(WantedItem(source="/a.log", group=GroupPlace("g", "log1", 2, 2)), "denied")
        writer.add(WantedItem(source="/b", size=1, group=GroupPlace("h", "main", 1, 2)), io.BytesIO(b"1"))
        writer.add(WantedItem(source="/c", size=1), io.BytesIO(b"1"))
        writer.finish()
    tar = plaintext(archive, identity)
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        assert opened.getnames() == [
            "collection.json",
            "files/root/a",
            "custody/000000.jsonl",
            "files/root/b",
            "custody/000001.jsonl",
            "files/root/c",
            "custody/000002.jsonl",
            "end.json",
        ]
    assert {s: line["member"] for s, line in custody(tar).items()} == {"collection.json": 0, "/a": 1, "/a.log": None, "/b": 3, "/c": 5}


def test_size_is_within_ten_percent_of_the_stock_pipeline(archive: Path, tmp_path: Path) -> None:
    for tool in ("age", "zstd", "tar"):
        need(shutil.which(tool), tool)
    sys.path.insert(0, str(ROOT))
    from bench.archive import build, write

    (tmp_path / "root").mkdir()
    build(tmp_path / "root", 40)
    public = keygen(tmp_path / "key.txt")
    write(str(tmp_path / "root"), str(archive), public)
    shell('tar -C "$0" -c . | zstd -q -3 | age -r "$1" > "$2"', tmp_path / "root", public, tmp_path / "stock.age")
    assert archive.stat().st_size <= 1.10 * (tmp_path / "stock.age").stat().st_size


WAYS = ("beside", "within")
"""the press in a process of its own, and in a thread"""
FORCED = """
import sys
from scout.archive import link
way = sys.argv.pop()
link._may_fork = lambda: way == "beside"
"""
DISK_FULL = (
    FORCED
    + """
import io, os, resource
from scout.archive import ArchiveWriter, WantedItem
from scout.console import Complaint
from scout.keys import load_recipients
limit, size, count = map(int, sys.argv[3:6])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
writer = ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {"collection": "full"})
try:
    for n in range(count):
        writer.add(WantedItem(source=f"/{n}", size=size), io.BytesIO(os.urandom(size)))
    writer.finish()
except Complaint as c:
    print(c.what); print(c.do)
receipt = writer.abort("disk full")
print(receipt.state, receipt.archive_sha256, receipt.code, writer.sealed.items)
"""
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("limit", "size", "count", "least"),
    [(9_000_000, 1 << 20, 100, 2), (200_000, 70_000, 3, 0), (9_000_000, 50_000, 1000, 2), (9_000_000, 64 << 20, 1, 0), (100, 10, 1, 0)],
    ids=["at a mebibyte", "in the last frame", "among small files", "in a large file", "at once"],
)
def test_a_full_disk_ends_in_one_clear_complaint_and_what_was_sealed_reads(
    archive: Path, tmp_path: Path, way: str, limit: int, size: int, count: int, least: int
) -> None:
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    public = keygen(tmp_path / "key.txt")
    command = [sys.executable, "-c", DISK_FULL, archive, public, str(limit), str(size), str(count), way]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT, timeout=60)
    what, do, receipt = done.stdout.splitlines()
    assert what == f"{archive} could not be written any further: File too large."
    assert "seals are kept and readable" in do
    state, digest, code, items = receipt.split()
    assert (state, digest) == ("interrupted", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert int(items) >= least
    if archive.stat().st_size > 500:
        verdict = verify(archive, load_identities(tmp_path / "key.txt"), code)
        assert (verdict.state, verdict.receipt, verdict.problems) == ("interrupted", "agrees", [])
        assert verdict.items >= int(items)


STOPPED = (
    FORCED
    + """
import io, os, signal, threading, time, psutil
from scout.archive import ArchiveWriter, WantedItem
from scout.keys import load_recipients
writer = ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {"collection": "slow"})
for n in range(5):
    writer.add(WantedItem(source=f"/{n}", size=1000), io.BytesIO(os.urandom(1000)))
press = psutil.Process().children()[0]
press.suspend()
threading.Timer(4, press.resume).start()
if sys.argv[3] == "interrupt":
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    receipt = writer.finish()
except KeyboardInterrupt:
    receipt = writer.abort("Ctrl-C")
print(receipt.state, receipt.code)
"""
)


@pytest.mark.parametrize(("what", "state"), [("wait", "whole"), ("interrupt", "interrupted")])
def test_a_disk_that_is_slow_at_the_end_gives_a_right_archive_and_receipt(archive: Path, tmp_path: Path, what: str, state: str) -> None:
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    public = keygen(tmp_path / "key.txt")
    command = [sys.executable, "-c", STOPPED, archive, public, what, "beside"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT, timeout=60)
    said, code = done.stdout.split()
    verdict = verify(archive, load_identities(tmp_path / "key.txt"), code)
    assert (said, verdict.state, verdict.receipt, verdict.problems) == (state, state, "agrees", [])


REFUSED = """
import io, os, sys
from scout.archive import ArchiveWriter, WantedItem
from scout.keys import load_recipients
def refuse(): raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = refuse
before = len(os.listdir("/proc/self/fd"))
with ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {"collection": "alone"}) as writer:
    writer.add(WantedItem(source="/x", size=3), io.BytesIO(b"abc"))
    print(writer.finish().state)
print(len(os.listdir("/proc/self/fd")) - before)
"""


def test_where_no_process_is_to_be_had_it_works_within(archive: Path, tmp_path: Path) -> None:
    public = keygen(tmp_path / "key.txt")
    command = [sys.executable, "-c", REFUSED, archive, public]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.split() == ["whole", "0"]


def test_nobody_waits_for_the_press_and_it_holds_nothing_of_the_collector(archive: Path, tmp_path: Path) -> None:
    public = keygen(tmp_path / "key.txt")
    held = """
import os, sys, time, psutil
from scout.archive import ArchiveWriter
from scout.keys import load_recipients
def held(pid):
    try:
        return sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:  # closed between the listing and the look
        return []
spare = open("/etc/passwd")
os.set_inheritable(spare.fileno(), True)
writer = ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {})
pid = psutil.Process().children()[0].pid
wanted = sorted([sys.argv[1], "pipe", "pipe", "/dev/null", "/dev/null", "/dev/null"])
end = time.monotonic() + 30  # the process closes what it inherited as its first act, some time after the fork
while (kinds := held(pid)) != wanted and time.monotonic() < end:
    time.sleep(0.01)
print(*kinds)
writer.finish()
"""
    command = [sys.executable, "-c", held, archive, public]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT, timeout=60)
    kinds = done.stdout.split()
    assert kinds.count("pipe") == 2
    assert set(kinds) - {"pipe", "/dev/null"} == {str(archive)}


def test_a_starter_that_ignores_its_children_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "root/etc").mkdir(parents=True)
    public = keygen(tmp_path / "key.txt")
    program = "'from scout.cli import main; main()'"
    collect = f"exec '{sys.executable}' -c {program} collect -q -r {public} --root '{tmp_path}/root' --os linux -o '{tmp_path}'"
    done = subprocess.run(["bash", "-c", f"trap '' CHLD; {collect}"], cwd=ROOT, timeout=60, stdout=subprocess.PIPE, check=False)
    assert done.returncode in (0, 1)  # nearly all that is wanted is missing in an empty root
    assert json.loads(next(tmp_path.glob("*.receipt.json")).read_text())["state"] == "whole"


SAME = (
    FORCED
    + """
import io, os, random, psutil
from scout.archive import ArchiveWriter, WantedItem
from scout.keys import load_recipients
rnd = random.Random(3)
with ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {"collection": "same"}) as writer:
    print(len(psutil.Process().children()))
    for n in range(60):
        size = rnd.randrange(1, 700_000)
        writer.add(WantedItem(source=f"/{n}", size=size), io.BytesIO(rnd.randbytes(size // 3) + bytes(size - size // 3)))
    writer.add(WantedItem(source="/hole", size=1 << 30, extents=((5 << 20, 10),)), io.BytesIO(b"x" * (5 << 20) + b"0123456789"))
    print(writer.finish().archive_sha256)
print(len(psutil.Process().children()))
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_the_press_works_beside_and_within(archive: Path, tmp_path: Path, way: str) -> None:
    from scout.keys import load_identities

    public = keygen(tmp_path / "key.txt")
    done = subprocess.run([sys.executable, "-c", SAME, archive, public, way], stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    assert done.stdout.split() == [str(int(way == "beside")), hashlib.sha256(archive.read_bytes()).hexdigest(), "0"]
    rnd = random.Random(3)
    with tarfile.open(fileobj=io.BytesIO(plaintext(archive, load_identities(tmp_path / "key.txt")[0]))) as opened:
        for n in range(60):
            size = rnd.randrange(1, 700_000)
            assert opened.extractfile(f"files/root/{n}").read() == rnd.randbytes(size // 3) + bytes(size - size // 3)
        assert opened.getmember("files/root/hole").size == 1 << 30
        assert opened.getnames()[-1] == "end.json"


STRUCK = (
    FORCED
    + """
import io, os, psutil
from scout.archive import ArchiveWriter, WantedItem
from scout.console import Complaint
from scout.keys import load_recipients
writer = ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {"collection": "struck"})
try:
    for n in range(1000):
        if n == 40:
            psutil.Process().children()[0].kill()
        writer.add(WantedItem(source=f"/{n}", size=1 << 20), io.BytesIO(os.urandom(1 << 20)))
except Complaint as c:
    print(c.what)
receipt = writer.abort("killed")
print(receipt.state, receipt.archive_sha256, receipt.size, receipt.code, writer.sealed.items)
"""
)


def test_a_press_that_is_killed_is_said_and_what_was_sealed_reads(archive: Path, tmp_path: Path) -> None:
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    public = keygen(tmp_path / "key.txt")
    command = [sys.executable, "-c", STRUCK, archive, public, "beside"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    what, receipt = done.stdout.splitlines()
    assert what == f"{archive} could not be written any further: the process that encrypts was killed by signal 9."
    state, digest, size, code, items = receipt.split()
    assert (state, digest, int(size)) == ("interrupted", hashlib.sha256(archive.read_bytes()).hexdigest(), archive.stat().st_size)
    verdict = verify(archive, load_identities(tmp_path / "key.txt"), code)
    assert (verdict.state, verdict.receipt) == ("interrupted", "agrees")
    assert 20 <= int(items) <= verdict.items  # killed between a write and its report, the press leaves more than it told of


def test_stop_seals_what_there_is(archive: Path, identity) -> None:
    class Endless(io.RawIOBase):
        def readinto(self, room) -> int:
            writer.stop("SIGTERM") if writer.written else None
            room[:] = b"e" * len(room)
            return len(room)

    writer = ArchiveWriter(archive, [identity.to_public()], {})
    with writer, pytest.raises(Stopped):
        writer.add(WantedItem(source="/before", size=6), io.BytesIO(b"before"))
        writer.add(WantedItem(source="/endless", size=300 * MIB), Endless())
    tar = plaintext(archive, identity)
    line = custody(tar)["/endless"]
    assert (line["verdict"], line["error"]) == ("error", "not read to the end: SIGTERM")
    assert tar.count(b"e" * 512) > 0
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        assert [m.size for m in opened][1:3] == [6, 300 * MIB]
        assert "end.json" not in opened.getnames()
        assert opened.extractfile("files/root/endless").read(line["valid"]) == b"e" * line["valid"]
    assert json.loads(Path(f"{archive}.receipt.json").read_text())["state"] == "interrupted"
    assert archive.stat().st_size < MIB


def test_ctrl_c_in_the_middle_of_a_file_seals_what_there_is(archive: Path, identity) -> None:
    class Interrupting(io.BytesIO):
        def readinto(self, room) -> int:
            if self.tell() >= 2 * MIB:
                os.kill(os.getpid(), signal.SIGINT)
            return super().readinto(room)

    with pytest.raises(KeyboardInterrupt), ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        writer.add(WantedItem(source="/before", size=6), io.BytesIO(b"before"))
        writer.add(WantedItem(source="/big", size=4 * MIB), Interrupting(b"k" * 4 * MIB))
    tar = plaintext(archive, identity)
    lines = custody(tar)
    assert lines["/before"]["verdict"] == "taken"
    assert lines["/big"]["verdict"] == "error"
    assert "KeyboardInterrupt" in lines["/big"]["error"]
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        content = opened.extractfile("files/root/big").read()
    valid = lines["/big"]["valid"]
    assert MIB < valid <= 4 * MIB
    assert content == b"k" * valid + bytes(4 * MIB - valid)


def test_without_finish_there_is_no_end_json(archive: Path, identity) -> None:
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        writer.add(WantedItem(source="/x", size=1), io.BytesIO(b"1"))
    with tarfile.open(fileobj=io.BytesIO(plaintext(archive, identity))) as opened:
        assert opened.getnames() == ["collection.json", "files/root/x", "custody/000000.jsonl"]


def test_a_live_source_that_fails_keeps_its_lines(archive: Path, identity) -> None:
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        with pytest.raises(ZeroDivisionError), writer.live("sockets", version=3) as lines:
            lines.write({"port": 22})
            raise ZeroDivisionError("x")
        writer.finish()
    tar = plaintext(archive, identity)
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        assert opened.extractfile("live/sockets.jsonl").read() == b'{"schema":"sockets/3"}\n{"port":22}\n'
    assert custody(tar)["live/sockets.jsonl"]["verdict"] == "error"


SECRET = """
import io, sys
from scout.archive import ArchiveWriter, WantedItem
from scout.keys import load_recipients
with ArchiveWriter(sys.argv[1], load_recipients([sys.argv[2]])[0], {"collection": "s"}) as writer:
    with writer.live("processes") as lines:
        for n in range(1000): lines.write({"secret": "PLAINTEXT-EVIDENCE", "n": n})
    writer.add(WantedItem(source="/secret", size=18 * 100_000), io.BytesIO(b"PLAINTEXT-EVIDENCE" * 100_000))
    writer.finish()
"""


def test_no_plaintext_is_written_and_no_other_file_is_made(archive: Path, tmp_path: Path) -> None:
    need(shutil.which("strace"), "strace")
    public = keygen(tmp_path / "key.txt")
    trace = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-s",
            "4096",
            "-e",
            "trace=openat,open,creat,write,pwrite64,writev,rename",
            "-o",
            trace,
            sys.executable,
            "-B",
            "-c",
            SECRET,
            archive,
            public,
        ],
        check=True,
        cwd=ROOT,
    )
    lines = trace.read_text(errors="replace").splitlines()
    assert not [line for line in lines if "write" in line and "PLAINTEXT" in line]
    made = {line.split('"')[1] for line in lines if "O_CREAT" in line and "= -1" not in line}
    assert made == {str(archive), f"{archive}.receipt.json"}


def test_importing_the_archive_loads_no_library() -> None:
    heavy = "{'pyrage', 'zstandard', 'typer', 'rich', 'yaml', 'psutil'}"
    modules = "sys, scout.archive, scout.keys, scout.verifying.verify"
    code = f"import {modules}; found = {heavy} & set(sys.modules); sys.exit(str(found) if found else 0)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1795230245_123456789, MTIME),
        (-11644473600 * 10**9, "1601-01-01T00:00:00Z"),
        (253402300799 * 10**9, "9999-12-31T23:59:59Z"),
        (-62135596800 * 10**9, "0001-01-01T00:00:00Z"),
    ],
)
def test_times_are_written_and_read_to_the_nanosecond(ns: int, text: str) -> None:
    assert (rfc3339(ns), nanoseconds(text)) == (text, ns)


def test_times_that_no_calendar_has_are_left_out() -> None:
    assert (rfc3339(10**30), nanoseconds("2026-02-30T00:00:00Z"), nanoseconds("yesterday"), nanoseconds(None)) == (None, None, None, None)


def test_facts_of_a_file_are_what_stat_says(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    path.chmod(0o4751)
    os.utime(path, ns=(1, 1795230245_123456789))
    facts = of_stat(path.stat())
    assert (facts["mtime"], facts["atime"], facts["mode"], facts["nlink"]) == (MTIME, "1970-01-01T00:00:00.000000001Z", "4751", 1)
    assert "mode" not in of_stat(path.stat(), posix=False)


@pytest.mark.parametrize("group", [False, True], ids=["alone", "with its press"])
def test_killed_anywhere_it_loses_less_than_8_mib_and_no_sealed_member(tmp_path: Path, group: bool) -> None:
    sys.path.insert(0, str(ROOT))
    from bench.archive import build
    from bench.kill import BUDGET, campaign

    (tmp_path / "root").mkdir()
    build(tmp_path / "root", 60)
    outcomes = campaign(tmp_path, tmp_path / "root", points=8, group=group)
    for outcome in outcomes:
        assert outcome.read - outcome.recovered <= BUDGET, outcome
        assert outcome.wrong == []
        late = outcome.recovered == outcome.read and outcome.verdict == "whole"  # the last frame was on its way already
        assert late or (outcome.verdict, outcome.code) == ("interrupted", 1)
    assert sum(o.sealed for o in outcomes) > 50


def test_what_was_read_reaches_the_file_while_the_next_read_hangs(archive: Path, identity) -> None:
    release = threading.Event()

    class Hanging(io.RawIOBase):
        def readinto(self, room) -> int:
            if release.wait(60):
                return 0
            raise AssertionError("nobody looked")

    def collect() -> None:
        with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
            writer.add(WantedItem(source="/before", size=6), io.BytesIO(b"before"))
            writer.seal()
            writer.add(WantedItem(source="/hangs", size=100), Hanging())
            writer.finish()

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        seen: list[str] = []
        for _ in range(200):
            if archive.exists() and archive.stat().st_size > 65_536:
                with ArchiveReader(io.BytesIO(archive.read_bytes()), [identity]) as reader:
                    seen = [member.name for member in reader]
                break
            time.sleep(0.1)
    finally:
        release.set()
        thread.join()
    assert seen[:3] == ["collection.json", "files/root/before", "custody/000000.jsonl"]
    lines = custody(plaintext(archive, identity))
    assert (lines["/hangs"]["verdict"], lines["/hangs"]["valid"]) == ("changed while read", 0)


def test_owners_and_containers_of_any_name_come_back(archive: Path, identity) -> None:
    source = "\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy3\\Users\\\ud800.txt"
    times = {"mtime": "1960-01-02T03:04:05.5Z", "btime": "2020-01-01T00:00:00Z"}
    facts = {"owner": "ÉCOLE\\Jérôme", "group_name": "g" * 40, "uid": 3_000_000, **times}
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        writer.add(WantedItem(source=source, volume="C@vss3", path="Users\\\ud800.txt", size=1, facts=facts), io.BytesIO(b"1"))
        writer.finish()
    with ArchiveReader(archive, [identity]) as reader:
        member = next(m for m in reader if m.kind == "files")
    assert (member.source, member.volume, member.name) == (source, "C@vss3", "files/C@vss3/Users/%ED%A0%80.txt")
    assert member.facts == {**facts, "mtime": "1960-01-02T03:04:05.500000000Z"}
    assert custody(plaintext(archive, identity))[source]["owner"] == "ÉCOLE\\Jérôme"


def test_a_live_source_is_written_once(archive: Path, identity) -> None:
    with ArchiveWriter(archive, [identity.to_public()], {}) as writer:
        with writer.live("users") as lines:
            lines.write({"name": "root"})
        with pytest.raises(ValueError, match="was written before"), writer.live("users"):
            pass
        writer.finish()
    assert plaintext(archive, identity).count(b"live/users.jsonl\0") == 1
