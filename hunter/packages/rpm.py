"""rpm: an SQLite database of package headers. Databases of Berkeley DB and ndb are recognised and reported as unreadable.

`Packages` (hnum, blob) holds the headers; `Basenames` (key, hnum, idx) gives the headers that have a file name. A header is two 32-bit
counts (entries, bytes of data), entries of four 32-bit words (tag, type, offset, count), and the data, all big-endian; a file's folder
is DIRNAMES[DIRINDEXES[i]]. Source: rpm 4.18, `lib/backend/sqlite.c`, `docs/manual/format.md` and `docs/manual/tags.md`.
"""

from __future__ import annotations

import os
import posixpath
import struct
from collections import defaultdict
from collections.abc import Collection
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from hunter.host.tree import HostTree
from hunter.host.view import FileView
from hunter.packages import Cut
from hunter.unsafe import UnsafeError
from scout.formats import sqlite_wal
from scout.formats.packages.rpm import FOLDERS, merged

if TYPE_CHECKING:
    from sqlite3 import Connection

_MOST = 512 << 20
"""bytes of a database that is read with its log"""
_SQLITE, _LOG = "rpmdb.sqlite", "rpmdb.sqlite-wal"
_OTHERS = {"Packages": "Berkeley DB", "Packages.db": "ndb"}
_NAME, _INDEXES, _BASENAMES, _FOLDER_NAMES = 1000, 1116, 1117, 1118
_STEPS, _PAUSES = 100_000, 2_000
"""steps of SQLite between two pauses, and how many pauses there may be: a database made to keep its reader busy is given up"""
_HOLDERS = 100_000
"""packages that have a file of one name; there are fewer in any distribution"""
_LARGEST, _FILES = 64 << 20, 2_000_000
"""bytes of one header and texts of one tag; those of the largest packages of any distribution are far below"""


class _Rpm:
    name = "rpm"

    def owners(self, view: FileView, wanted: Collection[str], cut: Cut) -> dict[str, str]:  # noqa: ARG002  (SQLite says where it is cut)
        found: dict[str, str] = {}
        for folder in FOLDERS:
            names = {name for name, kind in view.names(folder) if kind == "file"}
            if _SQLITE in names:
                log = view.state(f"{folder}/{_LOG}")
                found |= _asked(view, f"{folder}/{_SQLITE}", wanted, f"{folder}/{_LOG}" if log is not None and log.size else "")
            elif other := next((f"{folder}/{name} is {kind}" for name, kind in _OTHERS.items() if name in names), ""):
                raise UnsafeError(other)
        return found


def _asked(view: FileView, place: str, wanted: Collection[str], log: str) -> dict[str, str]:
    """Return the owners by a database. `log`: its write-ahead log, which is merged in memory: nothing is written beside the database."""
    if not isinstance(view, HostTree):
        raise UnsafeError(f"{place} is in no tree")
    try:
        import sqlite3
    except ImportError as e:
        raise UnsafeError(f"{place}: this Python has no SQLite") from e
    with view.parent(place) as (parent, name), os.fdopen(view.open_file(parent, name, place), "rb") as held:
        address = ":memory:" if log else f"file:/proc/self/fd/{held.fileno()}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(address, uri=True)) as database:
                if log:
                    database.deserialize(_merged(view, held, place, log))
                database.text_factory = bytes
                return _owners(database, wanted)
        except (sqlite3.Error, UnicodeDecodeError) as e:  # the latter for a name in its words that is no text
            raise UnsafeError(f"{place}: {e}") from e


def _merged(view: HostTree, held: BinaryIO, place: str, log: str) -> bytearray:
    """Return a database with what its log commits, as one that has no log."""
    content = held.read(_MOST + 1)
    with view.parent(log) as (parent, name), os.fdopen(view.open_file(parent, name, log), "rb") as stream:
        changes = stream.read(sqlite_wal.LARGEST + 1)
    if len(content) > _MOST or len(changes) > sqlite_wal.LARGEST:
        raise UnsafeError(f"{place} and {log} are too large to be read together: rpm --rebuilddb there merges them")
    refused: list[str] = []
    database = bytearray(merged(content, changes, refused.append))
    if refused:
        raise UnsafeError(f"{log}: {refused[0]}")
    database[18:20] = b"\1\1"  # SQLite opens no database in memory that says it has a log
    return database


def _owners(database: Connection, wanted: Collection[str]) -> dict[str, str]:
    left = iter(range(_PAUSES))
    database.set_progress_handler(lambda: next(left, None) is None, _STEPS)
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {b"Packages", b"Basenames"} <= tables:
        raise UnsafeError("it has no table of packages")
    holders: dict[int, set[str]] = defaultdict(set)
    for path in wanted:
        key = os.fsencode(posixpath.basename(path))
        for (number,) in database.execute("SELECT DISTINCT hnum FROM Basenames WHERE key = CAST(? AS TEXT) LIMIT ?", (key, _HOLDERS)):
            holders[number].add(path)
    found: dict[str, str] = {}
    for number, paths in holders.items():
        row = database.execute("SELECT blob FROM Packages WHERE hnum = ? AND length(blob) <= ?", (number, _LARGEST)).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise UnsafeError(f"the header of package {number} is not there")
        name, owned = _header(row[0], {os.fsencode(path) for path in paths})
        found |= {os.fsdecode(path): name for path in owned}
    return found


def _header(blob: bytes, wanted: Collection[bytes]) -> tuple[str, set[bytes]]:
    """(name, those of `wanted` that are among its files). ValueError where the header is damaged."""
    try:
        entries, size = struct.unpack_from(">II", blob)
        begin = 8 + 16 * entries
        listed = {tag: (offset, count) for tag, _, offset, count in struct.iter_unpack(">IIII", blob[8:begin])}
        data = blob[begin : begin + size]
        names, folders = (_texts(data, *listed[tag]) for tag in (_BASENAMES, _FOLDER_NAMES))
        offset, count = listed[_INDEXES]
        indexes = struct.unpack_from(f">{min(count, _FILES)}I", data, offset)
        owned = {path for i, name in zip(indexes, names, strict=True) if (path := folders[i] + name) in wanted}
        return _texts(data, *listed[_NAME])[0].decode(errors="replace"), owned
    except (struct.error, KeyError, IndexError) as e:
        raise ValueError(f"a damaged header: {e}") from e


def _texts(data: bytes, offset: int, count: int) -> list[bytes]:
    found = data[offset:].split(b"\0", count)[:count] if count <= _FILES else []
    if len(found) < count:
        raise ValueError("a damaged header: text is missing")
    return found


PACKAGES = _Rpm()
