"""Complete file systems below the root are the host's own; what is mounted over a folder is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hunter.host.posix import PosixFiles
from hunter.host.tree import HostTree
from hunter.unsafe import UnsafeError
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


def test_a_mount_over_a_single_file_between_the_look_and_the_open_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(os.geteuid() == 0 and shutil.which("mount"), "root and mount")
    root, secret = tmp_path / "root", tmp_path / "secret"
    root.mkdir()
    (root / "bait").write_bytes(b"bait")
    secret.write_bytes(b"of another place")
    looked = HostTree._check_object

    def look_then_mount(tree: HostTree, parent: int, name: str, path: str) -> None:
        looked(tree, parent, name, path)
        assert run("mount", "--bind", secret, root / "bait").returncode == 0

    need(run("mount", "--bind", secret, root / "bait").returncode == 0, "the right to mount")
    assert run("umount", root / "bait").returncode == 0
    with PosixFiles(root) as tree:
        tree.accept(())
        assert tree.state("/bait") is not None
        monkeypatch.setattr(HostTree, "_check_object", look_then_mount)
        try:
            with pytest.raises(UnsafeError, match="mounted there"):
                tree.state("/bait")
            with pytest.raises(UnsafeError, match="mounted there"):
                tree.read("/bait")
            with pytest.raises(UnsafeError, match="mounted there"), tree.content("/bait"):
                pass
        finally:
            while run("umount", root / "bait").returncode == 0:
                pass
