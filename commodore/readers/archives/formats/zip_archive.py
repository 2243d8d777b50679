"""ZIP. Source: APPNOTE.TXT, PKWARE; read by `zipfile` of Python."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, cast

from commodore.readers.archives.directory import opened
from commodore.readers.archives.formats._zip_aes import decrypted, parameters
from commodore.readers.archives.model import PASSWORD, Budget, Entry, unpacked

NAME = "zip"
MAGIC = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))
_ENCRYPTED = 0x1
_AES = 99
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


def _read_aes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> None:
    size, method = parameters(info.extra)
    most = budget.left()
    if max(info.file_size, info.compress_size) > most:
        entry.state = budget.cut(entry.name, most)
        return
    stream = archive.fp
    if stream is None:
        raise ValueError("the archive is closed")
    stream.seek(info.header_offset + 26)
    skip = sum(struct.unpack("<HH", stream.read(4)))
    stream.seek(info.header_offset + 30 + skip)
    packed = decrypted(stream.read(info.compress_size), size)
    if packed is None:
        entry.state = LOCKED
    elif method not in (0, 8):
        entry.state = f"not unpacked: method {method}"
    else:
        content = zlib.decompressobj(-15).decompress(packed, most) if method else packed
        budget.take(content)
        entry.content, entry.state = content, OPENED


def _time(info: zipfile.ZipInfo) -> str:
    try:
        return f"{datetime(*info.date_time).isoformat()}Z"  # noqa: DTZ001  (local time of the packing host)
    except ValueError:
        return ""


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> None:
    locked = bool(info.flag_bits & _ENCRYPTED)
    if info.compress_type == _AES:
        try:
            _read_aes(archive, info, entry, budget)
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
