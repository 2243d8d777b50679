"""Read and write the tar format of the archive: ustar headers with PAX records, sparse files in GNU format 1.0.

Sources: POSIX.1-2017 pax "ustar Interchange Format" and "pax Extended Header"; GNU tar manual,
"Storing Sparse Files" (PAX format 1.0) and "Basic Tar Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

BLOCK = 512
END = bytes(2 * BLOCK)
_MAGIC = b"ustar\00000"
_NATIVE = ("ESCADRE.source", "uname", "gname")
"""records with text of the host; it may contain lone surrogates"""
_LARGEST = 8**11 - 1
_LARGEST_ID = 8**7 - 1
_FORM = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s183x")
"""name, mode, uid, gid, size, mtime, checksum, type, link, magic and version, owner, group; device numbers and prefix stay empty"""
MAX_SIZE = 1 << 46
"""64 TiB: a member that claims more is refused."""


@dataclass(slots=True, kw_only=True)
class Header:
    """One header block. `size`: bytes that follow, -1 where the field is not a number."""

    name: bytes
    size: int
    type: bytes
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    owner: bytes = b""
    group: bytes = b""
    link: bytes = b""


def padding(size: int) -> int:
    """Return the number of zero bytes after `size` bytes of content."""
    return -size % BLOCK


def block(header: Header) -> bytes:
    """Return the 512 bytes of a header; numbers that do not fit are 0 and must be in PAX records."""
    owner, group = header.owner[:31], header.group[:31]
    raw = _FORM.pack(
        header.name,
        b"%07o" % (header.mode & 0o7777),
        b"%07o" % _fit(header.uid, _LARGEST_ID),
        b"%07o" % _fit(header.gid, _LARGEST_ID),
        b"%011o" % _fit(header.size, _LARGEST),
        b"%011o" % _fit(header.mtime, _LARGEST),
        b"        ",
        header.type,
        b"",
        _MAGIC,
        owner,
        group,
    )
    return raw[:148] + b"%06o\0 " % (sum(raw[:157]) + sum(_MAGIC) + sum(owner) + sum(group)) + raw[156:]


def _fit(number: int, largest: int) -> int:
    return number if 0 <= number <= largest else 0


def member(header: Header, records: Mapping[str, str]) -> bytes:
    """Return PAX header, PAX records and header of a member: everything before the content."""
    more = dict(records)
    if len(header.name) > 100 or not header.name.isascii():
        more["path"] = header.name.decode("utf-8")
    if header.size > _LARGEST:
        more["size"] = str(header.size)
    for key, number in (("uid", header.uid), ("gid", header.gid)):
        if number > _LARGEST_ID:
            more[key] = str(number)
    data = b"".join([_record(key, value) for key, value in more.items()])
    if not data:
        return block(header)
    return _extended(len(data)) + data + bytes(padding(len(data))) + block(header)


@lru_cache(maxsize=1024)
def _extended(size: int) -> bytes:
    """Return the header of PAX records, with the name that Python's tarfile uses. Readers that know PAX ignore it."""
    return block(Header(name=b"././@PaxHeader", size=size, type=b"x", mode=0o600))


def _record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode("utf-8", "surrogatepass")
    return _stated(len(body)) + body


@lru_cache(maxsize=1024)
def _stated(size: int) -> bytes:
    """Return the length field of a record of `size` bytes; the length counts itself."""
    whole = size + len(str(size))
    return b"%d" % (size + len(str(whole)))


def records(data: bytes) -> dict[str, str]:
    """Parse PAX records. Raises ValueError where lengths do not fit or text is not UTF-8."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + 12)
        if space < 0 or not data[at:space].isdigit():
            raise ValueError("a PAX record has no length")
        end = at + int(data[at:space])
        equals = data.find(b"=", space, end)
        if end > len(data) or equals < 0 or data[end - 1 : end] != b"\n":
            raise ValueError("a PAX record does not fit its length")
        key = data[space + 1 : equals].decode("utf-8")
        found[key] = data[equals + 1 : end - 1].decode("utf-8", "surrogatepass" if key in _NATIVE else "strict")
        at = end
    return found


def parse(raw: bytes) -> Header:
    """Parse a header block. Raises ValueError where the checksum is wrong."""
    stated = _number(raw[148:156])
    if stated != sum(raw) - sum(raw[148:156]) + 8 * 32:
        raise ValueError("a tar header has a wrong checksum")
    name = raw[0:100].split(b"\0", 1)[0]
    prefix = raw[345:500].split(b"\0", 1)[0] if raw[257:263] == b"ustar\0" else b""
    return Header(
        name=prefix + b"/" + name if prefix else name,
        size=_number(raw[124:136]),
        type=raw[156:157],
        mode=max(_number(raw[100:108]), 0),
        uid=_number(raw[108:116]),
        gid=_number(raw[116:124]),
        mtime=_number(raw[136:148]),
        link=raw[157:257].split(b"\0", 1)[0],
        owner=raw[265:297].split(b"\0", 1)[0],
        group=raw[297:329].split(b"\0", 1)[0],
    )


def _number(field: bytes) -> int:
    """Parse octal text or GNU's base 256; return -1 where it is neither, or negative."""
    if field[0] & 0x80:
        return -1 if field[0] & 0x40 else int.from_bytes(bytes([field[0] & 0x3F]) + field[1:], "big")
    text = field.replace(b"\0", b" ").strip()
    if not text:
        return 0
    return int(text, 8) if text.isdigit() and not set(text) & set(b"89") else -1


def sparse_map(extents: Iterable[tuple[int, int]], size: int) -> bytes:
    """Return the map before the data of a sparse member: count, then offset and length of each extent, in lines, padded to a block.

    A file of `size` bytes that ends in a hole gets a last extent of length 0 at its end: GNU tar takes the size from it.
    """
    pairs = list(extents)
    if sum(pairs[-1]) < size if pairs else size:
        pairs.append((size, 0))
    text = "\n".join([str(len(pairs)), *(str(number) for pair in pairs for number in pair), ""]).encode()
    return text + bytes(padding(len(text)))
