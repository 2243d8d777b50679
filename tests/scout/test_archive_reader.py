"""Archives that are cut, damaged or hostile: what can be read is given, the rest has a reason, and nothing is ever raised but a
Complaint.
"""

from __future__ import annotations

import gc
import hashlib
import io
import random
import shutil
import subprocess
import sys
import tarfile
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyrage
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scout.archive import ArchiveReader, ArchiveWriter, WantedItem
from scout.console import Complaint
from scout.keys import keygen, load_identities, load_recipients
from tests.conftest import ROOT, need
from tests.scout.archive_tools import MTIME, encrypted, foreign, plain, plaintext, small

IDENTITY = pyrage.x25519.Identity.generate()
MIB = 1 << 20


def read(data: bytes) -> tuple[list[tuple], str, str]:
    """(kind, name, content, cut, reason) of each member, state, reason."""
    found = []
    with ArchiveReader(io.BytesIO(data), [IDENTITY]) as reader:
        for member in reader:
            content = b"".join(member.stream.chunks()) if member.size < 64 * MIB else b""
            found.append((member.kind, member.name, content, member.cut, member.reason))
    return found, reader.state, reader.reason


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive of about 700 kB in several age chunks, with a member that does not compress."""
    path = tmp_path_factory.mktemp("whole") / "a.age"
    with ArchiveWriter(path, [IDENTITY.to_public()], {"collection": "w"}) as writer:
        for number in range(30):
            content = random.Random(number).randbytes(number * 1500)
            writer.add(WantedItem(source=f"/f{number}", size=len(content)), io.BytesIO(content))
            if number % 7 == 0:
                writer.seal()
        writer.finish()
    return path.read_bytes()


def test_members_come_back_with_group_facts_and_native_paths(tmp_path: Path) -> None:
    small(tmp_path / "a.age", [IDENTITY.to_public()])
    with ArchiveReader(tmp_path / "a.age", [IDENTITY], digest=True) as reader:
        found = [(m.ordinal, m.kind, m.source, str(m.group) if m.group else "", m.facts, m.stream.read()) for m in reader]
        digest = reader.archive_sha256()
    assert (reader.state, reader.reason) == ("complete", "")
    assert digest == hashlib.sha256((tmp_path / "a.age").read_bytes()).hexdigest()
    assert [f[:4] for f in found] == [
        (0, "collection", "collection.json", ""),
        (1, "live", "live/processes.jsonl", ""),
        (2, "files", "C:\\Windows\\System32\\config\\SYSTEM", "registry-1:main:1/3"),
        (3, "files", "C:\\Windows\\System32\\config\\SYSTEM.LOG1", "registry-1:log1:2/3"),
        (4, "files", "C:\\Windows\\System32\\config\\SYSTEM.LOG2", "registry-1:log2:3/3"),
        (5, "custody", "custody/000000.jsonl", ""),
        (6, "files", "/etc/passwd", ""),
        (7, "custody", "custody/000001.jsonl", ""),
        (8, "end", "end.json", ""),
    ]
    assert found[2][4] == {"mtime": MTIME}
    assert found[6][4] == {"mtime": MTIME, "mode": "0640", "uid": 7, "gid": 8, "owner": "root"}
    assert found[2][5] == b"regf" + bytes(9000)
    assert found[1][5] == b'{"schema":"processes/1"}\n{"pid":1,"name":"systemd"}\n{"pid":2,"name":"\\udcff"}\n'


def test_skipping_members_is_allowed(whole: bytes) -> None:
    with ArchiveReader(io.BytesIO(whole), [IDENTITY]) as reader:
        names = []
        for member in reader:
            names.append(member.name)
            if len(names) % 2:
                member.stream.read(100)
    assert reader.state == "complete"
    assert names == [name for _, name, *_ in read(whole)[0]]


def test_closing_early_ends_the_thread(whole: bytes) -> None:
    import threading

    before = threading.active_count()
    for _ in range(5):
        with ArchiveReader(io.BytesIO(whole), [IDENTITY]) as reader:
            next(iter(reader))
    assert threading.active_count() == before


def test_what_gnu_tar_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "files/root" / ("d" * 90)).mkdir(parents=True)
    (tmp_path / "files/root" / ("d" * 90) / ("n" * 90)).write_bytes(b"long name")
    with (tmp_path / "files/root/sparse").open("wb") as file:
        file.seek(5 * MIB)
        file.write(b"end of it")
    found = {}
    for style in ("gnu", "pax"):
        tar = subprocess.run(
            ["tar", "-S", f"--format={style}", "-C", tmp_path, "-c", "files/root"], check=True, stdout=subprocess.PIPE
        ).stdout
        for kind, name, content, _, reason in read(encrypted(tar, IDENTITY))[0]:
            found[style, name] = (kind, hashlib.sha256(content).hexdigest(), reason)
    long = "files/root/" + "d" * 90 + "/" + "n" * 90
    assert found["gnu", long] == found["pax", long] == ("files", hashlib.sha256(b"long name").hexdigest(), "")
    assert found["pax", "files/root/sparse"] == ("files", hashlib.sha256((tmp_path / "files/root/sparse").read_bytes()).hexdigest(), "")
    assert found["gnu", "files/root/sparse"][0::2] == ("refused", "a sparse file in an old format")


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("files/root/../../etc/cron.d/x", {}, "leads out"),
        ("../x", {}, "leads out"),
        ("/etc/passwd", {}, "absolute"),
        ("other/x", {}, "outside the known folders"),
        ("x", {}, "outside the known folders"),
        ("files/root", {}, "outside the known folders"),
        ("live/a/b.jsonl", {}, "outside the known folders"),
        ("custody/x.jsonl", {}, "outside the known folders"),
        ("files/root//x", {}, "not one that SCOUT writes"),
        ("files/C/a\\..\\b", {}, "not one that SCOUT writes"),
        ("files/root/etc/first", {}, "second of its name"),
        ("files/root/etc/%66irst", {}, "second of its name"),
        ("collection.json", {}, "second of its name"),
        ("files/root/l", {"type": tarfile.SYMTYPE, "linkname": "/etc/shadow"}, "symbolic link"),
        ("files/root/h", {"type": tarfile.LNKTYPE, "linkname": "/etc/shadow"}, "hard link"),
        ("files/root/c", {"type": tarfile.CHRTYPE}, "character device"),
        ("files/root/b", {"type": tarfile.BLKTYPE}, "block device"),
        ("files/root/p", {"type": tarfile.FIFOTYPE}, "pipe"),
        ("files/root/d", {"type": tarfile.DIRTYPE}, "directory"),
        ("files/root/q", {"type": b"Q"}, "type b'Q'"),
        ("files/root/s", {"pax_headers": {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1"}}, "sparse file in an"),
    ],
)
def test_a_member_that_is_no_evidence_is_refused_with_a_reason_and_the_rest_is_read(name: str, more: dict, reason: str) -> None:
    def fill(archive: tarfile.TarFile) -> None:
        plain(archive, "collection.json", b"{}")
        plain(archive, "files/root/etc/first", b"first")
        plain(archive, name, b"" if more.get("type", b"0") not in (b"0", b"Q") else b"hostile", **more)
        plain(archive, "files/root/etc/last", b"last")
        plain(archive, "end.json", b"{}")

    found, state, _ = read(encrypted(foreign(fill), IDENTITY))
    assert [f[:3] for f in found if f[0] == "files"] == [
        ("files", "files/root/etc/first", b"first"),
        ("files", "files/root/etc/last", b"last"),
    ]
    refused = [f for f in found if f[0] == "refused"]
    assert len(refused) == 1
    assert reason in refused[0][4]
    assert refused[0][2] == b""
    assert state == "complete"


def test_what_stands_behind_end_json_is_refused() -> None:
    tar = foreign(lambda a: [plain(a, "collection.json", b"{}"), plain(a, "end.json", b"{}"), plain(a, "files/root/late", b"x")])
    assert [f[0] for f in read(encrypted(tar, IDENTITY))[0]] == ["collection", "end", "refused"]


def raw_header(name: bytes, size_field: bytes) -> bytes:
    """A ustar header with the 12 bytes of the size as given, checksum made here."""
    raw = bytearray(512)
    raw[: len(name)] = name
    raw[124:136] = size_field
    raw[156:157] = b"0"
    raw[257:265] = b"ustar\x0000"
    raw[148:156] = b"%06o\0 " % (sum(raw) + 256)
    return bytes(raw)


@pytest.mark.parametrize(
    "field", [b"\x80" + bytes(2) + b"\xff" * 9, b"\xff" * 12, b"\x80" + bytes(3) + b"\x7f" * 8, b"99999999999\0", b"-0000000001\0"]
)
def test_an_absurd_size_is_refused_and_ends_the_reading(field: bytes) -> None:
    tar = foreign(lambda a: plain(a, "collection.json", b"{}"))[:1024] + raw_header(b"files/root/x", field) + bytes(4096)
    found, state, reason = read(encrypted(tar, IDENTITY))
    assert [f[0] for f in found] == ["collection", "refused"]
    assert state == "interrupted"
    assert "impossible size" in reason


@pytest.mark.parametrize("size", ["9" * 30, str(1 << 62), "-5", "1e3", "٣"])
def test_an_absurd_size_in_a_pax_record_does_not_break_the_reader(size: str) -> None:
    def fill(archive: tarfile.TarFile) -> None:
        plain(archive, "collection.json", b"{}")
        plain(archive, "files/root/x", b"content", pax_headers={"size": size})

    found, state, _ = read(encrypted(foreign(fill), IDENTITY))
    assert found[0][0] == "collection"
    assert state == "interrupted"


def test_a_huge_pax_header_costs_its_member_only() -> None:
    def fill(archive: tarfile.TarFile) -> None:
        plain(archive, "files/root/x", b"x", pax_headers={"comment": "A" * (5 * MIB)})
        plain(archive, "files/root/y", b"y")

    found, _, _ = read(encrypted(foreign(fill), IDENTITY))
    assert [f[:3] for f in found] == [("refused", "files/root/x", b""), ("files", "files/root/y", b"y")]


@pytest.mark.parametrize(
    "table",
    [
        b"1\n0\n9999999999\n",
        b"2\n5\n1\n0\n1\n",
        b"2\n0\n5\n3\n5\n",
        b"999999999\n",
        b"x\n",
        b"1\n-1\n5\n",
        b"",
        b"1\n0\n",
        b"1\n" + b"0" * 600,
        b"0\n",
    ],
)
def test_a_hostile_sparse_map_is_refused_and_the_next_member_read(table: bytes) -> None:
    def fill(archive: tarfile.TarFile) -> None:
        sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "files/root/x", "GNU.sparse.realsize": "100"}
        plain(archive, "files/root/GNUSparseFile.0/x", table + bytes(-len(table) % 512) + b"12345", pax_headers=sparse)
        plain(archive, "files/root/y", b"y")

    found, _, _ = read(encrypted(foreign(fill), IDENTITY))
    assert [f[:2] for f in found] == [("refused", "files/root/x"), ("files", "files/root/y")]


def rle(size: int) -> bytes:
    """A zstd frame of `size` zeros in blocks of 128 KiB that take 4 bytes each (RFC 8878, 3.1.1.2: RLE block)."""
    blocks = size // (128 << 10)
    head = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([(17 - 10) << 3])
    return head + b"".join(((128 << 10) << 3 | 1 << 1 | (n == blocks - 1)).to_bytes(3, "little") + b"\0" for n in range(blocks))


def test_a_decompression_bomb_ends_with_a_reason() -> None:
    frame = rle(1 << 20)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(frame) == bytes(1 << 20)
    tar = foreign(lambda a: plain(a, "collection.json", b"{}"))[:1024] + raw_header(b"files/root/bomb", b"%011o\0" % (8**11 - 1))
    data = pyrage.encrypt(zstandard.compress(tar) + rle(6 << 30), [IDENTITY.to_public()])
    total = 0
    with ArchiveReader(io.BytesIO(data), [IDENTITY]) as reader:
        for member in reader:
            total += sum(map(len, member.stream.chunks()))
            cut = member.cut
    assert cut
    assert total < 2 << 30
    assert (reader.state, "bomb" in reader.reason) == ("interrupted", True)


def test_a_window_that_would_take_much_memory_is_refused() -> None:
    wide = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    ).compressobj()
    data = pyrage.encrypt(wide.compress(bytes(1 << 20)) + wide.flush(), [IDENTITY.to_public()])
    found, state, reason = read(data)
    assert (found, state) == ([], "interrupted")
    assert "zstd" in reason


@pytest.mark.parametrize(
    "content", [b"", b"no zstd at all", zstandard.compress(b"no tar" * 200), zstandard.compress(b""), zstandard.compress(bytes(512))]
)
def test_an_age_file_with_something_else_in_it_is_interrupted_with_a_reason(content: bytes) -> None:
    found, state, reason = read(pyrage.encrypt(content, [IDENTITY.to_public()]))
    assert (found, state) == ([], "interrupted")
    assert reason


def test_a_cut_anywhere_gives_every_whole_member_before_it(whole: bytes) -> None:
    full, state, _ = read(whole)
    assert (state, len(full)) == ("complete", 38)
    start = whole.index(b"\n--- ") + 49 + 16
    edges = [start + n * 65552 + d for n in range(len(whole) // 65552) for d in (-1, 0, 1, 17)]
    rnd = random.Random(3)
    recovered = 0
    for cut in [c for c in edges if start <= c < len(whole)] + [rnd.randrange(start, len(whole)) for _ in range(60)] + [len(whole) - 1]:
        found, state, reason = read(whole[:cut])
        assert state == "interrupted"
        assert "no end.json" in reason
        if found and found[-1][3]:
            last = found.pop()
            assert full[len(found)][2].startswith(last[2])
        assert found == full[: len(found)]
        recovered = max(recovered, len(found))
    assert recovered > 30


def test_a_flipped_bit_anywhere_never_gives_a_false_byte(whole: bytes) -> None:
    full, _, _ = read(whole)
    rnd = random.Random(4)
    for place in [rnd.randrange(len(whole)) for _ in range(60)] + [len(whole) - 1, whole.index(b"\n--- ") + 60]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rnd.randrange(8)
        try:
            found, state, reason = read(bytes(damaged))
        except Complaint as c:
            assert c.code == 3
            assert place < 600
            continue
        assert state == "interrupted"
        assert reason
        if found and found[-1][3]:
            last = found.pop()
            assert full[len(found)][2].startswith(last[2])
        assert found == full[: len(found)]


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tar") / "a.age"
    small(path, [IDENTITY.to_public()])
    return plaintext(path, IDENTITY)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_tar_of_any_bytes_is_read_to_a_state(tar: bytes, data: st.DataObject) -> None:
    from scout.verifying.result import VerifyResult, conclude
    from scout.verifying.verify import _Check

    changed = bytearray(tar)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=20))
        changed[at : at + len(piece)] = piece
    with ArchiveReader(io.BytesIO(encrypted(bytes(changed), IDENTITY)), [IDENTITY]) as reader:
        verdict = VerifyResult("x")
        check = _Check(verdict)
        for member in reader:
            check.member(member)
    check.finish(reader.state, reader.reason)
    conclude(verdict)
    assert reader.state in ("complete", "interrupted")
    assert verdict.lines


@cache
def with_passphrase() -> bytes:
    """A secret key behind a passphrase: made when a test needs it, for it takes a second of processor time on purpose."""
    return pyrage.passphrase.encrypt(str(IDENTITY).encode(), "secret")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (lambda: b"", "is empty"),
        (lambda: b"PK\x03\x04 a zip", "is not an archive"),
        (lambda: b"age-encryption.org/v1", "ends within its header"),
        (lambda: b"age-encryption.org/v1\n-> X25519 aaaa", "ends within its header"),
        (lambda: pyrage.encrypt(b"x", [pyrage.x25519.Identity.generate().to_public()]), "encrypted to other keys"),
        (with_passphrase, "protected by a passphrase"),
    ],
)
def test_what_cannot_be_read_at_all_is_one_complaint_that_says_what_to_do(content: Callable[[], bytes], what: str) -> None:
    with pytest.raises(Complaint, match=what) as e:
        read(content())
    assert (e.value.code, bool(e.value.do)) == (3, True)


def test_a_directory_or_no_file_is_a_complaint(tmp_path: Path) -> None:
    for path in (tmp_path / "none.age", tmp_path):
        with pytest.raises(Complaint, match="cannot be read") as e:
            ArchiveReader(path, [IDENTITY])
        assert e.value.code == 3


def test_key_files_that_do_not_fit_say_why(tmp_path: Path) -> None:
    public = keygen(tmp_path / "key.txt")
    secret = (tmp_path / "key.txt").read_text()
    assert f"# public key: {public}\n" in secret
    need(shutil.which("ssh-keygen"), "ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "pw", "-f", tmp_path / "locked"], check=True)
    files = {
        "public": public,
        "empty": "# nothing\n",
        "junk": "hello",
        "scrypt": with_passphrase(),
        "archive": pyrage.encrypt(b"x", [pyrage.x25519.Recipient.from_str(public)]),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    expected = {
        "public": "public key",
        "empty": "holds no key",
        "junk": "no age secret key",
        "scrypt": "passphrase",
        "locked": "passphrase",
        "archive": "is an archive, not a key",
        "none": "cannot be read",
    }
    for name, what in expected.items():
        with pytest.raises(Complaint, match=what) as e:
            load_identities(tmp_path / name)
        assert e.value.do
    assert len(load_identities(tmp_path / "key.txt")) == 1
    with pytest.raises(Complaint, match="exists already"):
        keygen(tmp_path / "key.txt")
    assert (tmp_path / "key.txt").read_text() == secret


def test_a_secret_key_is_never_taken_as_recipient(tmp_path: Path) -> None:
    keygen(tmp_path / "key.txt")
    secret = (tmp_path / "key.txt").read_text().splitlines()[-1]
    for given_value in (tmp_path / "key.txt", secret):
        with pytest.raises(Complaint, match=r"secret key"):
            load_recipients([given_value])
    for wrong in (["age1notakey"], ["ssh-ed25519 AAAA"], [str(tmp_path / "none")], []):
        with pytest.raises(Complaint):
            load_recipients(wrong)


def test_reading_takes_little_memory_whatever_the_size(tmp_path: Path) -> None:
    public = keygen(tmp_path / "key.txt")
    with ArchiveWriter(tmp_path / "a.age", load_recipients([public])[0], {}) as writer:
        block = random.Random(9).randbytes(MIB)
        stream = io.BytesIO(block * 150)
        writer.add(WantedItem(source="/big", size=150 * MIB), stream)
        writer.finish()
    code = (
        "import sys; from scout.verifying.verify import verify; from scout.keys import load_identities\n"
        "v = verify(sys.argv[1], load_identities(sys.argv[2]))\n"
        "print(v.state, open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    state, peak = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.age", tmp_path / "key.txt"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ).stdout.split()
    assert state == "whole"
    assert int(peak) < 100_000


def test_an_archive_that_was_read_leaves_nothing_in_memory(tmp_path: Path) -> None:
    """Hundreds of archives are read in one run. The buffers of one take 400 KiB."""
    public = keygen(tmp_path / "key.txt")
    small(tmp_path / "a.age", load_recipients([public])[0])
    identities, left = load_identities(tmp_path / "key.txt"), []
    for _ in range(3):
        with ArchiveReader(tmp_path / "a.age", identities) as reader:
            left += [weakref.ref(reader._inlet), *(weakref.ref(member.stream) for member in reader)]
        del reader
    gc.collect()
    assert len(left) > 9
    assert not [one() for one in left if one() is not None]
