"""ZIP. Source: APPNOTE.TXT, PKWARE; read by `zipfile` of Python."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, cast

from commodore.readers.archives.model import PASSWORD, Budget, Entry, unpacked

NAME = "zip"
MAGIC = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))
_ENCRYPTED = 0x1
_AES = 99
_LINK = 0o120000
OVERLAP = "overlapping entries: their content is counted once for each"


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield the entries of the central directory."""
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            entry = Entry(info.filename.replace("\\", "/"), info.file_size, info.compress_size, _time(info), local=True)
            if info.is_dir():
                entry.kind = "dir"
            else:
                _read(archive, info, entry, budget)
            yield entry


def _time(info: zipfile.ZipInfo) -> str:
    try:
        return f"{datetime(*info.date_time).isoformat()}Z"  # noqa: DTZ001  (local time of the packing host)
    except ValueError:
        return ""


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: Entry, budget: Budget) -> None:
    locked = bool(info.flag_bits & _ENCRYPTED)
    if info.compress_type == _AES:
        entry.state = "encrypted with AES: not opened"
        return
    try:
        unpacked(entry, budget, lambda: cast(BinaryIO, archive.open(info, pwd=PASSWORD if locked else None)))
    except RuntimeError:
        entry.state = "encrypted: the usual password does not open it"
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError) as e:
        entry.state = "encrypted: the usual password does not open it" if locked else f"damaged: {e}"[:160]
    else:
        if locked and entry.content is not None:
            entry.state = "encrypted: opened with the usual password"
    if (info.external_attr >> 16) & 0o170000 == _LINK and entry.content is not None:
        entry.kind, entry.link = "symlink", entry.content[:1000].decode("utf-8", "replace")
