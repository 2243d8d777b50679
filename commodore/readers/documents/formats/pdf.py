"""PDF: actions, JavaScript, addresses, embedded files; object streams are inflated, bounded. Source: ISO 32000-1, 7.3, 7.5.7, 12.6.

The file is searched, not rendered: objects are found by their words, not by the table of references, which a hostile file can bend.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from itertools import islice

from commodore.readers.documents.model import Document

NAME = "PDF"
MAGIC = ((0, b"%PDF-"), (0, b"\xef\xbb\xbf%PDF-"), (1, b"%PDF-"), (2, b"%PDF-"))
ENDINGS: tuple[str, ...] = ()
_STREAMS = 5_000
_LARGEST = 16 << 20
_DICTIONARY = 4096
"""bytes before a stream in which its dictionary is read"""
_HEX = re.compile(rb"#([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(rb"/(?:[A-Za-z]*#[0-9A-Fa-f]{2})+[A-Za-z0-9]*")
_ACTIONS = frozenset((b"JavaScript", b"JS", b"OpenAction", b"Launch", b"AA", b"URI", b"EmbeddedFile", b"RichMedia", b"ObjStm"))
_LONGEST, _SHORT = 200_000, 256
"""bytes of a text; bytes of one behind `_UNENDED` that do not end"""
_UNENDED, _MOST_UNENDED = 16, 4_096
"""texts that do not end: behind so many, texts are read up to `_SHORT`; behind the other number, not at all"""
_JS = re.compile(rb"/JS\s{0,20}(?=[(<]|(\d{1,8})\s{1,20}\d{1,5}\s{1,20}R)")
_URI = re.compile(rb"/URI\s{0,20}(?=[(<])")
_LAUNCH = re.compile(rb"/Launch\b")
_PROGRAM = re.compile(rb"/(?:F|P|Win)\b")
_FILE_SPEC = re.compile(rb"/Filespec\b")
_FILE_NAME = re.compile(rb"/(?:UF|F)\s{0,20}\(")
_PARENTHESIS = re.compile(rb"[()\\]")
_DIGITS = re.compile(rb"<([0-9A-Fa-f\s]{2,200000})>")
_ESCAPES = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)


def read(data: bytes, document: Document) -> None:
    """Read what acts and what is carried."""
    document.format = "PDF"
    if b"/Encrypt" in data:
        document.bounds["the PDF is encrypted: texts in it cannot be read"] = None
    plain = [data]
    scripts: dict[bytes, bytes] = {}
    names = list(islice(_file_names(data, document), 100))
    for number, head, content in _streams(data, document):
        document.search(f"stream of object {number.decode('ascii') or '?'}", content)
        if b"/ObjStm" in head:
            plain.append(content)
        elif b"/EmbeddedFile" in head:
            document.embed(names[len(document.embedded)] if len(document.embedded) < len(names) else "embedded file", content)
        elif len(content) < 1 << 20:
            scripts[number] = content
    for part in plain:
        _actions(_names(part, document), scripts, document)


def _names(data: bytes, document: Document) -> bytes:
    """Return the text with the escapes in names of actions undone."""
    for found in _ESCAPED.finditer(data):
        if _HEX.sub(lambda m: bytes([int(m[1], 16)]), found[0])[1:] in _ACTIONS:
            document.trait("pdf-hidden-names", found[0].decode("latin-1"))
            return _ESCAPED.sub(lambda m: _HEX.sub(lambda h: bytes([int(h[1], 16)]), m[0]), data)
    return data


def _actions(data: bytes, scripts: dict[bytes, bytes], document: Document) -> None:
    if b"/OpenAction" in data or re.search(rb"/AA\b", data):
        document.trait("pdf-open-action", "/OpenAction" if b"/OpenAction" in data else "/AA")
    texts = _Texts(data, document)
    for text in _launched(texts):
        document.trait("pdf-launch", text)
        document.text("launch", text)
    behind = 0
    for found in _JS.finditer(data):
        if found.start() < behind:
            continue
        code, behind = (scripts.get(found[1], b"").decode("latin-1"), found.end()) if found[1] else texts.read(found.end())
        document.trait("pdf-javascript", code or "/JS")
        if code and document.take(len(code)):
            document.text("JavaScript", code)
    behind = 0
    for found in _URI.finditer(data):
        if found.start() >= behind:
            text, behind = texts.read(found.end())
            document.link(text)


def _file_names(data: bytes, document: Document) -> Iterator[str]:
    """Yield the names of the files that are carried."""
    texts = _Texts(data, document)
    for spec in _FILE_SPEC.finditer(data):
        end = data.find(b">", spec.end(), spec.end() + 400)
        if found := _FILE_NAME.search(data, spec.end(), end if end >= 0 else spec.end() + 400):
            yield texts.read(found.end() - 1)[0]


def _launched(texts: _Texts) -> Iterator[str]:
    """Yield the programs and files that are opened: the first text behind the key that names them."""
    for found in _LAUNCH.finditer(texts.data):
        key = _PROGRAM.search(texts.data, found.end(), found.end() + 200)
        at = texts.data.find(b"(", key.end(), key.end() + 200) if key else -1
        if at >= 0 and (text := texts.read(at)[0]):
            yield text


class _Texts:
    """The texts of a file, literal or of hexadecimal digits. Parentheses nest in a literal one. Source: ISO 32000-1, 7.3.4."""

    def __init__(self, data: bytes, document: Document) -> None:
        self.data, self._document, self._unended = data, document, 0

    def read(self, at: int) -> tuple[str, int]:
        """Return the text that begins at an offset, and the offset behind it; ('', `at`) for one that does not end."""
        if self._unended >= _MOST_UNENDED:
            self._document.bounds[f"more than {_MOST_UNENDED:,} texts do not end: the rest was not read"] = None
            return "", at
        end = at + (_LONGEST if self._unended < _UNENDED else _SHORT)
        if self.data[at : at + 1] == b"<":
            if digits := _DIGITS.match(self.data, at, end):
                return _hex(digits[1]), digits.end()
        else:
            depth, place = 1, at + 1
            while found := _PARENTHESIS.search(self.data, place, end):
                place = found.end() + (found[0] == b"\\")
                depth += (found[0] == b"(") - (found[0] == b")")
                if not depth:
                    return _text(self.data[at + 1 : found.start()]), place
        self._unended += 1
        return "", at


def _streams(data: bytes, document: Document) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield (object number, dictionary, content) of streams; those of pictures and fonts are left out."""
    at, count = data.find(b"stream"), 0
    while at >= 0:
        end = data.find(b"endstream", at)
        if end < 0:
            return
        count += 1
        if count > _STREAMS:
            document.bounds[f"more than {_STREAMS:,} streams: the rest was not read"] = None
            return
        head = data[max(0, at - _DICTIONARY) : at]
        start = head.rfind(b" obj")
        number = re.search(rb"(\d{1,8})\s+\d{1,5}\Z", head[: max(start, 0)])
        head = head[start:] if start >= 0 else head
        if not re.search(rb"/(?:Image|FontFile\d?|Length1)\b", head):
            content = data[at + 6 : end].lstrip(b"\r").removeprefix(b"\n")
            for name in _FILTERS.findall(head):
                content = _FILTER[name](content, document)
            yield number[1] if number else b"", head, content
        at = data.find(b"stream", end + 9)


def _hex_digits(content: bytes, document: Document) -> bytes:  # noqa: ARG001
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", content.partition(b">")[0])
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))


def _base85(content: bytes, document: Document) -> bytes:
    try:
        made = base64.a85decode(content.partition(b"~>")[0].removeprefix(b"<~"))
    except ValueError:
        return b""
    return made if document.take(len(made)) else b""


def _inflated(content: bytes, document: Document) -> bytes:
    most = min(_LARGEST, document.left(), max(1 << 20, len(content) * 300))
    engine = zlib.decompressobj()
    try:
        made = engine.decompress(content, most)
    except zlib.error:
        return b""
    if engine.unconsumed_tail:
        document.bounds["a stream is larger than the bound: its beginning was read"] = None
    return made if document.take(len(made)) else b""


_FILTER = {
    b"FlateDecode": _inflated,
    b"Fl": _inflated,
    b"ASCIIHexDecode": _hex_digits,
    b"AHx": _hex_digits,
    b"ASCII85Decode": _base85,
    b"A85": _base85,
}
_FILTERS = re.compile(rb"/(FlateDecode|Fl|ASCIIHexDecode|AHx|ASCII85Decode|A85)\b")


def _text(raw: bytes) -> str:
    """Return a literal string of PDF as text."""

    def one(found: re.Match[bytes]) -> bytes:
        value = found[1]
        if value[:1] in b"01234567":
            return bytes([int(value, 8) & 255])
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(value, value.strip(b"\n"))

    made = _ESCAPES.sub(one, raw)
    return made[2:].decode("utf-16-be", "replace") if made[:2] == b"\xfe\xff" else made.decode("latin-1")


def _hex(raw: bytes) -> str:
    digits = re.sub(rb"\s", b"", raw)
    return _text(bytes.fromhex(digits[: len(digits) & ~1].decode("ascii")))
