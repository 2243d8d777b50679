"""Real volumes for tests: made by mkntfs, ntfs-3g and mke2fs, and read by the Sleuth Kit, which shares no code with SCOUT."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scout.sources.source import EvidenceSource, Parts
from tests.conftest import need

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def mounted_ntfs(image: Path, point: Path) -> Iterator[Path]:
    """Mount an NTFS image with ntfs-3g; a stream of `a` is written as `a:stream`."""
    need(AS_ROOT and all(map(shutil.which, ("mkntfs", "ntfs-3g"))) and Path("/dev/fuse").exists(), "root, ntfs-3g and FUSE")
    point.mkdir(exist_ok=True)
    options = "streams_interface=windows,compression"
    need(subprocess.run(["ntfs-3g", "-o", options, str(image), str(point)]).returncode == 0, "a kernel that mounts by FUSE")
    try:
        yield point
    finally:
        subprocess.run(["umount", str(point)], check=True)


def ntfs_image(folder: Path, fill: Callable[[Path], None], size: int = 24 << 20) -> Path:
    """Make an NTFS image of `size` bytes and let `fill` write into it, mounted."""
    need(shutil.which("mkntfs"), "mkntfs")
    image = folder / "ntfs.img"
    with image.open("wb") as out:
        out.truncate(size)
    subprocess.run(["mkntfs", "-F", "-Q", "-q", "-s", "512", str(image)], check=True, capture_output=True)
    with mounted_ntfs(image, folder / "mounted") as point:
        fill(point)
    return image


def sleuthkit(*images: Path, more: Sequence[str] = ()) -> list[tuple[int, str]]:
    """Return (inode, sha256) of every file and stream that is not deleted, sorted, as fls and icat read them. `more`: their options."""
    need(shutil.which("fls") and shutil.which("icat"), "the Sleuth Kit")
    names = [str(image) for image in images]
    listed = subprocess.run(["fls", "-rpuF", *more, *names], check=True, capture_output=True).stdout
    out = []
    for line in listed.decode("utf-8", "replace").splitlines():
        address = line.partition(":")[0].split()[-1]
        if "$BadClus:$Bad" in line or line.startswith("l/") or address.split("-")[1:2] not in ([], ["128"]):
            continue  # a hole of the volume's size; links; indexes
        content = subprocess.run(["icat", *more, *names, address], check=True, capture_output=True).stdout
        out.append((int(address.split("-")[0]), hashlib.sha256(content).hexdigest()))
    return sorted(out)


def everything(source: EvidenceSource, parts: Parts = (), depth: int = 0) -> Iterator[tuple[Parts, str]]:
    """Yield (path, kind) of everything below a folder, streams too. Raises OSError for what cannot be listed."""
    assert depth < 64
    for entry in source.scan(parts, lambda _: True):
        path = (*parts, entry.name)
        yield path, entry.kind
        for stream in source.streams(path):
            yield (*parts, f"{entry.name}:{stream}"), "file"
        if entry.kind == "folder":
            yield from everything(source, path, depth + 1)


def content(source: EvidenceSource, parts: Parts) -> bytes:
    """Return the content of a file."""
    file, pieces = source.open(parts), []
    while piece := file.read(1 << 20):
        pieces.append(piece)
    file.close()
    return b"".join(pieces)


def hashes(source: EvidenceSource, without: Sequence[str] = ()) -> list[tuple[int, str]]:
    """Return (inode, sha256) of every regular file and stream, sorted, without `$BadClus:$Bad` and metadata files that have no content."""
    left_out = (*without, "$BadClus:$Bad", "$Secure", "$Quota", "$ObjId", "$Reparse")
    paths = [parts for parts, kind in everything(source) if kind == "file" and parts[-1] not in left_out]
    return sorted((source.status(parts).st_ino, hashlib.sha256(content(source, parts)).hexdigest()) for parts in paths)


def raw_of(image: Path, folder: Path) -> Path:
    """Return a raw copy of a virtual disk, made by qemu-img."""
    need(shutil.which("qemu-img"), "qemu-img")
    raw = folder / f"{image.name}.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(image), str(raw)], check=True)
    return raw


def partitioned(disk: Path, size: int, table: str, contents: dict[int, Path | bytes]) -> Path:
    """Make a disk of `size` bytes with the partitions of an sfdisk script; `contents`: first sector → what is in the partition."""
    need(shutil.which("sfdisk"), "sfdisk")
    with disk.open("wb") as out:
        out.truncate(size)
    subprocess.run(["sfdisk", "-q", "--no-reread", "--no-tell-kernel", str(disk)], input=table.encode(), check=True, capture_output=True)
    with disk.open("r+b") as out:
        for sector, what in contents.items():
            out.seek(sector * 512)
            out.write(what if isinstance(what, bytes) else what.read_bytes())
    return disk
