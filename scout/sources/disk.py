"""Open a disk: an image of any known format, or a block device."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, NamedTuple

from scout.blocks import BlockReader, DamagedVolume, FileBlocks
from scout.console import WRONG_USE, Complaint
from scout.discovery import modules
from scout.sources import images

_KNOWN_NOT_READ = (
    (0, b"ADSEGMENTEDFILE", "an AD1 image of FTK", "Export its files and use --root, or make an E01 or raw image."),
    (0, b"AFF10\r\n", "an AFF image", "Convert it to raw first (affconvert -r)."),
    (0, b"<<< ", "a virtual disk of VirtualBox (VDI)", "Convert it first: qemu-img convert -O raw."),
    (0, b"PK\x03\x04", "a ZIP archive", "Unpack it first."),
    (0, b"\x1f\x8b", "a gzip file", "Unpack it first."),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first."),
    (-512, b"koly", "a disk image of macOS (DMG)", "Convert it first: hdiutil convert -format UDTO, or dmg2img."),
)


class ExaminedDisk(NamedTuple):
    """An opened disk. `format` is the name of the image's format."""

    path: Path
    format: str
    blocks: BlockReader


def open_disk(path: Path) -> ExaminedDisk:
    """Open an image or a device for reading. Complaint where it is not there, is no disk, or needs something that is not here."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as e:
        raise Complaint(f"--image {path}: {getattr(e, 'strerror', None) or e}.", "Give the path of a disk image.", WRONG_USE) from e
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        what = f"--image {path}: it is neither a file nor a block device."
        raise Complaint(what, "Give a disk image; a mounted tree goes to --root.", WRONG_USE)
    try:
        return _opened(path)
    except (DamagedVolume, OSError) as e:
        reason = e.strerror or str(e)
        raise Complaint(f"--image {path} cannot be read: {reason}.", "Check that it is whole, and that you may read it.") from e


def _opened(path: Path) -> ExaminedDisk:
    plain = FileBlocks(path)
    try:
        if not plain.size:
            raise DamagedVolume("it is empty")
        head = plain.read_at(0, 4096)
        last = plain.read_at(max(plain.size - 512, 0), 512)
    finally:
        plain.close()
    for at, magic, what, do in _KNOWN_NOT_READ:
        if (head if at >= 0 else last).startswith(magic):
            raise Complaint(f"--image {path} is {what}, which SCOUT does not read.", do, WRONG_USE)
    for module in formats():
        if module.claims(head, last, path):
            return ExaminedDisk(path, module.NAME, module.open_image(path))
    raise DamagedVolume("no format claims it")  # raw claims every file


def formats() -> list[Any]:
    """Return the modules of the formats, in the order in which they are asked."""
    return sorted((module for _, module in modules(images)), key=lambda one: one.ORDER)
