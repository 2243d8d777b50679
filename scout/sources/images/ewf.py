"""EnCase images (E01, Ex01), all segments. Source: libewf, "Expert Witness Compression Format"."""

from __future__ import annotations

from pathlib import Path

from scout.blocks import BlockReader, LibraryBlocks
from scout.console import WRONG_USE, Complaint
from scout.sources.images import _shared

NAME, ORDER = "EWF (E01)", 1
_DISK, _LOGICAL = (b"EVF\x09\x0d\x0a\xff\x00", b"EVF2\x0d\x0a\x81\x00"), (b"LVF\x09\x0d\x0a\xff\x00", b"LEF2\x0d\x0a\x81\x00")


def claims(head: bytes, tail: bytes, path: Path) -> bool:  # noqa: ARG001  (of every format)
    """Return whether a file begins as a segment of EWF."""
    return head.startswith((*_DISK, *_LOGICAL))


def open_image(path: Path) -> BlockReader:
    """Open the image by its first segment. Complaint for a logical image, which has files but no disk."""
    with path.open("rb") as file:
        if file.read(8) in _LOGICAL:
            raise Complaint(f"{path} is a logical image: it has files, but no disk.", "Export its files and use --root.", WRONG_USE)
    pyewf = _shared.library("pyewf", "libewf-python", "An EnCase image (E01)")

    def opened() -> BlockReader:
        handle = pyewf.handle()
        handle.open(pyewf.glob(str(path)))
        return LibraryBlocks(handle, handle.get_media_size())

    return _shared.read(path.name, opened)
