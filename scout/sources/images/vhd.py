"""Virtual disks of Hyper-V and Virtual PC: VHD (fixed, dynamic, differencing) and VHDX. Source: Microsoft [MS-VHDX], VHD specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scout.blocks import BlockReader, DamagedVolume, LibraryBlocks
from scout.sources.images import _shared

NAME, ORDER = "VHD or VHDX", 2
_DIFFERENCING = 4


def claims(head: bytes, tail: bytes, path: Path) -> bool:  # noqa: ARG001  (of every format)
    """Return whether a file has the mark of VHDX at its beginning or of VHD at its beginning or end."""
    return head.startswith((b"vhdxfile", b"conectix")) or tail.startswith(b"conectix") or tail[1:9] == b"conectix"


def open_image(path: Path) -> BlockReader:
    """Open the disk, with the parents of a differencing one from the same folder."""
    pyvhdi = _shared.library("pyvhdi", "libvhdi-python", "A VHD or VHDX image")

    def opened() -> BlockReader:
        handle = _with_parents(pyvhdi, path, 0)
        return LibraryBlocks(handle, handle.get_media_size())

    return _shared.read(path.name, opened)


def _with_parents(pyvhdi: Any, path: Path, depth: int) -> Any:
    if depth > _shared.MAX_PARENTS:
        raise DamagedVolume(f"{path.name}: more than {_shared.MAX_PARENTS} parents in a row")
    handle = pyvhdi.file()
    handle.open(str(path))
    if handle.get_disk_type() == _DIFFERENCING:
        parent = _shared.beside(path, handle.get_parent_filename() or "", "its parent")
        handle.set_parent(_with_parents(pyvhdi, parent, depth + 1))
    return handle
