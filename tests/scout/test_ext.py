"""Raw ext2, ext3, ext4: what is read equals what mke2fs wrote, and what fls and icat read; damage is an error of one file, never more."""

from __future__ import annotations

import os
import random
import shutil
import subprocess

import pytest

from commodore.readers.calls import CallCount
from scout.blocks import FileBlocks
from scout.sources.ext import ExtSource
from scout.sources.source import Blocked
from tests.conftest import need
from tests.scout.test_ntfs import MOST_CALLS, read_all
from tests.scout.volumes import content, everything, hashes, sleuthkit

NOISE = random.Random(5).randbytes(700_000)
KINDS = {
    "ext2 of 1 KiB blocks": ["-t", "ext2", "-b", "1024", "-I", "128"],
    "ext3": ["-t", "ext3", "-b", "1024"],
    "ext4": ["-t", "ext4", "-b", "4096"],
    "ext4 of 1 KiB, meta groups, inline data": ["-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode,inline_data,64bit"],
}


def fill(folder) -> None:
    root = os.fsencode(folder)
    for name in (b"new\nline", b"\xff\xfebytes", b"a" * 255, "é.txt".encode(), b"back\\slash", b"trail. "):
        with open(root + b"/" + name, "wb") as out:
            out.write(name)
    (folder / "noise").write_bytes(NOISE)
    (folder / "tiny").write_bytes(b"inline?")
    with (folder / "sparse").open("wb") as out:
        out.write(b"begin")
        out.seek(3 << 20)
        out.write(b"middle")
    (folder / "etc").mkdir()
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (folder / "etc/short").symlink_to("passwd")
    (folder / "etc/long").symlink_to("../" * 30 + "etc/passwd")
    (folder / "many").mkdir()
    for number in range(60):
        (folder / f"many/{number} {'x' * 60}").write_bytes(b"%d" % number)
    (folder / "gone").write_bytes(b"deleted later")


@pytest.fixture(scope="module", params=KINDS, ids=str)
def image(request, tmp_path_factory):
    need(shutil.which("mke2fs") and shutil.which("debugfs"), "e2fsprogs")
    folder = tmp_path_factory.mktemp("ext")
    (folder / "tree").mkdir()
    fill(folder / "tree")
    image = folder / "ext.img"
    with image.open("wb") as out:
        out.truncate(20 << 20)
    subprocess.run(["mke2fs", "-q", "-F", *KINDS[request.param], "-d", str(folder / "tree"), str(image)], check=True, capture_output=True)
    commands = "rm gone\nea_set noise user.origin somewhere\nsif tiny mode 0104755\nsif tiny uid 70000\n"
    subprocess.run(["debugfs", "-w", "-f", "-", str(image)], input=commands.encode(), check=True, capture_output=True)
    return image


@pytest.fixture
def volume(image):
    source = ExtSource(FileBlocks(image))
    yield source
    source.close()


def test_every_file_is_what_the_sleuth_kit_reads(image, volume):
    inline = "inline" in image.parent.name or b"\x00\x80" == image.read_bytes()[1024 + 0x61 : 1024 + 0x63]
    found, truth = hashes(volume), sleuthkit(image)
    if not inline:  # the Sleuth Kit 4.11 reads no inline data
        assert found == truth
    assert len(found) == len(truth) > 65
    assert volume.problems == {}


def test_names_content_links_owners_attributes(image, volume):
    names = set(os.listdir(os.fsencode(image.parent / "tree"))) - {b"gone"}
    assert {os.fsencode(entry.name) for entry in volume.scan((), lambda _: True)} == names | {b"lost+found"}
    assert content(volume, (os.fsdecode(b"\xff\xfebytes"),)) == b"\xff\xfebytes"
    assert content(volume, ("noise",)) == NOISE and content(volume, ("tiny",)) == b"inline?"
    assert content(volume, ("sparse",)) == b"begin" + bytes((3 << 20) - 5) + b"middle"
    extents = volume.open(("sparse",)).extents()
    assert sum(length for _, length in extents) < 1 << 20
    assert volume.link(("etc", "short")) == "passwd" and volume.link(("etc", "long")) == "../" * 30 + "etc/passwd"
    tiny = volume.facts(("tiny",), volume.status(("tiny",)))
    assert (tiny["mode"], tiny["uid"]) == ("4755", 70000)
    assert volume.open(("noise",)).facts()["xattrs"] == {"user.origin": "c29tZXdoZXJl"}
    with pytest.raises(Blocked):
        volume.open(("etc",))
    with pytest.raises(FileNotFoundError):
        volume.status(("gone",))


def test_times_are_those_of_the_files(image, volume):
    path = image.parent / "tree/noise"
    assert abs(volume.status(("noise",)).st_mtime - path.stat().st_mtime) < 1.001


def test_mutants_end_in_errors_of_the_system_and_in_bounded_work(image, tmp_path):
    data = image.read_bytes()
    used = [at for at in range(1024, len(data), 512) if any(data[at : at + 512])]
    metadata = used[:400]
    rng, spoiled, errors = random.Random(12), tmp_path / "mutant.img", 0
    for number in range(25):
        mutant = bytearray(data)
        for _ in range(rng.choice((1, 20, 300))):
            mutant[rng.choice(rng.choice((metadata, used))) + rng.randrange(512)] = rng.randrange(256)
        spoiled.write_bytes(mutant[: rng.randrange(len(data))] if number % 8 == 7 else mutant)
        with CallCount().counting(MOST_CALLS):
            errors += read_all(lambda: ExtSource(FileBlocks(spoiled)))
    assert errors >= 3


def test_nothing_is_listed_twice(volume):
    paths = [parts for parts, _ in everything(volume)]
    assert len(paths) == len(set(paths)) > 70
