"""Virtual disks of VMware: one file, or a descriptor with extents beside it. Source: VMware, "Virtual Disk Format 5.0"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scout.blocks import BlockReader, DamagedVolume, LibraryBlocks
from scout.sources.images import _shared

NAME, ORDER = "VMDK", 3


def claims(head: bytes, tail: bytes, path: Path) -> bool:  # noqa: ARG001  (of every format)
    """Return whether a file begins as a sparse extent or as a descriptor."""
    return head.startswith((b"KDMV", b"COWD", b"# Disk DescriptorFile"))


def open_image(path: Path) -> BlockReader:
    """Open the disk with its extents, and the parents of a snapshot, all from the same folder."""
    pyvmdk = _shared.library("pyvmdk", "libvmdk-python", "A VMDK image")

    def opened() -> BlockReader:
        handle = _with_parents(pyvmdk, path, 0)
        return LibraryBlocks(handle, handle.get_media_size())

    return _shared.read(path.name, opened)


def _with_parents(pyvmdk: Any, path: Path, depth: int) -> Any:
    if depth > _shared.MAX_PARENTS:
        raise DamagedVolume(f"{path.name}: more than {_shared.MAX_PARENTS} parents in a row")
    handle = pyvmdk.handle()
    handle.open(str(path))
    streams = []
    for extent in handle.extent_descriptors:
        name = extent.get_filename() or path.name
        found = path if depth == 0 and len(handle.extent_descriptors) == 1 and not (path.parent / name).is_file() else None
        streams.append((found or _own(path, name)).open("rb"))
    handle.open_extent_data_files_as_file_objects(streams)
    if parent := handle.get_parent_filename():
        handle.set_parent(_with_parents(pyvmdk, _shared.beside(path, parent, "its parent"), depth + 1))
    return handle


def _own(path: Path, name: str) -> Path:
    """Return the file of an extent: the image itself, or one beside it."""
    return path if name == path.name else _shared.beside(path, name, "its extent")
