"""Read reparse points: links, and files whose content is elsewhere. Source: Microsoft [MS-FSCC] 2.1.2 (tags, buffers)."""

from __future__ import annotations

import struct

MAX = 16 << 10
"""bytes of a reparse point"""
MOUNT_POINT, SYMLINK, WOF, DEDUP = 0xA000_0003, 0xA000_000C, 0x8000_0017, 0x8000_0013
LINKS = frozenset({MOUNT_POINT, SYMLINK})
_CLOUD, _CLOUD_MASK = 0x9000_001A, 0xFFFF_0FFF
_OFFLINE, _RECALL = 0x1000, 0x40_0000
_ELSEWHERE = {
    WOF: "compressed by the Windows overlay filter: its content is in its stream WofCompressedData, or in a WIM file",
    DEDUP: "deduplicated: its content is in the chunk store under System Volume Information",
    0x8000_0006: "in hierarchical storage: its content is not on this volume",
    0xC000_0004: "in hierarchical storage: its content is not on this volume",
}


def elsewhere(tag: int, attributes: int) -> str:
    """Return why the content of a file with this tag and these file attributes is not in the file; '' where it is."""
    if tag & _CLOUD_MASK == _CLOUD and attributes & (_OFFLINE | _RECALL):
        return "a placeholder of a cloud folder: its content is not on this volume"
    return _ELSEWHERE.get(tag, "")


def target(data: bytes) -> str | None:
    """Return the path to which a link or a junction leads; None where the reparse point is neither, or damaged.

    Windows goes by the substitute name. The print name is only shown, and may say anything.
    """
    if len(data) < 16:
        return None
    tag, _, _, begin, length, shown, shown_length = struct.unpack_from("<IHHHHHH", data)
    if tag not in LINKS:
        return None
    at = 20 if tag == SYMLINK else 16
    text = data[at + begin : at + begin + length] or data[at + shown : at + shown + shown_length]
    return text[: len(text) // 2 * 2].decode("utf-16-le", "surrogatepass")
