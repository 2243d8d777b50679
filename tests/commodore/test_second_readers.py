"""Second readers: what another program finds in a file, element by element, must be in the records, or the table in docs says why not."""

from __future__ import annotations

import json
import random
import re
import shutil
import struct
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.artefacts.linux.files import dpkg_files, startup_files
from commodore.artefacts.linux.logs import utmp
from commodore.artefacts.windows.files import mft, prefetch
from commodore.evidence import Evidence
from commodore.host import Host
from scout.formats import crontab
from scout.formats.regf.data import filetime
from tests.conftest import need

_DUMPED = re.compile(r"\[(\d+)\] \[(\d+)\] \[(.{4})\] \[(.*?) *\] \[(.*?) *\] \[(.*?) *\] \[(\S*) *\] \[(\S+)\]")


def test_utmpdump_finds_nothing_that_the_records_lack(tmp_path: Path) -> None:
    """util-linux, utmpdump(1): type, process, id, user, line, host, address and time of each entry."""
    need(shutil.which("utmpdump") is not None, "utmpdump of util-linux")
    chance = random.Random(8)
    raw = b""
    for number in range(60):
        user, line, host = f"u{number}", chance.choice(["pts/3", "tty1", "~"]), chance.choice(["198.51.100.7", "h.example", ""])
        address = bytes((198, 51, 100, number)) + bytes(12) if number % 2 else chance.randbytes(16)
        kind, second = chance.choice([2, 5, 6, 7, 8]), 1_770_000_000 + 60 * number
        parts = (kind, 1000 + number, line.encode(), f"{number:04}".encode(), user.encode(), host.encode(), second, number, address)
        raw += struct.pack("<hxxi32s4s32s256s4x4xIi16s20x", *parts)
    (tmp_path / "wtmp").write_bytes(raw)
    place = {"TZ": "UTC", "PATH": "/usr/bin:/bin"}
    out = subprocess.run(["utmpdump", tmp_path / "wtmp"], capture_output=True, text=True, check=True, env=place)
    theirs = _DUMPED.findall(out.stdout)
    ours = [r.fields for r in utmp.parse(Evidence("/var/log/wtmp", raw), Host("c")) if isinstance(r, Record)]
    assert len(theirs) == len(ours) == 60
    names = {"2": "BOOT_TIME", "5": "INIT_PROCESS", "6": "LOGIN_PROCESS", "7": "USER_PROCESS", "8": "DEAD_PROCESS"}
    for (kind, pid, ident, user, line, host, address, moment), own in zip(theirs, ours, strict=True):
        assert own["escadre.utmp.type"] == names[kind]
        assert [f"{own.get('process.pid', 0):05}", own.get("escadre.utmp.id", ""), own.get("escadre.tty", "")] == [pid, ident, line]
        assert [own.get("user.name", ""), own.get("source.address", "")] == [user, host]
        assert datetime.fromisoformat(own["@timestamp"]) == datetime.fromisoformat(moment.replace(",", "."))
        if not own.get("source.address"):
            assert own.get("source.ip") == address


NEVER = "1601-01-01T00:00:00.000000"
TIMES = {
    "PyMftAttributeX10": ("file.created", "file.mtime", "file.ctime", "file.accessed"),
    "PyMftAttributeX30": ("escadre.mft.fn_created", "escadre.mft.fn_modified", "escadre.mft.fn_changed", "escadre.mft.fn_accessed"),
}


@pytest.mark.filterwarnings("ignore:.*fixup bytes")
@pytest.mark.parametrize("name", ["NIST/DFR-16/$MFT", "xw/$MFT"])
def test_the_rust_reader_finds_nothing_in_a_table_that_the_records_lack(corpus: Path, name: str) -> None:
    """Crate mft: number, path, size and the eight times of each entry that it can read."""
    parser = pytest.importorskip("mft")
    file = corpus / "ntfs/EricZimmerman+MFT/MFT.Test/TestFiles" / name
    need(file.exists(), name)
    read = mft.parse(Evidence("C:\\$MFT", file.read_bytes()), Host("c"))
    ours = {r.fields["file.inode"]: r.fields for r in read if isinstance(r, Record)}
    compared = times = 0
    for entry in parser.PyMftParser(str(file)):
        if isinstance(entry, Exception):
            continue
        own = ours[str(entry.entry_id)]
        path = str(entry.full_path or "").replace("/", "\\")
        paths = {p.removeprefix("C:\\") for p in own.get("escadre.mft.paths", [own.get("file.path", "")])} | {".", "[UNKNOWN]"}
        assert not path or own.get("escadre.mft.path_orphan") or path in paths, (path, paths)
        if "file.size" in own or "escadre.mft.streams" not in own:  # the crate takes the size of any stream
            assert not entry.file_size or own["file.size"] == entry.file_size
        for attribute in entry.attributes():
            content = None if isinstance(attribute, Exception) else attribute.attribute_content
            names = TIMES.get(type(content).__name__)
            if names and (names is TIMES["PyMftAttributeX10"] or content.name == own.get("file.name")):
                moments = (content.created, content.modified, content.mft_modified, content.accessed)
                assert [own.get(n, NEVER)[:26] for n in names] == [f"{m:%Y-%m-%dT%H:%M:%S.%f}" for m in moments]
                times += 1
        compared += 1
    assert compared == len(ours)
    assert times > compared


_FIELDS = (
    "*",
    "*/5",
    "1-5",
    "1,2",
    "0",
    "59",
    "60",
    "24",
    "7",
    "8",
    "jan",
    "MON",
    "*/0",
    "5-1",
    "mon-fri",
    "a",
    "1-5x",
    "*x",
    "31",
    "1,,2",
    "007",
    "+1",
)
_LINES = (
    "A=b",
    "A = b",
    '"A"=b',
    "'A' = 'b'",
    "A=",
    "A= ",
    "=b",
    "A b=c",
    'MAILTO=""',
    "A==b",
    '"A=b',
    'A="b',
    'A="b"c',
    "A='b' ",
    "A=b c",
    "9=1",
)


def test_crontab_of_debian_takes_the_lines_that_are_entries_or_assignments(tmp_path: Path) -> None:
    """crontab(1) -n of Debian's cron 3.0pl1, which uses the grammar of the daemon; each line is a table of its own."""
    need(shutil.which("crontab") is not None and "-n" in _said("crontab", "-h"), "crontab of Debian with a dry run")
    chance = random.Random(17)
    lines = [*_LINES, *(f"@{word} /opt/a" for word in ("reboot", "daily", "Daily", "midnight", "annually", "foo", " daily"))]
    for _ in range(80):
        fields = [chance.choice(_FIELDS[:6]) if chance.random() < 0.8 else chance.choice(_FIELDS) for _ in range(5)]
        blank = chance.choice((" ", "\t", "  "))
        lines.append(chance.choice(("", " ", "\t")) + blank.join([*fields, chance.choice(("/opt/a", "a b", "%x", "*", "# c"))]))
    table = crontab.table_of("/var/spool/cron/crontabs/root", debian=True)
    for line in lines:
        (tmp_path / "t").write_text(f"{line}\n")
        theirs = subprocess.run(["crontab", "-n", tmp_path / "t"], capture_output=True, check=False).returncode == 0
        raw = line.encode()
        ours = crontab.assignment_of(raw.lstrip(b" \t")) is not None or crontab.entry_of(raw, table) is not None
        assert ours is theirs, line


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


SUDOERS = """\
Defaults env_reset, secure_path="/a:/b"
Defaults:alice !authenticate
User_Alias OPS = bob, carol
Cmnd_Alias SHELLS = /bin/sh, \\
    /bin/bash
alice ALL=(ALL:ALL) NOPASSWD: ALL  # a comment
%wheel\tALL = (root) SHELLS, !/bin/id
#1000 h1, h2 = /bin/a : h3 = /bin/b
# dave ALL=(ALL) ALL
OPS, +net ALL=(www-data) NOPASSWD: SETENV: /bin/c -x, (root) /bin/d
"x y" ALL=(ALL) ALL
"""


def test_cvtsudoers_finds_no_rule_that_the_records_lack(tmp_path: Path) -> None:
    """sudo, cvtsudoers(1): the accounts of all user specifications, and the number of defaults and aliases"""
    need(shutil.which("cvtsudoers") is not None, "cvtsudoers of sudo")
    (tmp_path / "sudoers").write_text(SUDOERS)
    read = json.loads(_said("cvtsudoers", "-f", "json", str(tmp_path / "sudoers")))
    lines = [
        r.fields["escadre.settings"][0]
        for r in startup_files.parse(Evidence("/etc/sudoers", SUDOERS.encode()), Host("c", os="linux"))
        if isinstance(r, Record)
    ]
    assert sum(line.startswith("Defaults") for line in lines) == len(read["Defaults"])
    assert sum("_Alias " in line for line in lines) == len(read["User_Aliases"]) + len(read["Command_Aliases"])
    rules = [line for line in lines if not line.startswith("Defaults") and "_Alias " not in line]
    theirs = [{value for one in spec["User_List"] for value in map(str, one.values())} for spec in read["User_Specs"]]
    ours = [{name.strip(' "%#+') for name in re.split(r",\s*", re.match(r'("[^"]*"|(?:[^\s,]+,\s*)*[^\s,]+)', rule)[1])} for rule in rules]
    assert ours == [users for number, users in enumerate(theirs) if number == 0 or users != theirs[number - 1]]


def test_dpkg_query_finds_no_file_or_sum_that_the_records_lack() -> None:
    """dpkg-query(1) of this machine: the sums of each package as it shows them, its list of files, and its files of settings"""
    need(shutil.which("dpkg-query") is not None, "dpkg-query of Debian")
    base = Path("/var/lib/dpkg")
    found = sorted((base / "info").glob("*.md5sums"))[::40]
    assert found
    for file in found:
        package = file.stem
        (own,) = [r.fields for r in dpkg_files.parse(Evidence(str(file), file.read_bytes()), Host("c")) if isinstance(r, Record)] or [{}]
        ours = dict(zip(own.get("escadre.package.files", ()), own.get("escadre.package.md5", ()), strict=True))
        shown = _said("dpkg-query", "--control-show", package, "md5sums").splitlines()
        assert {f"{digest}  {path[1:]}" for path, digest in ours.items()} == set(shown) and len(ours) == len(shown)
        assert set(ours) <= set(_said("dpkg-query", "-L", package).splitlines())
    status = base / "status"
    records = [r.fields for r in dpkg_files.parse(Evidence(str(status), status.read_bytes()), Host("c")) if isinstance(r, Record)]
    pairs = {pair for r in records for pair in zip(r["escadre.package.files"], r["escadre.package.md5"], strict=True)}
    listed = [line.split() for line in _said("dpkg-query", "-W", "-f", "${Conffiles}\\n").splitlines() if line.strip()]
    assert pairs == {(words[0], words[1]) for words in listed if len(words[1]) == 32}


def test_the_structures_of_prefetch_files_hold_nothing_that_the_records_lack(corpus: Path) -> None:
    """SCCA by its specification, read from the bytes: names, times, counters and volumes of each file that is not packed"""
    versions = set()
    for path in sorted((corpus / "prefetch").rglob("*.pf")):
        data = path.read_bytes()
        if data[4:8] != b"SCCA" or len(data) < 300:
            continue
        (own,) = [r.fields for r in prefetch.parse(Evidence(path.name, data), Host("c")) if isinstance(r, Record)] or [None]
        if own is None:
            continue
        version, digest = struct.unpack_from("<I", data, 0)[0], struct.unpack_from("<I", data, 76)[0]
        _, _, _, _, at, size, volumes, number, _ = struct.unpack_from("<9I", data, 84)
        times, runs, wide = {17: ((120, 1), 144, 40), 23: ((128, 1), 152, 104), 26: ((128, 8), 208, 104)}[version]
        wanted = struct.unpack_from(f"<{times[1]}Q", data, times[0])
        assert own["process.name"] == data[16:76].decode("utf-16-le", "ignore").partition("\0")[0]
        assert own["escadre.prefetch.hash"] == f"{digest:08X}"
        assert own["escadre.prefetch.run_count"] == struct.unpack_from("<I", data, runs)[0]
        assert own["escadre.prefetch.run_times"] == [filetime(one) for one in wanted if one]
        assert own["escadre.prefetch.files"] == [one for one in data[at : at + size].decode("utf-16-le").split("\0") if one]
        for place in range(number):
            name, length, created, serial = struct.unpack_from("<IIQI", data, volumes + place * wide)
            name += volumes
            assert own["volume.nt_name"][place] == data[name : name + 2 * length].decode("utf-16-le")
            assert own["volume.serial_number"][place] == f"{serial:08X}"
            assert own["escadre.prefetch.volume_created"][place] == filetime(created)
        assert len(own["volume.nt_name"]) == number
        versions.add(version)
    assert versions == {17, 23, 26}
