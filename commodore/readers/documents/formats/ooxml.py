"""Office documents that are ZIP archives: relations to other hosts, macros, embedded objects, fields, sheets with old macros.

Markup is searched as text, not parsed, so that entities cannot grow. Sources: ECMA-376 parts 1 and 2; OpenDocument 1.3 for its scripts.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from html import unescape
from typing import BinaryIO

from commodore.readers.archives.directory import opened
from commodore.readers.documents.formats import ole
from commodore.readers.documents.model import PARTS, Document

NAME = "OOXML"
MAGIC = ((0, b"PK\x03\x04"),)
ENDINGS: tuple[str, ...] = ()
TYPES = "[Content_Types].xml"
_KINDS = (("word/", "Word (OOXML)"), ("xl/", "Excel (OOXML)"), ("ppt/", "PowerPoint (OOXML)"), ("visio/", "Visio (OOXML)"))
_RELATION = re.compile(r"<Relationship\s[^<>]{1,8000}>")
_ATTRIBUTE = re.compile(r"""\b(Type|Target|TargetMode)\s*=\s*(["'])(.*?)\2""", re.DOTALL)
_FIELD = re.compile(r"<w:instrText[^<>]{0,200}>([^<]{0,4000})</w:instrText>")
_SIMPLE = re.compile(r"""\bw:instr\s*=\s*"([^"]{0,4000})\"""")
_DDE = re.compile(r"(?i)\bDDE(?:AUTO)?\b.{3,300}")
_SHEET = re.compile(r"""<sheet\s[^<>]{0,2000}>""")
_LARGEST = 32 << 20
_RATIO_FLOOR = 64 << 20


def kind_of(names: Collection[str], head: bytes = b"") -> str:
    """Return what a ZIP archive is by the names in its directory, or its first bytes; '' where it is no document."""
    if TYPES in names or begins(head):
        return next((kind for folder, kind in _KINDS if any(n.startswith(folder) for n in names)), "OOXML package")
    return "OpenDocument" if "mimetype" in names and "content.xml" in names else ""


def begins(head: bytes) -> bool:
    """Return whether the first entry of a ZIP archive is that of a package, whatever the directory of the archive says."""
    return head.startswith(b"PK\x03\x04") and head[30 : 30 + len(TYPES)] == TYPES.encode()


def is_package(stream: BinaryIO) -> bool:
    """Return whether a file is a ZIP archive that `read` takes for a document; False for one whose directory cannot be read."""
    head = stream.read(64)
    stream.seek(0)
    if not head.startswith(b"PK"):
        return False
    try:
        with opened(stream) as archive:
            return bool(kind_of(archive.namelist(), head))
    except (zipfile.BadZipFile, ArithmeticError, LookupError, ValueError, OSError, EOFError, RuntimeError, struct.error):
        return False


def read(data: bytes, document: Document) -> None:
    """Read the parts that may run, load or carry something. Leaves other ZIP archives alone."""
    with opened(io.BytesIO(data)) as archive:
        names = [info.filename for info in archive.infolist()]
        document.format = kind_of(names, data[:64])
        if not document.format:
            return
        if begins(data[:64]) and TYPES not in names:
            document.troubles[f"the directory of the archive does not name {TYPES}, with which the archive begins"] = None
        if len(names) > PARTS * 20:
            document.bounds[f"more than {PARTS * 20:,} parts: the rest was not read"] = None
        for name in names[: PARTS * 20]:
            _part(archive, name, document)


def _content(archive: zipfile.ZipFile, name: str, document: Document) -> bytes:
    try:
        with archive.open(name) as stream:
            data = stream.read(min(_LARGEST, document.left()) + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as e:
        document.troubles[f"{name}: {e}"[:160]] = None
        return b""
    if len(data) > _LARGEST:
        document.bounds[f"{name} has more than {_LARGEST:,} bytes: it was not read"] = None
        return b""
    return data if document.take(len(data)) else b""


def _part(archive: zipfile.ZipFile, name: str, document: Document) -> None:
    low = name.lower()
    if low.endswith(".rels"):
        _relations(_content(archive, name, document).decode("utf-8", "replace"), document)
    elif low.endswith("vbaproject.bin"):
        content = _content(archive, name, document)
        inner = Document(name, spent=document.spent, drawn=document.drawn)
        ole.read(content, inner)
        document.spent, document.drawn = inner.spent, inner.drawn
        document.macros += inner.macros
        document.traits |= inner.traits
        document.troubles |= inner.troubles
    elif "/embeddings/" in low or low.startswith("object ") or ("/media/" in low and low.endswith((".exe", ".bin"))):
        document.embed(name.rpartition("/")[2], _content(archive, name, document))
    elif low.startswith("xl/macrosheets/") and low.endswith(".xml"):
        text = _content(archive, name, document).decode("utf-8", "replace")
        document.trait("old-macros", name)
        document.text(name, unescape(re.sub(r"<[^<>]{0,400}>", " ", text))[: 1 << 20])
    elif low == "xl/workbook.xml":
        _workbook(_content(archive, name, document).decode("utf-8", "replace"), document)
    elif low.startswith("word/") and low.endswith(".xml") and "/" not in low[5:]:
        _fields(_content(archive, name, document).decode("utf-8", "replace"), document)
    elif low.startswith("xl/externallinks/") and low.endswith(".xml"):
        text = _content(archive, name, document).decode("utf-8", "replace")
        if found := re.search(r"""<ddeLink[^<>]{0,400}>""", text):
            document.trait("dde", found[0])
            document.text(name, unescape(found[0]))
    elif low.startswith("basic/") and low.endswith(".xml") and "script" not in low:
        document.macros.append((name, unescape(_content(archive, name, document).decode("utf-8", "replace"))))
        document.trait("macros", name)


def _relations(text: str, document: Document) -> None:
    for relation in _RELATION.finditer(text):
        found = {name: unescape(value) for name, _, value in _ATTRIBUTE.findall(relation[0])}
        target, kind = found.get("Target", ""), found.get("Type", "").rpartition("/")[2]
        if found.get("TargetMode", "").lower() != "external" or not target:
            continue
        document.link(target)
        remote = re.match(r"(?i)(?:https?|ftp|file|mhtml|ms-\w+):|\\\\\\\\|x-usc:", target) is not None
        local = re.match(r"(?i)file:/{2,3}[a-z]:", target) is not None
        if kind == "attachedTemplate" and remote and not local:
            document.trait("remote-template", target)
        elif kind in ("oleObject", "frame", "externalLink", "subDocument", "image") and remote and not local and kind != "externalLink":
            document.trait("remote-object", f"{kind}: {target}") if kind != "image" else None


def _fields(text: str, document: Document) -> None:
    fields = "".join(_FIELD.findall(text)), *_SIMPLE.findall(text)
    for field in fields:
        if found := _DDE.search(unescape(field)):
            document.trait("dde", found[0])
            document.text("field", found[0])


def _workbook(text: str, document: Document) -> None:
    if "_xlnm.Auto_Open" in text or re.search(r'(?i)name="auto_open', text):
        document.trait("auto-run", "Auto_Open")
    for sheet in _SHEET.finditer(text):
        if re.search(r'state="(?:very)?[hH]idden"', sheet[0]) and "acrosheet" in text:
            document.trait("hidden-old-macros", sheet[0])
