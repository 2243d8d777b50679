"""Bytes as text: which encoding a script has, and whether decoded bytes are a text, a file of a known kind, or neither."""

from __future__ import annotations

import re

from commodore.readers.layers.model import Decoded

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_FILES = (b"MZ", b"\x7fELF", b"PK\x03\x04", b"%PDF-", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"MSCF")
PACKED = (b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"BZh91AY&SY", b"\xfd7zXZ\0")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"wOFF", b"wOF2", b"RIFF", b"\0\0\1\0", b"\0\1\0\0", b"OTTO", b"BM")
_ODD = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffc]")
_ASCII = re.compile(rb"[\t\n\r\x20-\x7e]+")
_SHORTEST = 6
_CODE = re.compile(r"[A-Za-z]{3}|[\w.]\(|[/\\]\w+[/\\.]")


def as_text(data: bytes) -> str:
    """Return a file's text: by its byte order mark, by the NULs of UTF-16, as UTF-8, else one character per byte. Never raises.

    A mark of UTF-16 before bytes that all are ASCII is none: cmd.exe passes over it, and editors show other characters.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark) and not (len(mark) == 2 and _ASCII.fullmatch(data[2:4096])):
            return data[len(mark) :].decode(encoding, "replace")
    if encoding := _wide(data[:4096]):
        return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _wide(head: bytes) -> str:
    """Return the UTF-16 encoding of bytes of which nearly every second is NUL; '' for others."""
    pairs = len(head) // 2
    if pairs < _SHORTEST // 2:
        return ""
    high, low = head[1 : pairs * 2 : 2].count(0), head[0 : pairs * 2 : 2].count(0)
    if high >= pairs * 0.8 and low <= pairs * 0.2:
        return "utf-16-le"
    return "utf-16-be" if low >= pairs * 0.8 and high <= pairs * 0.2 else ""


def readable(text: str) -> bool:
    """Return whether a text has hardly a character that texts do not have."""
    shown = text[:65_536]
    return len(_ODD.findall(shown)) <= len(shown) * 0.02


def decoded(how: str, data: bytes, *, sure: bool = False) -> Decoded | None:
    """Return decoded bytes as a layer; None where they are too short, a picture, or most likely no encoding at all.

    Bytes that are no text and no file of a known kind are `unsure`. `sure`: the script itself decodes them, so that short ones count.
    """
    if len(data) < _SHORTEST or data.startswith(_PICTURES):
        return None
    if data.startswith(_FILES) or data.startswith(PACKED):
        return Decoded(how, data.decode("latin-1"), unsure=not data.startswith(_FILES))
    if encoding := _wide(data[:4096]):
        text = data[: len(data) & ~1].decode(encoding, "replace")
        if readable(text):
            return Decoded(f"{how}, utf-16", text)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and readable(text) and (sure or (len(text) >= 12 and _CODE.search(text))):
        return Decoded(how, text)
    return Decoded(how, data.decode("latin-1"), unsure=True) if sure or len(data) >= 48 else None


def is_file(text: str) -> bool:
    """Return whether a text of one character per byte begins as a program, archive or document does."""
    return text[:8].encode("latin-1", "replace").startswith(_FILES)


def as_bytes(text: str) -> bytes | None:
    """Return the bytes of a text that has one character per byte; None for a text with other characters."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None
