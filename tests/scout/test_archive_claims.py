"""Archives that claim much in few bytes, or whose text no format has: bounded, refused with a reason, never an error of the tool."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
import zstandard

from scout.archive import ArchiveReader, reader
from scout.archive.custody import MAX_GROUP, MAX_LINES, GroupPlace, lines_of, read_part
from scout.archive.reader import FREE_CUSTODY, FREE_MEMBERS
from scout.cli import build_app
from scout.console import run
from scout.keys import keygen, load_identities
from scout.verifying.listing import list_members
from scout.verifying.verify import verify
from tests.conftest import ROOT

MIB = 1 << 20


@pytest.fixture
def key(tmp_path: Path) -> Path:
    keygen(tmp_path / "key.txt")
    return tmp_path / "key.txt"


def header(name: str, size: int, **records: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.pax_headers = size, records
    return info.tobuf(tarfile.PAX_FORMAT)


def member(name: str, content: bytes, **records: str) -> bytes:
    return header(name, len(content), **records) + content + bytes(-len(content) % 512)


def archive(path: Path, key: Path, pieces: Iterator[bytes]) -> Path:
    """An archive made of raw pieces of a tar, behind a collection.json."""
    out = io.BytesIO()
    with zstandard.ZstdCompressor(level=3).stream_writer(out, closefd=False) as stream:
        stream.write(member("collection.json", b'{"collection": "x"}', **{"ESCADRE.member": "0"}))
        for piece in pieces:
            stream.write(piece)
        stream.write(bytes(1024))
    path.write_bytes(pyrage.encrypt(out.getvalue(), [load_identities(key)[0].to_public()]))
    return path


def record(key: str, value: str) -> bytes:
    """A PAX record by POSIX.1-2017: its length counts itself."""
    body = f" {key}={value}\n".encode("utf-8", "surrogatepass")
    size = len(body)
    while len(str(size)) + len(body) != size:
        size = len(str(size)) + len(body)
    return str(size).encode() + body


def with_records(*records: bytes) -> bytes:
    """A member of one byte with raw PAX records."""
    text = b"".join(records)
    info = tarfile.TarInfo("x")
    info.size, info.type = len(text), tarfile.XHDTYPE
    return info.tobuf(tarfile.USTAR_FORMAT) + text + bytes(-len(text) % 512) + member("files/root/a", b"x")


@pytest.mark.parametrize(
    "odd",
    [
        record("size", "9" * 5000),
        record("size", "²"),
        record("size", "-1"),
        record("mtime", "9" * 5000),
        record("mtime", "99999999999999999.5"),
        record("uid", "9" * 5000),
        record("ESCADRE.member", "9" * 5000),
        record("ESCADRE.group", "g:main:1/" + "9" * 5000),
        record("ESCADRE.source", "/\ud800"),
        record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.realsize", "9" * 5000),
        record("path", "files/root/" + "a" * 500_000),
    ],
    ids=lambda raw: raw[:40].decode("utf-8", "replace"),
)
def test_odd_text_in_headers_ends_in_a_state(tmp_path: Path, key: Path, odd: bytes, capsys) -> None:
    path = archive(tmp_path / "odd.age", key, iter([with_records(odd)]))
    for command in ("verify", "list"):
        assert run("scout", build_app, [command, str(path), "-i", str(key)]) == 1 or command == "list"
        assert "a defect of" not in capsys.readouterr().err


def test_an_impossible_size_is_a_refused_member(tmp_path: Path, key: Path) -> None:
    path = archive(tmp_path / "odd.age", key, iter([with_records(record("size", "9" * 5000))]))
    with ArchiveReader(path, load_identities(key)) as reader:
        kinds = [(m.kind, m.reason) for m in reader]
    assert kinds[1] == ("refused", "impossible size")
    assert reader.state == "interrupted"


@pytest.mark.parametrize(
    "text", ['"\\ud800"', "9" * 5000, "[" * 100_000, '{"host": {"name": "\\ud800"}, "started": "9999-99-99T99:99:99Z"}']
)
def test_an_odd_collection_json_is_a_contradiction_at_most(tmp_path: Path, key: Path, text: str, capsys) -> None:
    out = zstandard.ZstdCompressor().compress(member("collection.json", text.encode(), **{"ESCADRE.member": "0"}) + bytes(1024))
    path = tmp_path / "odd.age"
    path.write_bytes(pyrage.encrypt(out, [load_identities(key)[0].to_public()]))
    assert run("scout", build_app, ["verify", str(path), "-i", str(key)]) == 1
    assert "a defect of" not in capsys.readouterr().err


def test_one_bad_archive_does_not_end_the_batch(tmp_path: Path, key: Path, capsys) -> None:
    (tmp_path / "junk.age").write_bytes(b"no archive")
    good = archive(tmp_path / "good.age", key, iter([]))
    assert run("scout", build_app, ["verify", str(tmp_path / "junk.age"), str(good), "-i", str(key), "--json"]) == 3
    said = capsys.readouterr()
    assert json.loads(said.out)["archive"] == str(good)
    assert "junk.age is not an archive" in said.err


def test_a_missing_archive_is_named_before_a_key_is_asked_for(tmp_path: Path, capsys) -> None:
    assert run("scout", build_app, ["verify", str(tmp_path / "nofile.age")]) == 3
    assert "nofile.age cannot be read: No such file" in capsys.readouterr().err


def test_a_custody_line_that_is_broken_costs_itself() -> None:
    problems: list[str] = []
    first, lines = read_part(b'{"part": 0}\n{"verdict": "taken"}\nnot JSON\n' + b"9" * 5000 + b'\n{"verdict": "denied"}\n', problems.append)
    assert first == {"part": 0}
    assert [line["verdict"] for line in lines] == ["taken", "denied"]
    assert problems == ["line 3 is no JSON object", "line 4 is no JSON object"]


def test_lines_of_a_part_are_bounded() -> None:
    problems: list[str] = []
    assert sum(1 for _ in lines_of(b"{}\n" * (MAX_LINES + 5), problems.append)) == MAX_LINES
    assert len(problems) == 1 and "the rest was not read" in problems[0]


def test_a_group_that_claims_many_members_is_none() -> None:
    assert GroupPlace.parse(f"a:main:1/{MAX_GROUP}") is not None
    assert GroupPlace.parse(f"a:main:1/{MAX_GROUP + 1}") is None


def test_a_group_holds_no_more_members_than_it_claims_and_does_not_come_back(tmp_path: Path, key: Path) -> None:
    claims = ["a:main:1/2", "a:log:2/2", "a:more:2/2", "b:main:1/2", "a:late:1/2", "b:late:2/2"]
    members = [member(f"files/root/{n}", b"x", **{"ESCADRE.group": claim}) for n, claim in enumerate(claims)]
    pieces = iter([members[0], member("custody/000000.jsonl", b"{}\n"), *members[1:]])  # SCOUT seals where a file of the group was denied
    with ArchiveReader(archive(tmp_path / "groups.age", key, pieces), load_identities(key)) as reader:
        assert [str(m.group) if m.group else "" for m in reader] == ["", "a:main:1/2", "", "a:log:2/2", "", "b:main:1/2", "", ""]


def test_more_members_than_the_archive_has_bytes_for_end_it(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound that every archive has is lowered, so that it is reached with few members."""
    free = FREE_MEMBERS // 20
    monkeypatch.setattr(reader, "FREE_MEMBERS", free)
    count = free + 4_000
    path = archive(tmp_path / "many.age", key, (header(f"files/root/{n:06d}", 0) for n in range(count)))
    with ArchiveReader(path, load_identities(key)) as opened:
        given = sum(1 for _ in opened)
    assert free <= given < count
    assert opened.state == "interrupted" and "more than files can fill" in opened.reason


def test_custody_that_claims_much_is_refused(tmp_path: Path, key: Path) -> None:
    """25 parts of 16 MiB in an archive below 100 kB: `verify` and `list` stay within 300 MB of address space above that of Python."""
    body = b"{}\n" * (16 * MIB // 3)
    parts = (member(f"custody/{n:06d}.jsonl", body, **{"ESCADRE.member": str(n + 1)}) for n in range(25))
    path = archive(tmp_path / "parts.age", key, parts)
    assert path.stat().st_size < 100_000
    code = f"import sys; from tests.scout.test_archive_claims import within; within({str(path)!r}, {str(key)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    state, seals, refused, rows = json.loads(done.stdout)
    assert (state, seals + refused) == ("inconsistent", 25)
    assert seals <= FREE_CUSTODY // len(body) + 2
    assert rows < seals * MAX_LINES + 25 + 10


def within(path: str, key: str) -> None:
    """Verify and list in a process that may not take more than 300 MB beyond what it has now."""
    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 300 * MIB, now + 300 * MIB))
    verdict = verify(path, load_identities(key))
    rows = sum(1 for _ in list_members(path, load_identities(key)))
    print(json.dumps([verdict.state, verdict.seals, verdict.refused, rows]))
