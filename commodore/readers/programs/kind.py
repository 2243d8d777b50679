"""What kind of program a file is, by its first bytes."""

from __future__ import annotations

from commodore.readers.programs.bytesview import number
from commodore.readers.programs.macho import is_fat

MAGIC: tuple[tuple[int, bytes], ...] = (
    (0, b"MZ"),
    (0, b"\x7fELF"),
    (0, b"\xfe\xed\xfa\xce"),
    (0, b"\xfe\xed\xfa\xcf"),
    (0, b"\xce\xfa\xed\xfe"),
    (0, b"\xcf\xfa\xed\xfe"),
    (0, b"\xca\xfe\xba\xbe"),
    (0, b"\xca\xfe\xba\xbf"),
)
HEAD = 64
"""bytes of a file that decide"""


def kind(head: bytes) -> str:
    """Return PE (any file that begins as a program of DOS or Windows), ELF, Mach-O, or '' for none; `head`: the first `HEAD` bytes."""
    if head[:4] == b"\x7fELF":
        return "ELF"
    if head[:2] == b"MZ":
        return "PE" if any(byte < 9 for byte in head[2:HEAD]) else ""  # a text may begin with MZ
    if head[:4] in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):  # a Java class begins so too
        return "Mach-O" if is_fat(head) else ""
    return "Mach-O" if (0, head[:4]) in MAGIC else ""


def dos_kind(data: bytes) -> str:
    """Return what a file with a DOS header is that is no PE file: NE, LE, LX or DOS."""
    at = number(data, 0x3C)
    mark = data[at : at + 2]
    return mark.decode("ascii") if mark in (b"NE", b"LE", b"LX") else "DOS"
