"""`scout collect --image`: every format and table, volumes named, the corpus as fls and icat read it, shadow copies once, mutants."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pyarrow import parquet

import commodore
from scout.blocks import FileBlocks
from scout.collecting.imaged import open_images
from scout.console import Complaint
from scout.formats.regf import Hive
from scout.keys import load_identities
from scout.sources.disk import open_disk
from scout.sources.letters import assign, mounted_devices
from scout.sources.partitions import partitions
from tests.conftest import need
from tests.scout.collecting import SCOUT, collected, key, scout
from tests.scout.volumes import AS_ROOT, content, ntfs_image, partitioned, raw_of, sleuthkit
from tests.trees import windows_tree

__all__ = ["collected", "key"]
WITHOUT = ("$BadClus:$Bad", "$Secure", "$Quota", "$ObjId", "$Reparse")
"""what `sleuthkit` leaves out: a hole of the volume's size, metadata files without content"""
DFVFS, PLASO = "images/log2timeline+dfvfs/test_data", "images/log2timeline+plaso/test_data"
WINDOWS_GUID = "09931F21-7FAF-44A9-81D8-1E73C14B9EAF"
"""the partition that SYSTEM of the corpus has as C:, as hivexget prints it"""


def digest(archive, line) -> str:
    """The hash of a member's content in the archive, unpacked by tar."""
    return hashlib.sha256((archive.tree / line["name"]).read_bytes()).hexdigest()


def taken(archive) -> list[tuple[int, str]]:
    """(inode, sha256) of the files of the main volume in an archive, as `sleuthkit` gives them."""
    lines = [line for line in archive.lines if line["name"].startswith("files/") and line["member"] is not None]
    lines = [line for line in lines if line["source"].rpartition("\\")[2] not in WITHOUT]
    assert {line["method"] for line in lines} == {"image"}
    small = [line for line in lines if "sha256" in line]  # custody hashes no holes of more than 256 MiB
    assert all(digest(archive, line) == line["sha256"] for line in small)
    return sorted((line["ino"], line.get("sha256") or digest(archive, line)) for line in lines)


@pytest.mark.parametrize(
    ("name", "top"),
    [
        (f"{DFVFS}/ext2.E01", "/"),
        (f"{DFVFS}/ext2.split.E01", "/"),
        (f"{DFVFS}/ext2.splitraw.000", "/"),
        (f"{DFVFS}/ext2.qcow2", "/"),
        (f"{DFVFS}/ext2.vhd", "/"),
        (f"{DFVFS}/ext2.vmdk", "/"),
        (f"{PLASO}/image.E01", "/"),
        (f"{PLASO}/syslog_image.dd", "/"),
        (f"{DFVFS}/windows_volume.qcow2", "C:\\"),
        (f"{PLASO}/vsstest.qcow2", "C:\\"),
    ],
)
def test_images_of_the_corpus_have_the_files_and_hashes_of_the_sleuth_kit(corpus, collected, tmp_path, name, top):
    image = corpus / name
    more: list[str] = []
    images = [image]
    if image.suffix == ".E01":
        more = ["-i", "ewf"]
        images = sorted(image.parent.glob(f"{image.stem}.E*"))
    elif image.suffix == ".000":
        images = sorted(image.parent.glob(f"{image.stem}.0*"))
    elif image.suffix != ".dd":
        images = [raw_of(image, tmp_path)]
    truth = sleuthkit(*images, more=more)
    archive = collected(None, "--image", str(image), "--path", top, "--no-shadows")
    assert taken(archive) == truth
    assert len(truth) >= 1


def test_shadow_copies_are_volumes_and_what_they_share_is_taken_once(corpus, collected):
    archive = collected(None, "--image", str(corpus / PLASO / "vsstest.qcow2"), "--path", "C:\\")
    volumes = {line["name"].split("/")[1] for line in archive.lines if line["name"].startswith("files/")}
    assert volumes == {"C", "C@vss1", "C@vss2"}
    log = (archive.tree / "files/C@vss1/syslog").read_bytes()
    assert (
        log == gzip.decompress((archive.tree / "files/C/syslog.gz").read_bytes()) and len(log) == 1247
    )  # gzip made it from the log of the first copy
    names = {line["name"]: line for line in archive.lines}
    same = names["files/C@vss2/syslog.gz"]
    assert same["verdict"] == "duplicate" and same["member"] is None
    members = {line["member"]: line for line in archive.lines}
    assert members[same["same_as"]]["name"] == "files/C/syslog.gz" and members[same["same_as"]]["sha256"] == same["sha256"]
    assert "files/C@vss2/password.txt" not in names
    assert [text.split("of ")[-1][:10] for text in archive.document("collection.json")["volumes"][0]["shadow_copies"]] == ["2013-12-03"] * 2


FORMATS = {
    "vpc": ["-O", "vpc"],
    "fixed.vpc": ["-O", "vpc", "-o", "subformat=fixed,force_size"],
    "vhdx": ["-O", "vhdx"],
    "vmdk": ["-O", "vmdk"],
    "split.vmdk": ["-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"],
    "flat.vmdk": ["-O", "vmdk", "-o", "subformat=monolithicFlat"],
    "stream.vmdk": ["-O", "vmdk", "-o", "subformat=streamOptimized"],
    "qcow2": ["-O", "qcow2"],
    "old.qcow2": ["-O", "qcow2", "-o", "compat=0.10,cluster_size=512"],
    "packed.qcow2": ["-O", "qcow2", "-c"],
    "zstd.qcow2": ["-O", "qcow2", "-c", "-o", "compression_type=zstd,cluster_size=2M"],
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """3 MiB that compress badly, zeros and repetition between them."""
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    noise = random.Random(9)
    path.write_bytes(b"".join(noise.randbytes(100_000) + bytes(60_000) + b"again" * 8000 for _ in range(16))[: 3 << 20])
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_every_byte_of_a_virtual_disk(disk, tmp_path, name):
    need(shutil.which("qemu-img"), "qemu-img")
    image = tmp_path / f"disk.{name}"
    subprocess.run(["qemu-img", "convert", *FORMATS[name], str(disk), str(image)], check=True)
    opened = open_disk(image)
    expected = disk.read_bytes()
    assert opened.blocks.read_at(0, opened.blocks.size)[: len(expected)] == expected
    assert (opened.blocks.size >= len(expected) and opened.format != "raw") or name == "fixed.vpc"
    opened.blocks.close()


def test_a_snapshot_is_read_with_the_file_under_it_from_its_own_folder_only(disk, tmp_path):
    need(shutil.which("qemu-img"), "qemu-img")
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(disk), str(base)], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2", str(top)], check=True)
    subprocess.run(["qemu-io", "-c", "write -P 0x77 4096 8192", str(top)], check=True, capture_output=True)
    data = disk.read_bytes()
    assert open_disk(top).blocks.read_at(0, 3 << 20) == data[:4096] + b"\x77" * 8192 + data[12288:]
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(Complaint, match=r"base\.qcow2"):
        open_disk(top)


def test_split_raw_images(disk, tmp_path):
    data = disk.read_bytes()
    for number, at in enumerate(range(0, len(data), 500_000), 1):
        (tmp_path / f"disk.{number:03d}").write_bytes(data[at : at + 500_000])
        (tmp_path / f"d.raw.a{'abcdefgh'[number - 1]}").write_bytes(data[at : at + 500_000])
    assert open_disk(tmp_path / "disk.001").blocks.read_at(0, 9 << 20) == data
    assert open_disk(tmp_path / "d.raw.aa").blocks.read_at(499_990, 20) == data[499_990:500_010]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"ADSEGMENTEDFILE\0", "AD1"),
        (b"<<< Oracle VM VirtualBox Disk Image >>>\n", "VirtualBox"),
        (b"LVF\x09\x0d\x0a\xff\x00", "logical image"),
        (b"EVF\x09\x0d\x0a\xff\x00" + bytes(600), "cannot be read"),
        (b"QFI\xfb\x00\x00\x00\x02" + b"\xff" * 600, "encrypted"),
        (b"QFI\xfb\x00\x00\x00\x02" + bytes(600), "cannot be read"),
        (b"", "empty"),
    ],
)
def test_what_is_no_disk_is_said(tmp_path, capsys, key, head, says):
    image = tmp_path / "image"
    image.write_bytes(head)
    assert scout("collect", "-r", key[1], "-o", str(tmp_path), "--image", str(image)) in (2, 3)
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_a_missing_wheel_is_said_with_the_command_that_installs_it(tmp_path, monkeypatch, capsys, key):
    def without(name, *more):
        if name.startswith("py"):
            raise ImportError(name)
        return found(name, *more)

    found = importlib.import_module
    image = tmp_path / "disk.E01"
    image.write_bytes(b"EVF\x09\x0d\x0a\xff\x00" + bytes(600))
    monkeypatch.setattr("importlib.import_module", without)
    assert scout("collect", "-r", key[1], "-o", str(tmp_path), "--image", str(image)) == 3
    assert "pip install libewf-python" in capsys.readouterr().err


LOGICAL = """label: dos
label-id: 0xdf4546ae
start=2048, size=4096, type=7
start=8192, size=20480, type=f
start=10240, size=2048, type=83
start=14336, size=2048, type=83
start=30720, size=1024, type=c
"""


def test_partitions_of_an_mbr_are_those_that_mmls_prints(tmp_path):
    disk = partitioned(tmp_path / "mbr.img", 20 << 20, LOGICAL, {})
    table = partitions(FileBlocks(disk))
    need(shutil.which("mmls"), "the Sleuth Kit")
    lines = subprocess.run(["mmls", str(disk)], check=True, capture_output=True, text=True).stdout.splitlines()
    shown = [line.split() for line in lines if len(line.split()) > 5 and ":" in line.split()[1] and "Extended" not in line]
    truth = sorted((int(words[2]) * 512, int(words[4]) * 512) for words in shown if words[1][:3].isdigit())
    assert sorted((one.start, one.size) for one in table.partitions) == truth and len(truth) == 4
    assert table.scheme == "MBR" and [one.number for one in table.partitions if one.number > 4] == [5, 6]


def test_letters_of_an_mbr_disk_are_those_of_its_hive(corpus, tmp_path):
    """The hive gives E: to the partition at 1 MiB and C: to the one at 501 MiB, of the disk 0xdf4546ae (read from its bytes)."""
    with lzma.open(corpus / "hives/mkorman90+regipy/regipy_tests/data/SYSTEM_WIN_10_1709.xz") as packed:
        known = mounted_devices(Hive.open(packed.read(), []))
    table = "label: dos\nlabel-id: 0xdf4546ae\nstart=2048, size=1024000, type=7\nstart=1026048, size=2048, type=7\n"
    found = partitions(FileBlocks(partitioned(tmp_path / "mbr.img", 600 << 20, table, {}))).partitions
    assert assign([one.id for one in found], 1, known) == ["E", "C"]
    assert assign([one.id for one in found], 1, {}) == ["D", "C"]
    assert assign([b"", b"other", found[1].id], 2, known) == ["Z", "Y", "C"]
    assert assign([b"", b""], None, {}) == ["C", "D"]


GPT = f"""label: gpt
start=2048, size=49152, type=DE94BBA4-06D1-4D40-A16A-BFD50179D6AC, name="Recovery"
start=51200, size=16384, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="EFI"
start=67584, size=98304, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid={WINDOWS_GUID}, name="Basic data"
start=165888, size=2048, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
start=167936, size=2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
start=169984, size=2048, type=E6D6D379-F507-44C2-A23C-238F2A3DF928
start=172032, size=2048, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
"""
LVM = bytes(512) + b"LABELONE" + bytes(16) + b"LVM2 001" + bytes(480)


@pytest.fixture(scope="module")
def windows_disk(corpus, tmp_path_factory):
    """A GPT disk: Windows (C: by its own hive), recovery without a letter, ESP, BitLocker, LUKS, LVM, noise."""
    need(AS_ROOT and shutil.which("mkfs.fat"), "root and mkfs.fat")
    folder = tmp_path_factory.mktemp("windows-disk")
    tree = windows_tree(corpus, folder / "tree")
    for name in ("$MFT", "$Extend"):
        shutil.rmtree(tree / name) if (tree / name).is_dir() else (tree / name).unlink()

    def fill(point: Path) -> None:
        shutil.copytree(tree, point, dirs_exist_ok=True)
        (point / "Users/agnes.m/AppData/Local/Temp/invoice.pdf.exe:Zone.Identifier").write_text("[ZoneTransfer]\r\nZoneId=3\r\n")

    system = ntfs_image(folder, fill, 48 << 20)
    (folder / "recovery").mkdir()
    recovery = ntfs_image(folder / "recovery", lambda point: (point / "recovery.txt").write_text("recovery"))
    esp = folder / "esp.img"
    with esp.open("wb") as out:
        out.truncate(8 << 20)
    subprocess.run(["mkfs.fat", str(esp)], check=True, capture_output=True)
    volumes = {2048: recovery, 51200: esp, 67584: system}
    volumes |= {165888: b"\xeb\x58\x90-FVE-FS-", 167936: b"LUKS\xba\xbe\x00\x02", 169984: LVM, 172032: random.Random(1).randbytes(1 << 20)}
    return partitioned(folder / "disk.img", 90 << 20, GPT, volumes), tree


def test_volumes_get_their_letters_and_what_is_not_read_is_in_custody(windows_disk, collected):
    disk, tree = windows_disk
    archive = collected(None, "--image", str(disk), "--targets", "WR01,WE01,WX01,WP01,WS01")
    said = {line["name"].split("/")[1]: line for line in archive.lines if line.get("type") == "volume"}
    assert set(said) == {"disk1p2", "disk1p4", "disk1p5", "disk1p6", "disk1p7"}
    assert all(line["verdict"] == "blocked" for line in said.values())
    for name, word in (("disk1p2", "FAT"), ("disk1p4", "BitLocker"), ("disk1p5", "LUKS"), ("disk1p6", "LVM"), ("disk1p7", "unknown")):
        assert word in said[name]["source"]
    assert "encrypted" in said["disk1p4"]["error"] and "encrypted" in said["disk1p5"]["error"]
    rows = {row["place"]: row for row in archive.document("collection.json")["volumes"]}
    assert rows["disk1p3"]["volume"] == "C" and rows["disk1p1"]["volume"] == "Z"
    assert archive.document("collection.json")["host"]["name"] != disk.name
    for path in ("Windows/System32/config/SYSTEM", "Users/Public/t64.exe", "Users/agnes.m/AppData/Local/Temp/invoice.pdf.exe"):
        assert archive.content("C:\\" + path.replace("/", "\\")) == (tree / path).read_bytes()
    assert archive.custody["C:\\Windows\\System32\\config\\SYSTEM"]["method"] == "image"


def test_a_stream_goes_with_its_file(windows_disk, collected):
    archive = collected(
        None, "--image", str(windows_disk[0]), "--path", "c:\\users\\agnes.m\\AppData\\Local\\Temp", "--path", "Z:\\recovery.txt"
    )
    assert archive.content("C:\\Users\\agnes.m\\AppData\\Local\\Temp\\invoice.pdf.exe:Zone.Identifier") == b"[ZoneTransfer]\r\nZoneId=3\r\n"
    assert archive.content("Z:\\recovery.txt") == b"recovery"


def test_broken_partition_tables_are_read_from_their_copy_and_said(windows_disk, tmp_path):
    data = windows_disk[0].read_bytes()[: 1 << 20]
    whole = partitions(FileBlocks(windows_disk[0]))
    assert whole.problems == [] and len(whole.partitions) == 7

    def spoiled(*changes: tuple[int, bytes]):
        disk = tmp_path / "spoiled.img"
        shutil.copyfile(windows_disk[0], disk)
        with disk.open("r+b") as out:
            for at, what in changes:
                out.seek(at)
                out.write(what)
        return partitions(FileBlocks(disk))

    end = windows_disk[0].stat().st_size - 512
    entry = bytes([data[1024] ^ 1])
    assert spoiled((512, bytes(512))).partitions == whole.partitions
    damaged = spoiled((1024, entry))
    assert damaged.partitions == whole.partitions and "checksum of its entries" in damaged.problems[0]
    both = spoiled((512 + 60, b"\x77"), (end + 60, b"\x77"))
    assert both.partitions == whole.partitions and len(both.problems) == 2
    none = spoiled((512, bytes(512)), (end, bytes(512)))
    assert none.partitions == [] and "neither" in none.problems[0]


def test_the_archive_of_an_image_gives_the_records_of_the_mounted_tree(windows_disk, collected, key, tmp_path):
    disk, tree = windows_disk
    targets = ["--targets", "WX01,WP01"]
    made = []
    for name, archive in (("image", collected(None, "--image", str(disk), *targets)), ("tree", collected(tree, *targets))):
        summary = commodore.process([archive.path], tmp_path / name, identities=load_identities(key[0]))
        made.append((summary.records, records(tmp_path / name)))
    assert made[0][0] == made[1][0] > 100
    assert made[0][1] == made[1][1]


def records(case: Path) -> dict[str, Counter[str]]:
    """Records by data set, without what names the collection and without times that copying a file changes."""
    out: dict[str, Counter[str]] = {}
    for path in case.rglob("*.parquet"):
        for row in parquet.read_table(path).to_pylist():
            kept = {name: value for name, value in row.items() if name in ("event.dataset", "@timestamp", "message", "event.action")}
            out.setdefault(str(row.get("event.dataset") or path.stem), Counter())[json.dumps(kept, sort_keys=True, default=str)] += 1
    return out


def test_nothing_is_opened_for_writing_but_the_output(corpus, key, tmp_path):
    need(shutil.which("strace"), "strace")
    out, log = tmp_path / "out", tmp_path / "trace"
    out.mkdir()
    command = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=open,openat,openat2,creat,mkdir,rename,unlink,truncate",
        "-o",
        str(log),
        *SCOUT,
        "collect",
        "-q",
    ]
    image = corpus / PLASO / "vsstest.qcow2"
    subprocess.run(
        [*command, "-r", key[1], "-o", str(out), "--image", str(image), "--path", "C:\\"],
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    calls = [line for line in log.read_text(errors="replace").splitlines() if not line.endswith("ENOENT (No such file or directory)")]
    writing = [
        line for line in calls if any(word in line for word in ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir(", "rename", "unlink", "truncate"))
    ]
    assert any(str(image) in line for line in calls)
    assert [line for line in writing if str(out) not in line and "/dev/" not in line] == []


def test_mutants_of_images_never_end_in_a_traceback_and_stay_small(corpus, key, tmp_path):
    """Flipped and cut images of every format in a process of their own: an exit code of SCOUT, no traceback, at most 150 MB."""
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    names = ["ext2.E01", "ext2.qcow2", "ext2.vhd", "ext2.vmdk", "windows_volume.qcow2"]
    images = [*(corpus / DFVFS / name for name in names), corpus / PLASO / "vsstest.qcow2"]
    done = subprocess.run(
        [sys.executable, str(child), key[1], str(tmp_path / "work"), *map(str, images)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["runs"] == 6 * len(images) and set(result["codes"]) <= {"0", "1", "2", "3"}
    assert result["codes"].get("0", 0) > 0 and sum(result["codes"].values()) == result["runs"]
    assert result["peak"] < 150_000, "kB of memory at the peak"


CHILD = r"""
import collections, json, random, re, shutil, sys
from pathlib import Path
from scout.cli import build_app
from scout.console import run

def peak():
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])

recipient, work, *images = sys.argv[1:]
work, rng, codes, runs = Path(work), random.Random(4), collections.Counter(), 0
work.mkdir()
for image in map(Path, images):
    for number in range(6):
        mutant = work / image.name
        shutil.copyfile(image, mutant)
        size = mutant.stat().st_size
        with mutant.open("r+b") as file:
            for _ in range(rng.choice((1, 30, 400))):
                file.seek(rng.choice((rng.randrange(size), rng.randrange(min(size, 200_000)))))
                file.write(bytes([rng.randrange(256)]))
            if number % 6 == 5:
                file.truncate(rng.randrange(size))
        out = work / f"out{runs}"
        out.mkdir()
        for path in ("C:\\", "/"):
            code = run("scout", build_app, ["collect", "-q", "-r", recipient, "-o", str(out), "--image", str(mutant), "--path", path])
            if code != 2:
                break
        codes[str(code)] += 1
        runs += 1
        shutil.rmtree(out)
print(json.dumps({"runs": runs, "codes": codes, "peak": peak()}))
"""


def test_a_linux_host_with_its_home_on_a_partition_of_its_own(tmp_path, collected):
    need(shutil.which("mke2fs"), "e2fsprogs")
    root, home = tmp_path / "root", tmp_path / "home"
    for folder in ("etc", "usr", "var/log", "home/hidden", "root"):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nagnes:x:1000:1000::/home/agnes:/bin/sh\n")
    (root / "etc/hostname").write_text("parted\n")
    (root / "etc/fstab").write_text("# table\nUUID=11111111-2222-3333-4444-555555555555 /home ext4 defaults 0 2\n")
    (home / "agnes").mkdir(parents=True)
    (home / "agnes/.bash_history").write_text("id\n")
    volumes = {}
    for sector, tree, more in ((2048, root, []), (34816, home, ["-U", "11111111-2222-3333-4444-555555555555"])):
        image = tmp_path / f"{tree.name}.img"
        with image.open("wb") as out:
            out.truncate(8 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", *more, "-d", str(tree), str(image)], check=True, capture_output=True)
        volumes[sector] = image
    table = "label: dos\nstart=2048, size=16384, type=83\nstart=34816, size=16384, type=83\n"
    disk = partitioned(tmp_path / "disk.img", 40 << 20, table, volumes)
    host = open_images([disk])
    assert host.system == "linux" and [source.volume for source in host.sources] == ["root"] and host.unread == []
    assert content(host.sources[0], ("home", "agnes", ".bash_history")) == b"id\n"
    archive = collected(None, "--image", str(disk))
    assert archive.content("/home/agnes/.bash_history") == b"id\n"
    assert archive.document("collection.json")["host"]["name"] == "parted"
