"""Complete file systems below the root are the host's own; what is mounted over a folder is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hunter.host.tree import HostTree
from tests.conftest import need


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.fixture
def btrfs(tmp_path):
    """A root and a home that are two subvolumes of one btrfs, as several distributions lay them out."""
    need(os.geteuid() == 0 and shutil.which("mkfs.btrfs"), "root and btrfs-progs")
    image, root = tmp_path / "image", tmp_path / "root"
    with image.open("wb") as stream:
        stream.truncate(256 << 20)
    root.mkdir()
    if run("mkfs.btrfs", "-q", image).returncode or run("mount", "-o", "loop", image, root).returncode:
        need(False, "a kernel that mounts a btrfs image")
    try:
        for name in ("@", "@home"):
            assert run("btrfs", "subvolume", "create", root / name).returncode == 0
        assert run("umount", root).returncode == 0
        assert run("mount", "-o", "loop,subvol=@", image, root).returncode == 0
        device = run("findmnt", "-n", "-v", "-o", "SOURCE", root).stdout.strip()
        (root / "home").mkdir()
        assert run("mount", "-o", "subvol=@home", device, root / "home").returncode == 0
        yield root
    finally:
        while run("umount", "-R", root).returncode == 0:
            pass


def test_a_subvolume_is_no_foreign_mount_and_a_folder_of_it_is_one(btrfs: Path) -> None:
    guilty = btrfs / "home/paul/guilty"
    for folder in (guilty.parent, btrfs / "home/twin"):
        folder.mkdir()
        (folder / "guilty").write_bytes(b"x")
    with HostTree(btrfs) as tree:
        assert tree.state("/home/paul/guilty").mounts == ()
        assert run("mount", "--bind", btrfs / "home/twin", guilty.parent).returncode == 0
        assert tree.state("/home/paul/guilty").mounts == ("/home/paul",)
