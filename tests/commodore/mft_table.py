"""Writes entries of a master file table from the format's documentation (Linux-NTFS project), for tests. Shares no code with the reader."""

from __future__ import annotations

from struct import pack, pack_into

TICKS = 134_000_000_000_000_000


def reference(entry: int, sequence: int) -> int:
    return entry | sequence << 48


def name(text: str, parent: int = 5, sequence: int = 5, space: int = 1, ticks: int = TICKS) -> bytes:
    """$FILE_NAME"""
    content = pack("<QQQQQQQIIBB", reference(parent, sequence), ticks, ticks + 1, ticks + 2, ticks + 3, 0, 0, 0, 0, len(text), space)
    return resident(0x30, content + text.encode("utf-16-le"))


def standard(flags: int = 0x20, ticks: int = TICKS + 100) -> bytes:
    """$STANDARD_INFORMATION"""
    return resident(0x10, pack("<QQQQI", ticks, ticks + 1, ticks + 2, ticks + 3, flags) + bytes(12))


def resident(kind: int, content: bytes, label: str = "") -> bytes:
    text = label.encode("utf-16-le")
    start = 24 + -(-len(text) // 8) * 8
    length = -(-(start + len(content)) // 8) * 8
    head = pack("<IIBBHHHIHBB", kind, length, 0, len(label), 24 if label else 0, 0, 0, len(content), start, 0, 0)
    return (head + text).ljust(start, b"\0") + content.ljust(length - start, b"\0")


def far(kind: int, size: int, label: str = "", first: int = 0) -> bytes:
    """A non-resident attribute."""
    text = label.encode("utf-16-le")
    length = -(-(64 + len(text) + 8) // 8) * 8
    head = pack("<IIBBHHHQQHHIQQQ", kind, length, 1, len(label), 64 if label else 0, 0, 0, first, 0, 64 + len(text), 0, 0, size, size, size)
    return (head + text).ljust(length, b"\0")


def entry(
    *attributes: bytes, flags: int = 1, sequence: int = 1, links: int = 1, base: int = 0, signature: bytes = b"FILE", size: int = 1024
) -> bytes:
    """One entry with its fixups applied."""
    body = b"".join(attributes) + pack("<II", 0xFFFFFFFF, 0)
    out = bytearray(size)
    sectors = size // 512
    pack_into("<4sHHQHHHHIIQHHI", out, 0, signature, 48, sectors + 1, 0, sequence, links, 64, flags, 64 + len(body), size, base, 9, 0, 0)
    out[64 : 64 + len(body)] = body
    pack_into("<H", out, 48, 0x0A0B)
    for i in range(1, sectors + 1):
        out[48 + 2 * i : 50 + 2 * i] = out[512 * i - 2 : 512 * i]
        pack_into("<H", out, 512 * i - 2, 0x0A0B)
    return bytes(out)


DIRECTORY = 2


def table(entries: dict[int, bytes], size: int = 1024) -> bytes:
    return b"".join(entries.get(number, bytes(size)) for number in range(max(entries) + 1))


def small() -> bytes:
    """One of each: long and short names, hard links, streams, a deleted folder and its child, an orphan, an extension, a wreck."""
    made = {
        0: entry(standard(6), name("$MFT", space=3), far(0x80, 40 * 1024)),
        5: entry(standard(6), name(".", space=3), flags=1 | DIRECTORY, sequence=5),
        24: entry(standard(0), name("Users"), flags=1 | DIRECTORY, sequence=3),
        25: entry(standard(0), name("Public", 24, 3), flags=1 | DIRECTORY),
        26: entry(
            standard(0x22),
            name("PROGRA~1.EXE", 25, 1, space=2),
            name("Programm für alle.exe", 25, 1),
            resident(0x80, b"MZ inert"),
            resident(0x80, b"[ZoneTransfer]", "Zone.Identifier"),
            far(0x80, 5_000_000_000, "hidden.bin"),
        ),
        27: entry(standard(), name("a.txt", 24, 3), name("b.txt", 25, 1), far(0x80, 123_456_789_012), links=2),
        28: entry(standard(0), name("gone", 24, 3), flags=DIRECTORY, sequence=8),
        29: entry(standard(), name("child.doc", 28, 7), far(0x80, 77), flags=0, sequence=2),
        30: entry(standard(), name("lost.doc", 28, 2), flags=0),
        31: entry(standard(), sequence=4, links=0),
        32: entry(name("scattered.bin", 25, 1), far(0x80, 9_999), base=reference(31, 4)),
        33: entry(standard(), name("wreck.bin"), signature=b"BAAD"),
        34: b"JUNK" + bytes(1020),
        36: entry(standard(0x820, ticks=0), name(".profile", 5, 5, ticks=0), resident(0x80, b"")),
        37: entry(standard(0), name("loop1", 38, 1), flags=1 | DIRECTORY),
        38: entry(standard(0), name("loop2", 37, 1), flags=1 | DIRECTORY),
        39: entry(standard(), name("in a loop", 37, 1)),
    }
    return table(made) + entry(standard(), name("cut"))[:300]
