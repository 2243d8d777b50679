"""Rich text: embedded objects, the equation editor, templates and fields. Source: Rich Text Format 1.9.1; [MS-OLEDS] 2.2, OLE1 objects."""

from __future__ import annotations

import re
import struct
from itertools import pairwise

from commodore.readers.documents.formats.ole import package
from commodore.readers.documents.model import PARTS, Document

NAME = "RTF"
MAGIC = ((0, b"{\\rt"),)
ENDINGS: tuple[str, ...] = ()
_OBJECT = re.compile(rb"\\objdata\b")
_TEMPLATE = re.compile(rb"\\\*\\template\s+([^}\\]{3,500})")
_FIELD = re.compile(rb"(?i)\\fldinst[^}]{0,100}?\b((?:DDE(?:AUTO)?|INCLUDEPICTURE|INCLUDETEXT|HYPERLINK)\s[^}]{3,500})")
_WORD = re.compile(rb"\\(?:\*|'[0-9a-fA-F]{2}|[a-zA-Z]{1,40}-?\d{0,12} ?|[^a-zA-Z])|[{}\s]")
_HEX = re.compile(rb"[0-9a-fA-F]*")
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LARGEST = 32 << 20


def read(data: bytes, document: Document) -> None:
    """Read the objects, and what the text loads."""
    document.format = "RTF"
    starts = [found.end() for found in _OBJECT.finditer(data)]
    if len(starts) > PARTS:
        document.bounds[f"more than {PARTS} objects: the rest was not read"] = None
    for start, end in pairwise([*starts[: PARTS + 1], len(data)]):
        _object(data, start, end, document)
    if b"\\objupdate" in data:
        document.trait("updated-object", "\\objupdate")
    for found in _TEMPLATE.finditer(data):
        target = found[1].decode("latin-1").strip()
        document.link(target)
        if re.match(r"(?i)https?:|\\\\\\\\|file://[^/]", target):
            document.trait("remote-template", target)
    for found in _FIELD.finditer(data):
        text = found[1].decode("latin-1")
        document.text("field", text)
        if text[:3].upper() == "DDE":
            document.trait("dde", text)


def _object(data: bytes, at: int, end: int, document: Document) -> None:
    """Read the hexadecimal data of one object, which ends with its group. Control words within it only hide it."""
    digits, depth, broken = bytearray(), 1, 0
    end = min(end, at + 2 * _LARGEST)
    while at < end and depth > 0:
        run = _HEX.match(data, at)
        if run and run[0]:
            digits += run[0]
            at = run.end()
            continue
        word = _WORD.match(data, at)
        if word is None:
            at += 1
            continue
        depth += (word[0] == b"{") - (word[0] == b"}")
        broken += word[0][:1] == b"\\"
        if (size := re.match(rb"\\bin(\d{1,9})", word[0])) is not None:
            digits += data[word.end() : word.end() + int(size[1])].hex().encode()
            at = word.end() + int(size[1])
            continue
        at = word.end()
    if broken > 8:
        document.trait("hidden-object-data", f"{broken} control words in the data of an object")
    _content(bytes.fromhex(digits[: len(digits) & ~1].decode("ascii")), document)


def _content(data: bytes, document: Document) -> None:
    name, body = "", data
    try:
        (length,) = struct.unpack_from("<I", data, 8)
        name = data[12 : 12 + min(length, 200)].split(b"\0", 1)[0].decode("latin-1")
        at = 12 + length
        for _ in range(2):
            at += 4 + struct.unpack_from("<I", data, at)[0]
        size = struct.unpack_from("<I", data, at)[0]
        body = data[at + 4 : at + 4 + size]
    except struct.error:
        pass  # a cut header: the data is read as it is
    start = data.find(_OLE2)
    if name.lower().startswith("equation") or b"\x02\xce\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00F" in data:
        document.trait("equation-object", name or "class of the equation editor")
    if name.lower() in ("ole2link", "htmlfile", "word.document.link"):
        document.trait("link-object", name)
    if name.lower() == "package" and start < 0:
        label, content = package(b"\0\0\0\0" + body)
        document.embed(label or "package", content)
    elif start >= 0:
        document.embed(f"{name or 'object'}.ole", data[start:])
    else:
        document.embed(name or "object", body)
