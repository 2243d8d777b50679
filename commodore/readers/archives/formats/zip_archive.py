"""ZIP. Source: APPNOTE.TXT, PKWARE; read by `zipfile` of Python, Deflate64 by `inflate64`."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, cast

import inflate64

from commodore.readers.archives.directory import opened
from commodore.readers.archives.formats._zip_aes import decrypted, parameters
from commodore.readers.archives.model import PASSWORD, Budget, Entry, unpacked

NAME = "zip"
MAGIC = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))
_ENCRYPTED = 0x1
_AES, _DEFLATE64 = 99, 9
_PIECE = 64
_LINK = 0o120000
LOCKED, OPENED = "encrypted: the usual password does not open it", "encrypted: opened with the usual password"


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield the entries of the central directory."""
    with opened(stream) as archive:
        for info in archive.infolist():
            entry = Entry(info.filename.replace("\\", "/"), info.file_size, info.compress_size, _time(info), local=True)
            if info.is_dir():
                entry.kind = "dir"
            else:
                _read(archive, info, entry, budget)
            yield entry


def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> bytes | None:
    """Return the packed bytes of an entry behind its own header; None where the budget does not allow it, which `entry.state` says."""
    most = budget.left()
    if max(info.file_size, info.compress_size) > most:
        entry.state = budget.cut(entry.name, most)
        return None
    stream = archive.fp
    if stream is None:
        raise ValueError("the archive is closed")
    stream.seek(info.header_offset + 26)
    stream.seek(info.header_offset + 30 + sum(struct.unpack("<HH", stream.read(4))))
    return stream.read(info.compress_size)


def _read_aes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> None:
    size, method = parameters(info.extra)
    most = budget.left()
    locked = _packed(archive, info, entry, budget)
    if locked is None:
        return
    packed = decrypted(locked, size)
    if packed is None:
        entry.state = LOCKED
    elif method not in (0, 8):
        entry.state = f"not unpacked: method {method}"
    else:
        content = zlib.decompressobj(-15).decompress(packed, most) if method else packed
        budget.take(content)
        entry.content, entry.state = content, OPENED


def _read_deflate64(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> None:
    """Read an entry of method 9, with which Explorer packs large files. The reader has no bound of its own: it gets few bytes at a time."""
    packed = _packed(archive, info, entry, budget)
    if packed is None:
        return
    engine, made = inflate64.Inflater(), bytearray()
    for at in range(0, len(packed), _PIECE):
        made += engine.inflate(packed[at : at + _PIECE])
        if len(made) > info.file_size:
            raise ValueError("more bytes than the directory states")
    budget.take(made)
    if zlib.crc32(made) != info.CRC:
        raise ValueError("the sum is not that of the directory")
    entry.content = bytes(made)


def _time(info: zipfile.ZipInfo) -> str:
    try:
        return f"{datetime(*info.date_time).isoformat()}Z"  # noqa: DTZ001  (local time of the packing host)
    except ValueError:
        return ""


_OTHERS = {_AES: _read_aes, _DEFLATE64: _read_deflate64}
"""methods that `zipfile` does not know"""


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> None:
    locked = bool(info.flag_bits & _ENCRYPTED)
    if info.compress_type in _OTHERS and not (locked and info.compress_type == _DEFLATE64):
        try:
            _OTHERS[info.compress_type](archive, info, entry, budget)
        except (ValueError, OSError, struct.error, zlib.error) as e:
            entry.state = f"damaged: {e}"[:160]
        return
    try:
        unpacked(entry, budget, lambda: cast(BinaryIO, archive.open(info, pwd=PASSWORD if locked else None)))
    except RuntimeError:
        entry.state = LOCKED
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError) as e:
        entry.state = LOCKED if locked else f"damaged: {e}"[:160]
    else:
        if locked and entry.content is not None:
            entry.state = OPENED
    if (info.external_attr >> 16) & 0o170000 == _LINK and entry.content is not None:
        entry.kind, entry.link = "symlink", entry.content[:1000].decode("utf-8", "replace")
