"""What tells how a PE file was built: compile time, PDB path, Rich header, .NET metadata.

Sources: PE Format, Microsoft Learn; ECMA-335, partition II, sections 24.2 and 25.3.3; The Undocumented Microsoft Rich Header, D. Pistelli.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from commodore.readers.programs.bytesview import number, printable, string, unpack
from commodore.readers.programs.pe_image import CLR, DEBUG, PeImage

_CODEVIEW, _REPRODUCIBLE = 2, 16
_BORLAND = 0x2A425E19
_FIRST = datetime(1993, 7, 27, tzinfo=UTC)
"""Windows NT 3.1, the first that ran PE files"""


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_SLACK = timedelta(days=2)
"""time by which a file may be older than its compilation: clocks and time zones differ"""


class DebugFacts(NamedTuple):
    """The debug directory: path of the PDB file, whether the build is reproducible (its time stamp is a hash)."""

    pdb: str = ""
    reproducible: bool = False


def debug(image: PeImage) -> DebugFacts:
    """Return what the debug directory says, of 64 entries at most."""
    address, size = image.directory(DEBUG)
    at = image.offset(address) if address else -1
    pdb, reproducible = "", False
    for n in range(min(size // 28, 64) if at >= 0 else 0):
        entry = unpack(image.data, at + 28 * n, "<12xIIII")
        if entry is None:
            break
        kind, length, _, place = entry
        reproducible |= kind == _REPRODUCIBLE
        if kind == _CODEVIEW and not pdb and 0 < place < len(image.data):
            skip = {b"RSDS": 24, b"NB10": 16}.get(image.data[place : place + 4], 0)
            pdb = printable(image.data[place + skip : place + min(length, 2048)].partition(b"\0")[0]) if skip else ""
    return DebugFacts(pdb, reproducible)


def compiled(image: PeImage, *, reproducible: bool, collected: str, written: str) -> tuple[str, str]:
    """Return the compile time (RFC 3339 UTC, '' for none) and how plausible it is, in words.

    `collected` is the time of the collection, `written` that of the last change of the file; each is RFC 3339 UTC, or ''.
    """
    if not image.stamp:
        return "", "none"
    if reproducible:
        return "", "a hash: the build is reproducible"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=image.stamp)
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if image.stamp == _BORLAND:
        return text, "a constant of the Borland linker"
    if moment < _FIRST:
        return text, "before the first Windows that runs such files"
    if collected and text > collected[:19] + "Z":
        return text, "after the collection"
    if _RFC3339.match(written) and (moment - _SLACK).strftime("%Y-%m-%dT%H:%M:%SZ") > written[:19] + "Z":
        return text, "after the last change of the file"
    return text, "plausible"


def rich_hash(image: PeImage) -> str:
    """Return MD5 over the decoded Rich header, as VirusTotal has it; '' where there is none."""
    stub = image.data[0x40 : min(image.header, 0x40 + 8192)]
    end = stub.rfind(b"Rich")
    if end < 16 or end + 8 > len(stub):
        return ""
    key = stub[end + 4 : end + 8]
    marker = bytes(a ^ b for a, b in zip(b"DanS", key, strict=True))
    start = stub.find(marker, 0, end)
    if start < 0:
        return ""
    body = stub[start : end - (end - start) % 4]
    clear = (int.from_bytes(body, "little") ^ int.from_bytes(key * (len(body) // 4), "little")).to_bytes(len(body), "little")
    return hashlib.md5(clear, usedforsecurity=False).hexdigest()


class DotNetFacts(NamedTuple):
    """The .NET metadata: version of the runtime, name of the module, its MVID."""

    runtime: str
    module: str
    mvid: str


def dotnet(image: PeImage) -> DotNetFacts | None:
    """Return the .NET metadata; None where the file has no CLR header."""
    address, size = image.directory(CLR)
    at = image.offset(address) if address and size else -1
    if at < 0:
        return None
    root = image.offset(number(image.data, at + 8))
    if root < 0 or image.data[root : root + 4] != b"BSJB":
        return DotNetFacts("", "", "")
    data = image.data
    length = min(number(data, root + 12), 256)
    runtime = string(data, root + 16, length)
    streams: dict[str, tuple[int, int]] = {}
    place = root + 16 + length
    count, place = min(number(data, place + 2, "<H"), 16), place + 4
    for _ in range(count):
        offset, extent = unpack(data, place, "<II") or (0, 0)
        name = string(data, place + 8, 32)
        streams[name] = (root + offset, extent)
        place += 8 + (len(name) + 4 & ~3)
    return DotNetFacts(runtime, *_module(data, streams))


def _module(data: bytes, streams: dict[str, tuple[int, int]]) -> tuple[str, str]:
    """Return name and MVID of the first row of the Module table."""
    tables, _ = streams.get("#~") or streams.get("#-") or (-1, 0)
    sizes, valid = number(data, tables + 6, "<B"), number(data, tables + 8, "<Q")
    if tables < 0 or not valid & 1:
        return "", ""
    row = tables + 24 + 4 * valid.bit_count()
    wide = "<I" if sizes & 1 else "<H"
    name = number(data, row + 2, wide)
    index = number(data, row + 2 + (4 if sizes & 1 else 2), "<I" if sizes & 2 else "<H")
    strings, guids = streams.get("#Strings", (-1, 0))[0], streams.get("#GUID", (-1, 0))[0]
    raw = data[guids + 16 * (index - 1) : guids + 16 * index] if guids >= 0 and index else b""
    return string(data, strings + name, 512) if strings >= 0 else "", str(uuid.UUID(bytes_le=raw)) if len(raw) == 16 else ""
