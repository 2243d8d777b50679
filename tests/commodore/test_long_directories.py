"""A ZIP archive whose directory is made to fill the memory: it is one record with a word, in the memory of its bytes."""

from __future__ import annotations

import struct
import tracemalloc
from types import ModuleType

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.content import archive_contents, documents
from commodore.evidence import Evidence
from commodore.host import Host

HOST = Host("c", name="h", os="linux")
ENTRIES = 200_000


def record(name: bytes) -> bytes:
    """A record of the central directory (APPNOTE.TXT, 4.3.12) of an empty stored file."""
    return b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name


def long_archive(first: bytes, *, zip64: bool) -> bytes:
    local = b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 0, 0, 33, 0, 0, 0, len(first), 0) + first
    directory = record(first) + record(b"a") * ENTRIES
    if not zip64:
        return local + directory + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(local), 0)
    end = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, ENTRIES + 1, ENTRIES + 1, len(directory), len(local))
    end += b"PK\x06\x07" + struct.pack("<IQI", 0, len(local) + len(directory), 1)
    return local + directory + end + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize(
    ("module", "name", "first"),
    [(documents, "a.docx", b"[Content_Types].xml"), (archive_contents, "a.zip", b"x")],
    ids=("document", "archive"),
)
def test_a_directory_of_very_many_entries(module: ModuleType, name: str, first: bytes, zip64: bool) -> None:
    data = long_archive(first, zip64=zip64)
    tracemalloc.start()
    try:
        found = list(module.parse(Evidence(f"/home/paul/{name}", data), HOST))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data) + (16 << 20), f"{peak:,} bytes for {len(data):,}"
    words = [str(one) for one in found if isinstance(one, Problem)] + [str(one.fields) for one in found if isinstance(one, Record)]
    assert any("directory has" in text for text in words), words[:3]
