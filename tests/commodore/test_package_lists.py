"""Databases of rpm, apk and pacman: what rpm itself wrote, Berkeley DB's own loader, and bytes by the documentation; hostile ones end."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import struct
import zlib
from pathlib import Path

import pytest

from scout.collecting.package_owners import PackageOwners
from scout.formats.packages import apk, pacman, rpm
from scout.formats.rpm_database import files, headers
from scout.sources.directory import DirectorySource
from scout.sources.timed_calls import TimedCalls
from tests.commodore.cases import commodore, records
from tests.rpm_log import in_log

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "rpm_files" / "input"
SQLITE = (GOLDEN / "usr/lib/sysimage/rpm/rpmdb.sqlite").read_bytes()
BERKELEY = (GOLDEN / "var/lib/rpm/Packages").read_bytes()
DUMPED = {
    "/etc/alpha.d/alpha.conf": "85b6a3526d415348aa564d115fbc41bda350572cbcd6d2bcaef1fabddecad1ac",
    "/etc/beta.d/beta.conf": "8032ebb2275bae4fc9d00a2b8d170a62e00166364baa7a66d749852051fd8fd8",
    "/usr/bin/alpha": "ce5856011b7fefcf92f5a1a10eebf316026b4800e48990a6dddf94b78ea6a675",
    "/usr/bin/beta": "79d27ddb596cf9f0c12cb286e0ba59f0964a5d76de4f801730d773405c5cff68",
    "/usr/lib/systemd/system/alpha.service": "4306e4073c5ea465c15beefc682c240cc8943e72650128175b10af7de50f9dc1",
    "/usr/lib/systemd/system/beta.service": "649450b62ec86f84c20392a2770976cad03469aaeb05d1ed7045593bdf9cf659",
}
"""Regular files that are on the disk, as `rpm -qa --dump` of rpm 4.18 printed them for this database"""
OWNED = {*DUMPED, "/etc/alpha.d", "/etc/beta.d", "/usr/bin/alpha-link", "/usr/bin/beta-link", "/var/log/alpha.log", "/var/log/beta.log"}


def ndb(blobs: list[bytes]) -> bytes:
    """Write `Packages.db`: header, one page of slots, blobs of blocks of 16 bytes."""
    slots, body, at = b"", b"", 256
    for number, blob in enumerate(blobs, 1):
        whole = struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
        whole += bytes(-(len(whole) + 12) % 16) + struct.pack("<II4s", zlib.adler32(blob), len(blob), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", number, at, len(whole) // 16)
        body, at = body + whole, at + len(whole) // 16
    head = struct.pack("<4sIII", b"RpmP", 0, 1, 1) + bytes(16)
    return (head + slots + struct.pack("<4sIII", b"Slot", 0, 0, 0) * 64).ljust(4096, b"\0") + body


FORMATS = {"sqlite": SQLITE, "berkeley": BERKELEY, "ndb": ndb(list(headers(SQLITE)))}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_the_database_says_what_rpm_says(form: str) -> None:
    content = FORMATS[form]
    assert {one.path: one.digest for one in rpm.brought("", content)} == DUMPED
    assert {path for path, _ in rpm.owned("", content)} == OWNED
    assert {one.path for one in rpm.brought("", content) if one.settings} == {"/etc/alpha.d/alpha.conf", "/etc/beta.d/beta.conf"}
    assert [one.package for one in rpm.listed("", content, {"/usr/bin/beta"})] == ["beta"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_database_ends_without_an_error_and_a_cut_one_says_so(form: str) -> None:
    content = FORMATS[form]
    for cut in range(0, len(content), len(content) // 97):
        notes: list[str] = []
        read = {one.path: one.digest for one in rpm.brought("", content[:cut], notes.append)}
        assert notes or read == DUMPED, f"cut at {cut}"
        changed = bytearray(content)
        changed[cut : cut + 8] = b"\xff" * 8
        list(rpm.brought("", bytes(changed)))
        list(rpm.owned("", bytes(changed)))


def test_a_view_in_place_of_the_table_and_an_endless_one_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rpmdb.sqlite"
    database = sqlite3.connect(path)
    database.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS hnum, i AS blob FROM n"
    )
    database.commit()
    database.close()
    assert list(headers(path.read_bytes())) == []


def test_a_small_header_cannot_name_endless_paths() -> None:
    folder, count = b"/" + b"a" * 1_000_000, 60_000
    texts = b"".join(b"x\0" for _ in range(count))
    data = folder + b"\0" + texts
    data += bytes(-len(data) % 4)
    indexes = len(data)
    data += bytes(4 * count)
    entries = [(1118, 8, 0, 1), (1117, 8, len(folder) + 1, count), (1116, 4, indexes, count)]
    header = struct.pack(">II", len(entries), len(data)) + b"".join(struct.pack(">IIII", *one) for one in entries) + data
    assert list(files(header)) == []


def host(root: Path, database: dict[str, bytes], content: dict[str, bytes]) -> Path:
    base = {"etc/hostname": b"srv1\n", "etc/os-release": b"ID=fedora\n"}
    for path, data in (base | database | content).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def _apk(path: str, content: bytes) -> dict[str, bytes]:
    import base64

    folder, _, name = path.rpartition("/")
    digest = base64.b64encode(hashlib.sha1(content).digest()).decode()
    return {"lib/apk/db/installed": f"P:alpha\nV:1\nF:{folder}\nR:{name}\nZ:Q1{digest}\n\n".encode()}


def _pacman(path: str, content: bytes) -> dict[str, bytes]:
    line = f"#mtree\n./{path} time=1.0 size=9 sha256digest={hashlib.sha256(content).hexdigest()}\n"
    return {"var/lib/pacman/local/alpha-1-1/mtree": gzip.compress(line.encode(), mtime=0)}


PROGRAM = b"inert program alpha\n"
SYSTEMS = {
    "rpm": {"usr/lib/sysimage/rpm/rpmdb.sqlite": SQLITE},
    "old rpm": {"var/lib/rpm/Packages": BERKELEY},
    "apk": _apk("usr/bin/alpha", PROGRAM),
    "pacman": _pacman("usr/bin/alpha", PROGRAM),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_replaced_program_of_a_package_is_found_and_an_unmodified_one_is_known(system: str, tmp_path: Path) -> None:
    same = host(tmp_path / "same" / "srv1", SYSTEMS[system], {"usr/bin/alpha": PROGRAM})
    assert commodore("process", same, "-o", tmp_path / "a").returncode == 0
    assert [(r["package.name"], r["escadre.package.state"]) for r in records(tmp_path / "a", "package_files")] == [("alpha", "unmodified")]
    changed = host(tmp_path / "changed" / "srv1", SYSTEMS[system], {"usr/bin/alpha": PROGRAM + b"x"})
    assert commodore("process", changed, "-o", tmp_path / "b").returncode == 0
    found = [json.loads(line) for line in commodore("findings", tmp_path / "b", "--json").stdout.splitlines()]
    assert [(f["rule.id"], f["escadre.severity"]) for f in found if f["rule.id"] == "L052"] == [("L052", "high")]


def test_digests_of_another_length_are_none() -> None:
    assert list(apk.brought("", b"P:a\nF:bin\nR:x\nZ:Q1AAAA\n")) == []
    assert list(pacman.brought("var/lib/pacman/local/a-1-1/mtree", b"no gzip")) == []


def test_packages_that_only_the_log_of_a_database_has_are_read(tmp_path: Path) -> None:
    content, log = in_log(SQLITE, tmp_path)
    assert not list(rpm.brought("", content))
    assert {one.path: one.digest for one in rpm.brought("", rpm.merged(content, log))} == DUMPED
    notes: list[str] = []
    assert (rpm.merged(content, b"x" * 40, notes.append), len(notes)) == (content, 1)
    root = host(tmp_path / "srv1", {"var/lib/rpm/rpmdb.sqlite": content, "var/lib/rpm/rpmdb.sqlite-wal": log}, {"usr/bin/x": PROGRAM})
    assert commodore("process", root, "-o", tmp_path / "case").returncode == 0
    assert {r["package.name"] for r in records(tmp_path / "case", "rpm_files")} == {"alpha", "beta"}
    assert PackageOwners(DirectorySource(root), TimedCalls(0), lambda _: None).of("/usr/bin/beta") == "beta"
