"""OneNote sections: files in them. Source: [MS-ONESTORE] 2.6.13 FileDataStoreObject."""

from __future__ import annotations

import struct

from commodore.readers.documents.model import Document

NAME = "OneNote"
MAGIC = ((0, bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")),)
ENDINGS: tuple[str, ...] = ()
_OBJECT = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
_HEAD = 36


def read(data: bytes, document: Document) -> None:
    """Add the files; their names are elsewhere in the section, so that a file is named by its number."""
    document.format = "OneNote"
    at, number = data.find(_OBJECT), 0
    while at >= 0:
        if at + _HEAD <= len(data):
            (size,) = struct.unpack_from("<Q", data, at + 16)
            number += 1
            content = data[at + _HEAD : at + _HEAD + min(size, len(data))] if document.draw(min(size, len(data))) else b""
            if not content and size:
                return
            if not content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8")):
                document.embed(f"file {number}", content)
        at = data.find(_OBJECT, at + 16)
