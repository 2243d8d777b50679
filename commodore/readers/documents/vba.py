"""Macros of VBA projects: compressed source and the list of modules. Source: [MS-OVBA] Office VBA File Format, sections 2.3.4 and 2.4.1."""

from __future__ import annotations

import re
import struct
from typing import Any

from commodore.readers.documents.model import PARTS, Document

LARGEST = 8 << 20
"""bytes of the source of one module"""
_AUTO = re.compile(
    r"(?im)^[ \t]*(?:(?:private|public|static)[ \t]+){0,4}(?:sub|function)[ \t]+("
    r"(?:auto_?(?:open|exec|close|new|exit)|document_(?:open|close|new|beforeclose)|documentopen"
    r"|workbook_(?:open|activate|beforeclose|deactivate)|worksheet_(?:activate|calculate|change)|app_\w{1,64}"
    r"|\w{1,64}_(?:layout|painted|painting|gotfocus|mousemove|resize)))\b"
)
_ATTRIBUTES = re.compile(rb"\x00Attribut[^e]")
_NAME, _STREAM, _OFFSET, _CODE_PAGE, _VERSION = 0x19, 0x1A, 0x31, 0x03, 0x09


def decompress(data: bytes, most: int = LARGEST) -> bytes:
    """Return the text of a compressed container, about `most` bytes at most. What is damaged ends the text.

    Raises ValueError where it is no container.
    """
    if data[:1] != b"\x01":
        raise ValueError("no compressed container: the signature is missing")
    made, at = bytearray(), 1
    while at + 2 <= len(data) and len(made) < most:
        (head,) = struct.unpack_from("<H", data, at)
        end = min(at + (head & 0xFFF) + 3, len(data))
        at += 2
        if head >> 15:
            made += _chunk(data[at:end])
        else:
            made += data[at : at + 4096]
            end = at + 4096
        at = end
    return bytes(made)


def _chunk(data: bytes) -> bytes:
    made, at = bytearray(), 0
    while at < len(data):
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= len(data) or len(made) > 8192:
                return bytes(made)
            if not flags >> bit & 1:
                made.append(data[at])
                at += 1
                continue
            if at + 2 > len(data) or not made:
                return bytes(made)
            (token,) = struct.unpack_from("<H", data, at)
            at += 2
            bits = max((len(made) - 1).bit_length(), 4)
            length, offset = (token & 0xFFFF >> bits) + 3, (token >> 16 - bits) + 1
            if offset > len(made):
                return bytes(made)
            for _ in range(length):
                made.append(made[-offset])
    return bytes(made)


def macros(ole: Any, document: Document) -> None:
    """Add the macros of all VBA projects of an OLE file; `ole`: an open olefile.OleFileIO."""
    names = ["/".join(path) for path in ole.listdir()]
    for name in names:
        folder, _, last = name.rpartition("/")
        if last.lower() == "dir" and folder.lower().endswith("vba") and len(document.macros) < PARTS:
            _project(ole, name, folder, document)
    if document.macros:
        document.trait("macros", ", ".join(label for label, _ in document.macros[:8]))
        for label, text in document.macros:
            if found := _AUTO.search(text):
                document.trait("auto-run", f"{label}: {found[1]}")


def _project(ole: Any, name: str, folder: str, document: Document) -> None:
    page, modules = "cp1252", list[tuple[str, str, int]]()
    try:
        page, modules = _modules(decompress(ole.openstream(name).read()))
    except (ValueError, struct.error, OSError) as e:
        document.troubles[f"VBA: the list of modules cannot be read: {e}"[:160]] = None
    listed = {stream for _, stream, _ in modules}
    if not modules:
        modules = [
            (path[-1], path[-1], -1)
            for path in ole.listdir()
            if "/".join(path[:-1]) == folder and path[-1].lower() not in ("dir", "_vba_project")
        ]
    for label, stream, offset in modules[:PARTS]:
        if not document.left():
            return
        _module(ole, f"{folder}/{stream}", label, offset, page, document, told=stream in listed)


def _module(ole: Any, path: str, label: str, offset: int, page: str, document: Document, *, told: bool) -> None:
    try:
        data = ole.openstream(path).read()
        if not document.draw(len(data)):
            return
        if offset < 0:
            found = _ATTRIBUTES.search(data)
            if found is None:
                return
            offset = max(found.start() - 3, 0)
        text = decompress(data[offset:], min(LARGEST, document.left())).decode(page, "replace")
    except (ValueError, OSError, LookupError) as e:
        document.troubles[f"VBA: module {label}: {e}"[:160]] = None
        if told:
            document.trait("macros-without-source", label)
        return
    if document.take(len(text)) and _code(text):
        document.macros.append((label, text))


def _code(text: str) -> bool:
    """Return whether a module has more than the attributes that every module begins with."""
    return any(line.strip() and not line.startswith("Attribute ") for line in text.splitlines())


def _modules(data: bytes) -> tuple[str, list[tuple[str, str, int]]]:
    """Return the code page and (name, stream, offset of the source) of each module."""
    page, found, name, stream, at = "cp1252", [], "", "", 0
    while at + 6 <= len(data):
        kind, size = struct.unpack_from("<HI", data, at)
        value = data[at + 6 : at + 6 + size]
        at += 6 + size + (2 if kind == _VERSION else 0)
        if kind == _CODE_PAGE and size == 2:
            page = _codec(struct.unpack("<H", value)[0])
        elif kind == _NAME:
            name = value.decode(page, "replace")
        elif kind == _STREAM:
            stream = value.decode(page, "replace")
        elif kind == _OFFSET and size == 4 and (stream or name):
            found.append((name or stream, stream or name, struct.unpack("<I", value)[0]))
            name = stream = ""
    return page, found


def _codec(number: int) -> str:
    known = {10000: "mac_roman", 65001: "utf-8"}.get(number, f"cp{number}")
    try:
        b"".decode(known)
    except LookupError:
        return "cp1252"
    return known
