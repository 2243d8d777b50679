"""Sectors of disks: what no file system has is taken byte for byte, live and from images; a disk that is refused has a line."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
from itertools import pairwise

import pytest

from scout.blocks import FileBlocks
from scout.collecting import sectors
from scout.live.linux import _disks
from tests.conftest import need
from tests.scout.collecting import AS_ROOT, collected, key
from tests.scout.volumes import partitioned

__all__ = ["collected", "key"]
SIZE = 40 << 20
TABLES = {
    "GPT": "label: gpt\nstart=2048, size=40960\nstart=43008, size=8192\n",
    "MBR": "label: dos\nstart=2048, size=40960, type=83\nstart=43008, size=8192, type=c\n",
}


@pytest.fixture
def disk(tmp_path, request):
    """A disk with code in its first sector and in the gap, an ext2 volume and one that nobody knows."""
    need(shutil.which("mke2fs"), "mke2fs")
    volume = tmp_path / "ext2.img"
    volume.write_bytes(b"")
    os.truncate(volume, 20 << 20)
    subprocess.run(["mke2fs", "-q", "-F", str(volume)], check=True)
    unknown = random.Random(1).randbytes(8192 * 512)
    made = partitioned(tmp_path / "disk.img", SIZE, TABLES[request.param], {2048: volume, 43008: unknown})
    with made.open("r+b") as out:
        out.write(b"\xeb\x3c\x90 code before the system")
        out.seek(100 * 512)
        out.write(b"the rest of it, in the gap")
    return made


@pytest.mark.parametrize("disk", ["GPT", "MBR"], indirect=True)
def test_sectors_of_an_image_are_its_bytes(disk, collected):
    archive = collected(None, "--image", str(disk), "--os", "linux", "--targets", "LF10")
    raw = disk.read_bytes()
    wanted = {(0, 1 << 20), (2048 * 512, 16 << 10), (43008 * 512, 16 << 10), (SIZE - (32 << 10), 32 << 10)}
    lines = {line["source"]: line for line in archive.lines if line["type"] == "sectors"}
    assert set(lines) == {f"{disk}:{at}+{size}" for at, size in wanted}
    for at, size in wanted:
        source = f"{disk}:{at}+{size}"
        assert archive.content(source) == raw[at : at + size], source
        assert lines[source]["name"] == f"files/disk1/sectors/{at}-{at + size - 1}.bin"
        assert (lines[source]["verdict"], lines[source]["method"], lines[source]["target"]) == ("taken", "image", "LF10")


@pytest.mark.parametrize("size", [1, 511, 512, 40_000, (1 << 20) + 511, (1 << 20) + (40 << 10)])
def test_of_a_small_or_senseless_disk_no_byte_is_taken_twice(size, tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(random.Random(size).randbytes(size))
    found = sorted(sectors.pieces(FileBlocks(path)))
    assert found[0] == (0, min(size, 1 << 20))
    assert all(at + length <= following for (at, length), (following, _) in pairwise(found))
    assert all(0 < length and at + length <= size for at, length in found)


def test_the_disks_of_this_host_are_read_live_or_refused(collected):
    names = [name for name, _ in _disks.disks()]
    need(names, "a disk of its own")
    archive = collected(None, "--targets", "LF10,LL06")
    lines = [line for line in archive.lines if line["type"] == "sectors"]
    assert {line["source"].partition(":")[0] for line in lines} == set(names)
    for name in names:
        first = next(line for line in lines if line["source"].startswith(name))
        try:
            with open(name, "rb") as disk:
                content = disk.read(1 << 20)
        except PermissionError:
            assert first["verdict"] == "denied"
            continue
        assert (first["verdict"], first["method"]) == ("taken", "raw disk")
        assert archive.content(f"{name}:0+{len(content)}") == content


@pytest.mark.parametrize("disk", ["MBR"], indirect=True)
def test_a_block_device_is_read_live(disk, collected, monkeypatch):
    need(AS_ROOT and shutil.which("losetup"), "root and losetup")
    done = subprocess.run(["losetup", "-r", "-f", "--show", str(disk)], capture_output=True, text=True)
    need(done.returncode == 0, "a loop device")
    device = done.stdout.strip()
    monkeypatch.setattr(_disks, "disks", lambda: [(device, lambda: _disks._opened(device))])
    try:
        archive = collected(None, "--targets", "LF10")
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
    lines = [line for line in archive.lines if line["type"] == "sectors"]
    raw = disk.read_bytes()
    assert len(lines) == 4 and {line["method"] for line in lines} == {"raw disk"}
    for line in lines:
        at = int(line["source"].rpartition(":")[2].partition("+")[0])
        assert archive.content(line["source"]) == raw[at : at + line["size"]]


def test_a_disk_that_is_refused_or_is_none_has_a_line(collected, tmp_path, monkeypatch):
    (tmp_path / "device").write_text("no block device")

    def disks():
        yield "/dev/first", lambda: _disks._opened(str(tmp_path / "device"))
        yield "/dev/second", lambda: FileBlocks(tmp_path / "nothing")

    monkeypatch.setattr(_disks, "disks", disks)
    archive = collected(None, "--targets", "LF10,LL06")
    lines = {line["source"]: line for line in archive.lines if line["type"] == "sectors"}
    assert set(lines) == {"/dev/first"} and lines["/dev/first"]["verdict"] == "error" and "no block device" in lines["/dev/first"]["error"]


class Stuck:
    """A disk that answers for its beginning alone."""

    size = 8 << 20

    def read_at(self, offset: int, length: int) -> bytes:
        if offset >= 1 << 20:
            threading.Event().wait(60)
        return bytes(length)

    def close(self) -> None:
        raise AssertionError("a call is still in it")


def test_a_disk_that_hangs_costs_itself(collected, tmp_path, monkeypatch):
    good = tmp_path / "good"
    good.write_bytes(bytes(100_000))
    monkeypatch.setattr(sectors, "SECONDS", 0.5)
    monkeypatch.setattr(_disks, "disks", lambda: [("/dev/stuck", Stuck), ("/dev/good", lambda: FileBlocks(good))])
    archive = collected(None, "--targets", "LF10,LL06")
    lines = {line["source"]: line["verdict"] for line in archive.lines if line["type"] == "sectors"}
    assert lines["/dev/stuck"] == "error" and lines["/dev/good:0+100000"] == "taken"
