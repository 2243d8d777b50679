"""OLE files: Word, Excel and PowerPoint before 2007, messages of Outlook (`.msg`), installers.

Sources: [MS-CFB] Compound File Binary; [MS-XLS] 2.4.28 BoundSheet8, 2.4.150 Lbl, 2.4.117 FilePass; [MS-OLEDS] OLE1 packages;
[MS-OXMSG] and [MS-OXPROPS] for messages.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import Any

from commodore.readers.documents.mail import links_of, note_links
from commodore.readers.documents.model import PARTS, Document
from commodore.readers.documents.vba import macros

NAME = "OLE"
MAGIC = ((0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),)
ENDINGS: tuple[str, ...] = ()
_KINDS = (
    ("WordDocument", "Word"),
    ("Workbook", "Excel"),
    ("Book", "Excel"),
    ("PowerPoint Document", "PowerPoint"),
    ("__properties_version1.0", "Outlook message"),
)
_EQUATION = "0002CE02-0000-0000-C000-000000000046"
_DDE = re.compile(rb"(?i)(?:d\0?d\0?e\0?(?:a\0?u\0?t\0?o\0?)?)[ \0]+[\"\0 ]*[\x20-\x7e\0]{4,200}")
_SHEET, _LABEL, _PASSWORD = 0x85, 0x18, 0x2F
_STREAM = 32 << 20


def read(data: bytes, document: Document) -> None:
    """Read macros, packages, fields and the parts of a message. Leaves jump lists, thumbnails and their like alone."""
    import olefile  # type: ignore[import-untyped]

    with olefile.OleFileIO(io.BytesIO(data)) as ole:
        names = ["/".join(path) for path in ole.listdir(streams=True, storages=False)][: PARTS * 20]
        top = {name.split("/")[0] for name in names}
        known = next((f"{kind} (OLE)" for sign, kind in _KINDS if sign in top), "")
        macros(ole, document)
        _objects(ole, names, document)
        if "Workbook" in top or "Book" in top:
            _workbook(_stream(ole, "Workbook" if "Workbook" in top else "Book", document), document)
        if "WordDocument" in top and (found := _DDE.search(_stream(ole, "WordDocument", document))):
            document.trait("dde", found[0].replace(b"\0", b"").decode("latin-1"))
        if "__properties_version1.0" in top:
            _message(ole, names, document)
    document.format = known or ("OLE" if document.macros or document.embedded or document.traits else "")


def _stream(ole: Any, name: str, document: Document) -> bytes:
    """Return the bytes of a stream; none where the streams of the document are too large together."""
    if not ole.exists(name) or not document.draw(min(ole.get_size(name), _STREAM)):
        return b""
    data: bytes = ole.openstream(name).read(_STREAM)
    return data


def _objects(ole: Any, names: list[str], document: Document) -> None:
    if (ole.root.clsid or "").upper() == _EQUATION or any(name.split("/")[-1] == "Equation Native" for name in names):
        document.trait("equation-object", "Equation Native")
    for name in names:
        if name.split("/")[-1].lower() == "\x01ole10native":
            label, content = package(_stream(ole, name, document))
            document.embed(label or "package", content)
        elif name.split("/")[-1] in ("Package", "CONTENTS"):
            document.embed(name, _stream(ole, name, document))


def package(data: bytes) -> tuple[str, bytes]:
    """Return name and content of an OLE package; ('', b"") where it is none."""
    try:
        at = 6
        end = data.index(b"\0", at)
        label = data[at:end].decode("latin-1")
        at = data.index(b"\0", end + 1) + 1 + 4
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        (size,) = struct.unpack_from("<I", data, at)
    except (ValueError, struct.error):
        return "", data[4:]
    return label.replace("\\", "/").rpartition("/")[2], data[at + 4 : at + 4 + size]


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, at)
        yield kind, data[at + 4 : at + 4 + size]
        at += 4 + size


def _workbook(data: bytes, document: Document) -> None:
    for kind, value in _records(data):
        if kind == _PASSWORD:
            document.bounds["the workbook is encrypted: its sheets were not read"] = None
            return
        if kind == _SHEET and len(value) > 7 and value[5] == 1:
            wide = value[7] & 1
            label = value[8 : 8 + value[6] * (2 if wide else 1)].decode("utf-16-le" if wide else "latin-1", "replace")
            document.trait("old-macros", label)
            if value[4] & 3:
                document.trait("hidden-old-macros", label)
        elif kind == _LABEL and len(value) > 15 and value[0] & 0x20 and value[15:16] == b"\x01":
            document.trait("auto-run", "Auto_Open")


_FIELDS = {
    "0037": "email.subject",
    "0042": "email.from.address",
    "0C1F": "email.from.address",
    "5D01": "email.from.address",
    "0E04": "email.to.address",
    "1035": "email.message_id",
}
_MANY = ("email.from.address", "email.to.address")


def _message(ole: Any, names: list[str], document: Document) -> None:
    for name in names:
        folder, _, last = name.rpartition("/")
        if not last.startswith("__substg1.0_"):
            continue
        tag, kind = last[12:16].upper(), last[16:20].upper()
        if not folder and kind in ("001F", "001E"):
            _property(tag, _text(_stream(ole, name, document), kind), document)
        elif not folder and tag == "1013":
            note_links(links_of(_stream(ole, name, document).decode("utf-8", "replace")), document)
        elif folder.startswith("__attach") and "/" not in folder and tag == "3701" and kind == "0102":
            document.embed(_attached(ole, folder, document), _stream(ole, name, document))


def _text(data: bytes, kind: str) -> str:
    return data.decode("utf-16-le" if kind == "001F" else "cp1252", "replace").rstrip("\0")


def _property(tag: str, text: str, document: Document) -> None:
    field = _FIELDS.get(tag)
    if field in _MANY and text and len(document.facts.setdefault(field, [])) < 100:
        document.facts[field].append(text[:500])
    elif field and field not in _MANY and text:
        document.facts[field] = text[:500]
    elif tag == "1000":
        document.text("body", text)


def _attached(ole: Any, folder: str, document: Document) -> str:
    for tag in ("3707001F", "3704001F", "3707001E", "3704001E"):
        if data := _stream(ole, f"{folder}/__substg1.0_{tag}", document):
            return _text(data, tag[4:])
    return "attachment"
