"""One bad archive never ends a batch: it is named with its reason, the others are processed, and the exit code is 1."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pyrage
import pytest
import zstandard

from commodore.engine.inputs import safe_id
from commodore.engine.process import process
from tests.commodore.cases import commodore, records

KEY = pyrage.x25519.Identity.generate()
HEADER = {"schema": 1, "host": {"name": "pc", "os": "linux"}, "started": "2026-01-01T00:00:00Z"}


def block(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A ustar header, by POSIX.1-1988."""
    head = bytearray(512)
    head[: len(name)] = name.encode()
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136], head[136:148] = b"%011o\0" % size, b"%011o\0" % 1_767_225_600
    head[148:156], head[156:157], head[257:265] = b" " * 8, kind, b"ustar\x0000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def pax(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    size = len(body) + 1
    while len(f"{size}".encode() + body) != size:
        size += 1
    text = f"{size}".encode() + body
    return block("x", len(text), b"x") + text.ljust(-(-len(text) // 512) * 512, b"\0")


def member(name: str, content: bytes, before: bytes = b"") -> bytes:
    return before + block(name, len(content)) + content.ljust(-(-len(content) // 512) * 512, b"\0")


def archive(path, *members: bytes):
    packed = zstandard.ZstdCompressor().compress(b"".join(members) + bytes(1024))
    path.write_bytes(pyrage.encrypt(packed, [KEY.to_public()]))
    return path


NUMBERS = count(1)


def collection(more: dict | None = None, text: bytes | None = None) -> bytes:
    identity = {"collection": f"11111111-2222-3333-4444-{next(NUMBERS):012}"}
    return member("collection.json", text if text is not None else json.dumps(HEADER | identity | (more or {})).encode())


PASSWD = member("files/root/etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
CRON = member("files/root/etc/crontab", b"* * * * * root /bin/true\n")
HOSTILE = {
    "surrogate": (collection({"host": {"name": "\ud800", "os": "linux"}}), PASSWD, CRON),
    "long-name": (collection({"host": {"name": "a" * 100_000, "os": "linux"}}), PASSWD, CRON),
    "slash": (collection({"host": {"name": "../../../tmp/x\0y", "os": "linux"}}), PASSWD, CRON),
    "odd-dates": (collection({"started": "+999999-99-99T99:99:99Z", "clock_offset": 1e308}), PASSWD, CRON),
    "other-types": (
        collection({"host": ["x"], "started": {"a": 1}, "recipients": {"x": 1}, "collection": [1], "profile": 7}),
        PASSWD,
        CRON,
    ),
    "deep": (collection(text=b"[" * 200_000), PASSWD, CRON),
    "huge-number": (collection(text=b'{"clock_offset": ' + b"9" * 5000 + b"}"), PASSWD, CRON),
    "zone": (collection({"host": {"name": "z", "os": "linux", "timezone": "../../etc/passwd\0"}}), PASSWD, CRON),
    "size": (collection({"host": {"name": "s", "os": "linux"}}), member("files/root/etc/crontab", b"", pax("size", "9" * 5000)), CRON),
    "time": (collection({"host": {"name": "t", "os": "linux"}}), member("files/root/etc/crontab", b"", pax("mtime", "9" * 5000)), CRON),
    "member": (
        collection({"host": {"name": "m", "os": "linux"}}),
        member("files/root/etc/crontab", b"", pax("ESCADRE.member", "9" * 5000)),
    ),
    "passwd": (
        collection({"host": {"name": "p", "os": "linux"}}),
        member("files/root/etc/passwd", b"a:x:0:0::/\0:/bin/sh\n\xff:x:99999999999999999999:0::/\xff:/"),
        CRON,
    ),
    "links": (
        collection({"host": {"name": "l", "os": "linux"}}),
        member(
            "custody/000000.jsonl",
            b'{"part": 0}\n{"verdict": "link", "source": 5}\n{"verdict": "link", "source": "/etc/localtime", "link": "\\ud800"}',
        ),
        CRON,
    ),
    "no-collection": (PASSWD, CRON),
    "empty": (),
}


def test_hostile_collections_cost_themselves(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, members in HOSTILE.items():
        archive(folder / f"{name}.tar.zst.age", *members)
    archive(folder / "zz-good.tar.zst.age", collection({"collection": "good", "host": {"name": "good", "os": "linux"}}), PASSWD, CRON)
    key = tmp_path / "key.txt"
    key.write_text(str(KEY))
    done = commodore("process", folder, "-o", tmp_path / "case", "-i", key, "--workers", 1)
    assert done.returncode == 1, done.stderr
    assert "defect" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    named = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert len(named & set("sltpmz")) == 6, done.stdout
    assert "good" in {record["host.name"] for record in records(tmp_path / "case", "cron")}


def test_a_collection_that_raises_while_it_streams_by_is_named_and_the_next_one_is_read(tmp_path, monkeypatch):
    from commodore.engine import inputs

    for name in ("a", "b"):
        text = {"collection": f"id-{name}", "host": {"name": name, "os": "linux"}}
        archive(tmp_path / f"{name}.tar.zst.age", collection(text), PASSWD, CRON)
    original = inputs.ArchiveCollection.members

    def members(self):
        for number, found in enumerate(original(self)):
            if self.id == "id-a" and number == 1:
                raise ValueError("no such date")
            yield found

    monkeypatch.setattr(inputs.ArchiveCollection, "members", members)
    summary = process([tmp_path / "a.tar.zst.age", tmp_path / "b.tar.zst.age"], tmp_path / "case", identities=[KEY], workers=1)
    assert [host["host"] for host in summary.hosts] == ["b"]
    assert [(path.rpartition("/")[2], "no such date" in reason) for path, reason in summary.unread] == [("a.tar.zst.age", True)]
    assert not summary.whole


@pytest.mark.parametrize("alone", [True, False])
def test_a_file_that_is_no_archive_ends_only_a_run_of_its_own(tmp_path, alone):
    (tmp_path / "bad.tar.zst.age").write_bytes(b"age-encryption.org/v1\n-> X25519 " + b"A" * 5000)
    archive(tmp_path / "good.tar.zst.age", collection({"host": {"name": "good", "os": "linux"}}), CRON)
    key = tmp_path / "key.txt"
    key.write_text(str(KEY))
    given = [tmp_path / "bad.tar.zst.age"] if alone else [tmp_path / "bad.tar.zst.age", tmp_path / "good.tar.zst.age"]
    done = commodore("process", *given, "-o", tmp_path / "case", "-i", key, "--workers", 1)
    assert "defect" not in done.stdout + done.stderr
    assert (done.returncode, "good" in done.stdout) == ((3, False) if alone else (1, True)), done.stdout + done.stderr
    assert "bad.tar.zst.age" in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["con", "COM1", "../x", "a/b", "", "\u212a", "x" * 65, "a.b"])
def test_an_id_that_is_no_safe_file_name_is_replaced(text):
    made = safe_id(text, Path("archive"))
    assert made != text.lower() and len(made) == 32 and set(made) <= set("0123456789abcdef")
    assert safe_id("Console-1", Path("archive")) == "console-1"
