"""Readers of programs against other readers: pefile, pyelftools, readelf, ppdeep, osslsigncode. And what they hold to on hostile bytes."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import struct
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pefile
import ppdeep
import pytest
from elftools.elf.elffile import ELFFile

from commodore.artefacts.programs import programs, security_catalogs
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.calls import CallCount
from commodore.readers.programs import authenticode, certificates, elf, fuzzy, kind, macho, pe_build, pe_image, pe_tables
from commodore.readers.programs.certificates import Roots
from commodore.record import Problem
from fixtures.programs import build
from tests.commodore.damage import GOLDEN
from tests.conftest import need

HOST = Host("c", name="h", os="windows", collected="2026-11-01T00:00:00Z")
INPUT = GOLDEN / "programs" / "input" / "Windows"
PLAIN = (INPUT / "Temp" / "overlay.scr").read_bytes()[:4608]
SIGNED = (INPUT / "Temp" / "signed.exe").read_bytes()


def read(data: bytes, host: Host = HOST, source: str = "C:\\x.exe") -> tuple[dict, list[str]]:
    items = list(programs.parse(Evidence(source, data), host))
    problems = [item.reason for item in items if isinstance(item, Problem)]
    return next((item.fields for item in items if not isinstance(item, Problem)), {}), problems


def pe_inputs() -> list[Path]:
    return sorted(path for path in INPUT.rglob("*") if path.is_file() and path.read_bytes()[:2] == b"MZ" and path.stat().st_size > 1000)


@pytest.mark.parametrize("path", pe_inputs(), ids=lambda path: path.name)
def test_a_pe_file_is_read_as_pefile_reads_it(path):
    _compared(path.read_bytes())


@pytest.mark.corpus
def test_programs_of_the_corpus_are_read_as_pefile_reads_them(corpus):
    found = [path for path in sorted((corpus / "pe-benign").rglob("*")) if path.is_file() and path.read_bytes()[:2] == b"MZ"]
    assert len(found) >= 8
    for path in found:
        _compared(path.read_bytes())


def _compared(data: bytes) -> None:
    other = pefile.PE(data=data)
    image = pe_image.image(data)
    found, exported = pe_tables.imports(image), pe_tables.exports(image)
    assert found.digest == other.get_imphash()
    assert pe_build.rich_hash(image) == other.get_rich_header_hash()
    assert exported.number == len(getattr(getattr(other, "DIRECTORY_ENTRY_EXPORT", None), "symbols", []))
    assert [s.name for s in image.sections] == [s.Name.rstrip(b"\0").decode() for s in other.sections]
    strings: dict[str, str] = {}
    for block in getattr(other, "FileInfo", []):
        for table in (t for part in block if hasattr(part, "StringTable") for t in part.StringTable[:1]):
            strings |= {key.decode(): value.decode().strip() for key, value in table.entries.items()}
    assert pe_tables.resources(image).version == strings
    record, _ = read(data)
    imported = getattr(other, "DIRECTORY_ENTRY_IMPORT", [])
    if compiled := record.get("escadre.program.compiled"):
        assert datetime.fromisoformat(compiled).timestamp() == other.FILE_HEADER.TimeDateStamp
    assert set(record.get("escadre.program.libraries", ())) == {entry.dll.decode() for entry in imported}
    assert record["escadre.program.import_count"] == sum(len(entry.imports) for entry in imported)
    assert record["escadre.program.export_count"] == exported.number
    listed = [line.split() for line in record.get("escadre.program.sections", ())]
    assert [float(words[-1]) for words in listed] == [round(s.get_entropy(), 2) for s in other.sections]
    assert [int(words[-3 if words[-2].isalpha() else -2]) for words in listed] == [s.SizeOfRawData for s in other.sections]
    names = [one.entry.PdbFileName for one in getattr(other, "DIRECTORY_ENTRY_DEBUG", []) if hasattr(one.entry, "PdbFileName")]
    assert record.get("escadre.program.pdb", "") == (names[0].rstrip(b"\0").decode() if names else "")
    overlay = other.get_overlay_data_start_offset()
    signed = image.directory(pe_image.SECURITY)[0]
    assert (image.end if image.end < len(data) else None) == (overlay or (signed or None))


def test_an_elf_file_is_read_as_pyelftools_reads_it():
    found = [
        path for path in sorted(Path("/usr/bin").glob("*")) if path.is_file() and not path.is_symlink() and path.stat().st_size < 200_000
    ]
    elfs = [path for path in found if path.read_bytes()[:4] == b"\x7fELF"][:25]
    if not elfs:
        pytest.skip("no ELF files in /usr/bin")
    for path in elfs:
        data = path.read_bytes()
        mine = elf.elf(data)
        with path.open("rb") as stream:
            other = ELFFile(stream)
            dynamic = other.get_section_by_name(".dynamic")
            needed_there = [tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"] if dynamic else []
            assert list(mine.needed) == needed_there, path
            assert [s.name for s in mine.sections] == [s.name for s in other.iter_sections()], path
            note = other.get_section_by_name(".note.gnu.build-id")
            ids = [n["n_desc"] for n in note.iter_notes() if n["n_type"] == "NT_GNU_BUILD_ID"] if note else [""]
            assert mine.build_id == ids[0], path
            interpreter = [s.get_interp_name() for s in other.iter_segments() if s["p_type"] == "PT_INTERP"]
            assert mine.interpreter == (interpreter or [""])[0], path


def test_the_fuzzy_hash_is_that_of_ppdeep():
    chance = random.Random(3)
    for size in (1, 6, 7, 8, 191, 192, 193, 700, 3000, 9000):
        for data in (chance.randbytes(size), bytes(size), (chance.randbytes(37) * 300)[:size], bytes(chance.choices(b"ab \n", k=size))):
            assert fuzzy.ssdeep(data) == ppdeep.hash(data), size
    assert fuzzy.ssdeep(PLAIN) == ppdeep.hash(PLAIN)
    assert fuzzy.ssdeep(b"") == ""


def test_what_only_begins_like_a_program_is_none():
    assert kind.kind(b"MZ is how a program begins") == ""
    assert kind.kind(b"\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x10") == "", "a class of Java 8"
    assert kind.kind(b"\xca\xfe\xba\xbe" + struct.pack(">IIIII", 1, 7, 3, 4096, 100)) == "Mach-O"
    assert [m.uuid for m in macho.machos(build.mach_o())] == ["000102030405060708090A0B0C0D0E0F"]


class Signer:
    """An authority, a certificate below it, and osslsigncode to use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chain, self.key = build.keys(folder, "Tester")
        self.root = Roots.parse((folder / "Tester.ca.pem").read_text(encoding="ascii"))

    def sign(self, data: bytes, *options: str, name: str = "x.exe") -> bytes:
        (self.folder / name).write_bytes(data)
        return build.sign(self.chain, self.key, self.folder / name, self.folder / f"signed-{name}", *options).read_bytes()


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    need(shutil.which("osslsigncode") and shutil.which("openssl"), "osslsigncode and openssl")
    return Signer(tmp_path_factory.mktemp("signer"))


def judged(data: bytes, roots: Roots, collected: str = HOST.collected) -> authenticode.Signature:
    return authenticode.embedded(pe_image.image(data), collected, roots)


def test_the_verdicts_on_a_signature(signer):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    signed = signer.sign(PLAIN)
    assert judged(PLAIN, signer.root, now).verdict == "unknown"
    good = judged(signed, signer.root, now)
    assert (good.verdict, good.signer, good.chain) == ("valid", "Escadre Test Tester", ("Escadre Test Tester", "Escadre Test Tester Root"))
    assert authenticode.NO_REVOCATION in good.reason
    assert judged(signed, Roots(), now).verdict == "untrusted root"
    assert judged(signed, certificates.microsoft(), now).verdict == "untrusted root"
    assert judged(signed, signer.root, "2099-01-01T00:00:00Z").verdict == "expired"
    assert judged(signed, signer.root, "").verdict == "unknown", "without any time the certificate may have expired"
    for place in (0x40, 0x420, len(PLAIN) - 1):
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        assert judged(changed, signer.root, now).verdict == "invalid", place
    checksum = pe_image.image(signed).checksum_at
    assert judged(signed[:checksum] + b"\0\0\0\0" + signed[checksum + 4 :], signer.root, now).verdict == "valid", "it is not signed"


def test_the_digest_of_a_file_is_that_of_osslsigncode(signer):
    for data in (PLAIN, (INPUT / "System32" / "library.dll").read_bytes(), PLAIN + b"appended 1"):
        signed = signer.sign(data)
        said = subprocess.run(
            ["osslsigncode", "verify", "-CAfile", signer.folder / "Tester.ca.pem", signer.folder / "signed-x.exe"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        assert re.findall(r"Calculated message digest : ([0-9A-F]+)", said) == [
            authenticode.digest(pe_image.image(signed), "sha256").upper()
        ]
        assert authenticode.digest(pe_image.image(signed), "sha256") == authenticode.digest(pe_image.image(data), "sha256"), (
            "signing adds nothing"
        )


def test_a_certificate_for_servers_signs_no_code(signer, tmp_path):
    other = Signer(tmp_path)
    (tmp_path / "ext").write_text("extendedKeyUsage=serverAuth\n")
    build.run("openssl", "x509", "-req", "-in", tmp_path / "Tester.csr", "-CA", tmp_path / "Tester.ca.pem", "-CAkey", tmp_path / "ca.key",
              "-CAcreateserial", "-out", tmp_path / "Tester.leaf.pem", "-days", "30", "-extfile", tmp_path / "ext")  # fmt: skip
    other.chain.write_text((tmp_path / "Tester.leaf.pem").read_text() + (tmp_path / "Tester.ca.pem").read_text())
    found = judged(other.sign(PLAIN), other.root)
    assert (found.verdict, found.reason) == ("invalid", "the certificate Escadre Test Tester is not for code signing")


def test_a_catalog_lists_what_was_put_into_it(signer):
    digests = [hashlib.sha1(str(n).encode()).digest() for n in range(300)]
    items = list(security_catalogs.parse(Evidence("x.cat", build.catalog(digests)), HOST))
    assert [item.reason for item in items] == ["the catalog cannot be read: nobody signed"]
    (record,) = security_catalogs.parse(Evidence("x.cat", signer.sign(build.catalog(digests), name="x.cat")), HOST)
    assert sorted(record.fields["escadre.catalog.digests"]) == sorted(digest.hex() for digest in digests)
    assert record.fields["escadre.signature.verdict"] == "untrusted root"


def test_roots_of_microsoft_have_their_limits():
    roots = [root for found in certificates.microsoft().by_name.values() for root in found]
    assert len(roots) > 300
    assert any(root.disallowed for root in roots) and any(root.not_before for root in roots)
    assert {word for root in roots for word in root.purposes} >= {"code_signing", "time_stamping"}


HEADER = struct.unpack_from("<I", PLAIN, 0x3C)[0]


def patched(*changes: tuple[int, str, int]) -> bytes:
    made = bytearray(PLAIN)
    for at, layout, value in changes:
        struct.pack_into(layout, made, at, value)
    return bytes(made)


def directory(number: int) -> int:
    return HEADER + 24 + 112 + 8 * number


def hostile() -> dict[str, bytes]:
    image = pe_image.image(PLAIN)
    imported = image.offset(image.directory(pe_image.IMPORT)[0])
    resources = image.offset(image.directory(pe_image.RESOURCE)[0])
    nested = b"\x30\x80" * 50_000
    deep = b""
    for _ in range(2000):
        deep = build.der(0x30, deep)
    place = len(PLAIN) + -len(PLAIN) % 8
    certificate = {name: struct.pack("<IHH", len(raw) + 8, 0x200, 2) + raw for name, raw in (("nested", nested), ("deep", deep))}
    signed = {
        f"signature of {name} elements": patched((directory(4), "<I", place), (directory(4) + 4, "<I", len(raw))).ljust(place, b"\0") + raw
        for name, raw in certificate.items()
    }
    elf_head = (INPUT / "Temp" / "linux.bin").read_bytes()
    return signed | {
        "65,535 sections": patched((HEADER + 6, "<H", 0xFFFF)) + bytes(40) * 0xFFFF,
        "imports that begin in their own table": patched((imported, "<I", image.directory(pe_image.IMPORT)[0])),
        "imports without an end": PLAIN[:imported] + PLAIN[imported : imported + 20] * 50_000,
        "resources in a circle": patched((resources + 16 + 4, "<I", 0x80000000)),
        "65,535 resources": patched((resources + 14, "<H", 0xFFFF)) + bytes(8) * 0xFFFF,
        "a signature behind the end": patched((directory(4), "<I", 0x7FFFFFF0), (directory(4) + 4, "<I", 0x100)),
        "a signature over the headers": patched((directory(4), "<I", 0x10), (directory(4) + 4, "<I", 0x1000)),
        "a header at its own beginning": patched((0x3C, "<I", 0)),
        "a header behind the end": patched((0x3C, "<I", 0xFFFFFFF0)),
        "ELF, 65,535 segments and sections": elf_head[:56]
        + b"\xff\xff"
        + elf_head[58:60]
        + b"\xff\xff"
        + elf_head[62:]
        + bytes(70) * 0xFFFF,
        "ELF, tables in each other": elf_head[:32] + struct.pack("<QQ", 64, 64) + elf_head[48:],
        "ELF, a huge section": elf_head[:4000] + b"\xff" * 400 + elf_head[4400:],
        "fat Mach-O in itself": b"\xca\xfe\xba\xbe" + struct.pack(">I", 16) + struct.pack(">IIIII", 7, 3, 0, 100, 0) * 16,
        "Mach-O, endless commands": build.mach_o()[:16] + b"\xff" * 8 + build.mach_o()[24:] + struct.pack("<II", 0x19, 8) * 50_000,
    }


@pytest.mark.parametrize("name", sorted(hostile()))
def test_a_hostile_program_costs_little(name):
    data = hostile()[name]
    with CallCount().counting(2_000_000):
        fields, _ = read(data)
    assert fields["file.hash.sha256"] == hashlib.sha256(data).hexdigest()
    assert len(repr(fields)) < 100_000


def test_a_bound_that_cuts_says_so():
    assert "96 of 65535 sections were read: Windows loads 96 at most" in read(hostile()["65,535 sections"])[1]
    assert any("512 of 65535 sections" in p for p in read(hostile()["ELF, 65,535 segments and sections"])[1])
    assert any("import table was read up to" in p for p in read(hostile()["imports without an end"])[1])


@pytest.mark.parametrize("path", sorted(p for p in INPUT.rglob("*") if p.is_file()), ids=lambda p: p.name)
def test_a_program_that_is_cut_anywhere_keeps_its_hash(path):
    whole = path.read_bytes()
    for end in range(64, len(whole), 512 if len(whole) > 512 else 16):
        fields, _ = read(whole[:end])
        assert fields.get("file.hash.sha256", hashlib.sha256(whole[:end]).hexdigest()) == hashlib.sha256(whole[:end]).hexdigest()
        assert fields.get("escadre.signature.verdict") != "valid"


def test_a_large_program_is_hashed_as_it_streams_by(monkeypatch):
    monkeypatch.setattr(programs, "LARGEST", 1000)
    fields, problems = read(PLAIN)
    assert fields["file.hash.md5"] == hashlib.md5(PLAIN).hexdigest()
    assert "file.pe.imphash" not in fields
    assert problems == ["only the hashes were computed: the file has 4608 bytes, tables are read up to 1000"]
