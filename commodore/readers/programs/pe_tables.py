"""The tables of a PE file: imports with the import hash, exports, resources, version information.

The import hash is that of VirusTotal and MISP: MD5 over `library.function` in lower case, in the order of the file. Names of ordinals
are from the table that pefile carries.

Sources: PE Format and VS_VERSIONINFO, Microsoft Learn; Tracking Malware with Import Hashing, Mandiant.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from commodore.readers.programs.bytesview import number, string, unpack
from commodore.readers.programs.pe_image import EXPORT, IMPORT, RESOURCE, PeImage

MOST_LIBRARIES, MOST_IMPORTS, MOST_EXPORTS, MOST_RESOURCES = 1_024, 20_000, 65_536, 4_096
SHOWN_EXPORTS = 64
_VERSION = 16
_KINDS = {
    1: "cursor", 2: "bitmap", 3: "icon", 4: "menu", 5: "dialog", 6: "string", 7: "font directory", 8: "font", 9: "accelerator",
    10: "data", 11: "message table", 12: "cursor group", 14: "icon group", 16: "version", 17: "dialog include", 19: "plug and play",
    20: "VXD", 21: "animated cursor", 22: "animated icon", 23: "HTML", 24: "manifest",
}  # fmt: skip


class Imports(NamedTuple):
    """Imported functions: `library → names`, their number, the import hash ('' where the table is cut), what is wrong with the table."""

    libraries: dict[str, list[str]]
    number: int
    digest: str
    problem: str = ""


def imports(image: PeImage) -> Imports:
    """Return the import table."""
    address, _ = image.directory(IMPORT)
    at = image.offset(address) if address else -1
    libraries: dict[str, list[str]] = {}
    hashed: list[str] = []
    problem = "the import table is outside the file" if address and at < 0 else ""
    for n in range(MOST_LIBRARIES + 1) if at >= 0 else ():
        entry = unpack(image.data, at + 20 * n, "<IIIII")
        if entry is None or not entry[3] or not (entry[0] or entry[4]):
            break
        if n == MOST_LIBRARIES or len(hashed) >= MOST_IMPORTS:
            problem = f"the import table was read up to {n} libraries and {len(hashed)} functions"
            break
        library = string(image.data, image.offset(entry[3]), 256)
        if not library:
            problem = "an imported library has no name"
            break
        names = list(_functions(image, entry[0] or entry[4], library, MOST_IMPORTS - len(hashed)))
        libraries.setdefault(library, []).extend(names)
        stem = library.lower()
        stem = stem.rpartition(".")[0] if stem.rpartition(".")[2] in ("dll", "ocx", "sys") else stem
        hashed += [f"{stem}.{name.lower()}" for name in names]
    digest = hashlib.md5(",".join(hashed).encode("utf-8", "replace"), usedforsecurity=False).hexdigest() if hashed and not problem else ""
    return Imports(libraries, len(hashed), digest, problem)


def _functions(image: PeImage, address: int, library: str, most: int) -> Iterator[str]:
    """Yield the names of the functions of one library."""
    width, by_ordinal = (8, 1 << 63) if image.plus else (4, 1 << 31)
    layout = "<Q" if image.plus else "<I"
    at = image.offset(address)
    end = min(at + width * most, len(image.data)) if at >= 0 else at
    for (value,) in struct.iter_unpack(layout, memoryview(image.data)[at : end - (end - at) % width] if end > at else b""):
        if not value:
            return
        if value & by_ordinal:
            yield _of_ordinal(library, value & 0xFFFF)
        elif name := string(image.data, image.offset(value & 0x7FFFFFFF) + 2, 512):
            yield name


def _of_ordinal(library: str, ordinal: int) -> str:
    import ordlookup  # type: ignore[import-untyped]  # part of pefile

    name = ordlookup.ordLookup(library.lower().encode("utf-8", "replace"), ordinal, make_name=True)
    return name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)


class Exports(NamedTuple):
    """Exported functions: the name that the library gives itself, the number of functions and of names, the first names."""

    library: str
    number: int
    names: list[str]


def exports(image: PeImage) -> Exports:
    """Return the export table: `MOST_EXPORTS` functions at most, `SHOWN_EXPORTS` names."""
    address, size = image.directory(EXPORT)
    table = unpack(image.data, image.offset(address), "<12xIIIIIII") if address and size else None
    if table is None:
        return Exports("", 0, [])
    name, _, functions, named, functions_at, names, _ = table
    at = image.offset(names)
    found = (string(image.data, image.offset(number(image.data, at + 4 * n)), 256) for n in range(min(named, SHOWN_EXPORTS)))
    return Exports(
        string(image.data, image.offset(name), 256),
        _filled(image.data, image.offset(functions_at), functions),
        [one for one in found if one] if at >= 0 else [],
    )


def _filled(data: bytes, at: int, claimed: int) -> int:
    """Return the number of functions that have an address: a table of ordinals has gaps."""
    if at < 0:
        return 0
    room = min(claimed, MOST_EXPORTS, (len(data) - at) // 4)
    return sum(1 for address in struct.unpack_from(f"<{room}I", data, at) if address) if room > 0 else 0


class Resources(NamedTuple):
    """Resources: number of each kind, the version strings, whether the tree was read only in part."""

    kinds: Counter[str]
    version: dict[str, str]
    cut: bool


def resources(image: PeImage) -> Resources:
    """Return the kinds of resources and the version information. The tree has three levels; each table is read once."""
    address, _ = image.directory(RESOURCE)
    base = image.offset(address) if address else -1
    kinds: Counter[str] = Counter()
    version: dict[str, str] = {}
    room = MOST_RESOURCES
    for kind, child in _entries(image.data, base, base, room) if base >= 0 else ():
        label = _KINDS.get(kind, str(kind)) if isinstance(kind, int) else kind
        names = list(_entries(image.data, base, base + (child & 0x7FFFFFFF), room)) if child >> 31 else [(0, child)]
        kinds[label] += max(len(names), 1)
        room -= len(names) + 1
        if room <= 0:
            return Resources(kinds, version, True)
        if kind == _VERSION and not version and names:
            version = _version(image, base, names[0][1])
    return Resources(kinds, version, False)


def _entries(data: bytes, base: int, at: int, most: int) -> Iterator[tuple[int | str, int]]:
    """Yield (id or name, offset of the child) of a resource table."""
    counts = unpack(data, at + 12, "<HH")
    for n in range(min(sum(counts), most) if counts else 0):
        entry = unpack(data, at + 16 + 8 * n, "<II")
        if entry is None:
            return
        name: int | str = entry[0]
        if entry[0] >> 31:
            start = base + (entry[0] & 0x7FFFFFFF)
            raw = data[start + 2 : start + 2 + 2 * min(number(data, start, "<H"), 64)]
            name = _text(raw)
        yield name, entry[1]


def _version(image: PeImage, base: int, child: int) -> dict[str, str]:
    """Return the strings of the version resource that a name leads to."""
    if child >> 31:
        child = next((found for _, found in _entries(image.data, base, base + (child & 0x7FFFFFFF), 1)), 0)
    leaf = unpack(image.data, base + child, "<II") if not child >> 31 else None
    at = image.offset(leaf[0]) if leaf else -1
    return _strings(image.data[at : at + min(leaf[1], 1 << 16)]) if leaf and at >= 0 else {}


def _strings(block: bytes) -> dict[str, str]:
    """Return the pairs of the first StringTable of a VS_VERSIONINFO block."""
    start = block.find("StringFileInfo".encode("utf-16-le"))
    found: dict[str, str] = {}
    at = _aligned(start + 30) if start >= 0 else len(block)  # of the first StringTable: length, value length, type, eight digits
    end = min(at + number(block, at, "<H"), len(block))
    at = _aligned(at + 6 + 18)
    while at + 6 <= end and len(found) < 64:
        length, chars, _ = unpack(block, at, "<HHH") or (0, 0, 0)
        if length < 6:
            break
        key = _split(block[at + 6 : min(at + length, end)])
        value = _aligned(at + 6 + 2 * len(key) + 2)
        if key:
            found.setdefault(_text(key.encode("utf-16-le", "surrogatepass")), _text(block[value : min(value + 2 * chars, at + length)]))
        at = _aligned(at + length)
    return found


def _split(raw: bytes) -> str:
    return raw[:256].decode("utf-16-le", "replace").partition("\0")[0]


def _text(raw: bytes) -> str:
    """Return UTF-16 text up to a NUL, without control characters."""
    text = raw.decode("utf-16-le", "replace").partition("\0")[0].strip()[:512]
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _aligned(at: int) -> int:
    return at + 3 & ~3
