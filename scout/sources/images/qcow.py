"""Virtual disks of QEMU: qcow, qcow2, with the files under a snapshot. Source: QEMU, "Qcow2 Image File Format"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scout.console import WRONG_USE, Complaint
from scout.sources.blocks import BlockReader, DamagedVolume, LibraryBlocks
from scout.sources.images import _shared

NAME, ORDER = "qcow2", 4


def claims(head: bytes, tail: bytes, path: Path) -> bool:  # noqa: ARG001  (of every format)
    """Return whether a file begins as qcow."""
    return head.startswith(b"QFI\xfb")


def open_image(path: Path) -> BlockReader:
    """Open the disk, with the files that it is based on from the same folder. Complaint for an encrypted one."""
    pyqcow = _shared.library("pyqcow", "libqcow-python", "A qcow2 image")

    def opened() -> BlockReader:
        handle = _with_parents(pyqcow, path, 0)
        return LibraryBlocks(handle, handle.get_media_size())

    return _shared.read(path.name, opened)


def _with_parents(pyqcow: Any, path: Path, depth: int) -> Any:
    if depth > _shared.MAX_PARENTS:
        raise DamagedVolume(f"{path.name}: more than {_shared.MAX_PARENTS} files in a row")
    handle = pyqcow.file()
    handle.open(str(path))
    if handle.is_locked():
        how = "Decrypt it first (qemu-img convert) and give the result."
        raise Complaint(f"{path} is encrypted by qcow itself: it was not read.", how, WRONG_USE)
    if name := handle.get_backing_filename():
        handle.set_parent(_with_parents(pyqcow, _shared.beside(path, name, "the file that it is based on"), depth + 1))
    return handle
