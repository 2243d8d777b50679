"""The headers of installed packages in a database of rpm: `rpmdb.sqlite`, `Packages.db` (ndb), `Packages` (Berkeley DB, a hash table).

    for header in headers(content): files(header)

Sources: rpm, docs/manual/hregions.md and lib/header.c (headers); lib/backend/sqlite.c and ndb/rpmpkg.c;
Berkeley DB 5.3, dbinc/db_page.h.
Evidence is hostile: no reader follows a chain in a circle, a statement of SQL has a bound of steps. What is damaged is left out;
`note` is told.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from scout.formats.packages import Note, ignored
from scout.formats.sqlite_memory import rows

_HASH_MAGIC = 0x061561
_LONGEST = 64 << 20
"""bytes of one header"""
_TAGS = {1000: "name", 1027: "old_files", 1029: "states", 1035: "digests", 1037: "flags", 1116: "indexes", 1117: "names", 1118: "folders"}
_ALGORITHM = 5011
_ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}
_CONFIG, _GHOST = 1, 64
_MOST_ENTRIES = 65_536
_LONGEST_PATH = 4096


class RpmFile(NamedTuple):
    """A file of a package. `digest`: '' of a folder, a link, a ghost, a file that rpm did not install, or that another one replaced."""

    package: str
    path: str
    algorithm: str
    digest: str
    settings: bool


def headers(content: bytes, note: Note = ignored) -> Iterator[bytes]:
    """Yield the header of each installed package; nothing of what is no database of rpm."""
    if content.startswith(b"SQLite format 3\0"):
        yield from _sqlite(content, note)
    elif content.startswith(b"RpmP"):
        yield from _ndb(content, note)
    elif len(content) > 72 and _HASH_MAGIC in (*struct.unpack_from("<I", content, 12), *struct.unpack_from(">I", content, 12)):
        yield from _berkeley(content, note)
    else:
        note("it is no database of rpm in a known format")


def files(header: bytes, note: Note = ignored) -> Iterator[RpmFile]:
    """Yield the files that a header lists, up to where it is damaged."""
    try:
        yield from _files(header)
    except (struct.error, IndexError, ValueError) as e:
        note(f"the header of a package is damaged: {e}")


def _files(header: bytes) -> Iterator[RpmFile]:
    values, algorithm = _tags(header)
    package = str((values.get("name") or ["?"])[0])
    digests, flags, states = (values.get(key, []) for key in ("digests", "flags", "states"))
    for number, path in enumerate(_paths(values)):
        if len(path) > _LONGEST_PATH:
            continue
        flag = int(flags[number]) if number < len(flags) else 0
        present = not (flag & _GHOST) and not (states[number] if number < len(states) else 0)
        digest = str(digests[number]).lower() if present and number < len(digests) else ""
        yield RpmFile(package, path, algorithm, digest.strip("0") and digest, bool(flag & _CONFIG))


def _paths(values: dict[str, list[int | str]]) -> Iterator[str]:
    """Yield the paths, one after the other: a small header can describe very many long ones."""
    names, folders, indexes = (values.get(key, []) for key in ("names", "folders", "indexes"))
    if not names:
        yield from map(str, values.get("old_files", []))
    for name, index in zip(names, indexes, strict=False):
        folder = str(folders[int(index)])
        yield f"{folder}{name}" if len(folder) <= _LONGEST_PATH else folder


def _tags(header: bytes) -> tuple[dict[str, list[int | str]], str]:
    """Return the values of the tags that are needed, and the algorithm of the digests."""
    count, size = struct.unpack_from(">II", header)
    start = 8 + 16 * count
    if count > _MOST_ENTRIES or start + size > len(header):
        raise ValueError("header is cut")
    data, algorithm = header[start : start + size], 1
    values: dict[str, list[int | str]] = {}
    for number in range(count):
        tag, kind, at, many = struct.unpack_from(">IIII", header, 8 + 16 * number)
        if tag == _ALGORITHM:
            algorithm = struct.unpack_from(">I", data, at)[0]
        elif tag in _TAGS:
            values[_TAGS[tag]] = _values(data, kind, at, many)
    return values, _ALGORITHMS.get(algorithm, "")


def _values(data: bytes, kind: int, at: int, many: int) -> list[int | str]:
    width = {1: 1, 2: 1, 3: 2, 4: 4}.get(kind)
    if width is not None:
        if many * width > len(data):
            raise ValueError("values are cut")
        return list(struct.unpack_from(f">{many}{' BBHI'[kind]}", data, at))
    if kind not in (6, 8, 9):
        return []
    parts = data[at:].split(b"\0", many)
    if len(parts) <= many:
        raise ValueError("texts are cut")
    return [part.decode("utf-8", "surrogateescape") for part in parts[:many]]


def _sqlite(content: bytes, note: Note) -> Iterator[bytes]:
    """Yield the blobs of the table `Packages`; a longer one than `_LONGEST` ends the list."""
    yield from (blob for (blob,) in rows(content, "Packages", "blob", note, _LONGEST) if isinstance(blob, bytes))


def _ndb(content: bytes, note: Note) -> Iterator[bytes]:
    """Yield the blobs that slots name: 16 bytes each, behind the 32 of the file's header, on the first pages."""
    if len(content) < 32:
        return
    pages = struct.unpack_from("<I", content, 12)[0]
    if pages * 4096 > len(content):
        note(f"its list of packages is cut: {pages} pages were promised")
    for at in range(32, min(pages * 4096, len(content) - 15), 16):
        magic, package, block, blocks = struct.unpack_from("<4sIII", content, at)
        start = block * 16
        if magic != b"Slot" or not package:
            continue
        head, owner, _, size = struct.unpack_from("<4sIII", content, start) if start + 16 <= len(content) else (b"", 0, 0, 0)
        if head == b"BlbS" and owner == package and size <= min(blocks * 16, _LONGEST) and start + 16 + size <= len(content):
            yield content[start + 16 : start + 16 + size]
        else:
            note(f"the header of package {package} is not where the list of packages says")


def _berkeley(content: bytes, note: Note) -> Iterator[bytes]:
    """Yield the values of a hash table. A long value is on a chain of overflow pages, each with the number of the next."""
    order = "<" if struct.unpack_from("<I", content, 12)[0] == _HASH_MAGIC else ">"
    size = struct.unpack_from(f"{order}I", content, 20)[0]
    if not 512 <= size <= 65_536 or size & (size - 1):
        note(f"pages of {size} bytes are none of this format")
        return
    last = struct.unpack_from(f"{order}I", content, 32)[0]
    if (last + 1) * size > len(content):
        note(f"it is cut: {last + 1:,} pages were promised, {len(content) // size:,} are there")
    for page in range(size, len(content) - size + 1, size):
        count, _, _, kind = struct.unpack_from(f"{order}HHBB", content, page + 20)
        if kind not in (2, 13) or 26 + 2 * count > size:  # pages of a hash table, unsorted and sorted
            continue
        places = struct.unpack_from(f"{order}{count}H", content, page + 26)
        for number in range(1, count, 2):  # keys are even, values odd
            value = _value(content, order, size, page, places, number)
            if len(value) > 16:
                yield value
            elif not value:
                note(f"a value of page {page // size} does not read")


def _value(content: bytes, order: str, size: int, page: int, places: tuple[int, ...], number: int) -> bytes:
    at = places[number]
    if not 26 <= at < size:
        return b""
    kind = content[page + at]
    if kind == 1:  # on the page itself, up to the item before it
        return content[page + at + 1 : page + (places[number - 1] if at < places[number - 1] <= size else size)]
    if kind != 3 or at + 12 > size:
        return b""
    following, length = struct.unpack_from(f"{order}II", content, page + at + 4)
    out, seen = bytearray(), 0
    while following and len(out) < length <= _LONGEST and seen * size <= len(content):
        start, seen = following * size, seen + 1
        if start + size > len(content) or content[start + 25] != 7:
            return b""
        used = struct.unpack_from(f"{order}H", content, start + 22)[0]
        out += content[start + 26 : start + 26 + min(used, size - 26)]
        following = struct.unpack_from(f"{order}I", content, start + 16)[0]
    return bytes(out[:length]) if len(out) >= length else b""
