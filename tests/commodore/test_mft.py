"""$MFT: every entry is a record; paths are right or marked; counts and paths agree with the Rust reader and with measured truths."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import mft_table
from mft_table import TICKS, entry, far, name, standard, table

from commodore.artefact import Record
from commodore.artefacts.windows.files import mft
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.schema import registry
from scout.formats.regf.data import filetime

HOST = Host("c")
XW = "ntfs/EricZimmerman+MFT/MFT.Test/TestFiles/xw/$MFT"
NIST = "ntfs/EricZimmerman+MFT/MFT.Test/TestFiles/NIST/DFR-16/$MFT"


DAMAGED = "{} entries in use hold what cannot be, or sectors of another write (fixups): `escadre.mft.damaged` marks them"


def parsed(data, source="C:\\$MFT"):
    out = list(mft.parse(Evidence(source, data), HOST))
    return {int(r.locator): r for r in out if isinstance(r, Record)}, [p for p in out if not isinstance(p, Record)]


@pytest.fixture(scope="module")
def small():
    return parsed(mft_table.small())


def path(records, number):
    return records[number].fields.get("file.path")


def test_paths_are_built_through_folders_that_lie_anywhere(small):
    records, _ = small
    assert path(records, 0) == "C:\\$MFT"
    assert path(records, 5) == "C:\\"
    assert path(records, 26) == "C:\\Users\\Public\\Programm für alle.exe"
    assert records[26].fields["file.directory"] == "C:\\Users\\Public"
    assert records[26].fields["file.extension"] == "exe"
    assert records[0].fields["file.directory"] == "C:\\"
    late = {5: entry(name(".", space=3), flags=3, sequence=5), 6: entry(name("x", 9, 1)), 9: entry(name("late", 5, 5), flags=3)}
    assert path(parsed(table(late))[0], 6) == "C:\\late\\x"
    assert path(parsed(table(late), "/mnt/$MFT")[0], 6) == "\\late\\x"


def test_hard_links_give_all_their_paths_and_short_names_none(small):
    records, _ = small
    assert records[27].fields["escadre.mft.paths"] == ["C:\\Users\\a.txt", "C:\\Users\\Public\\b.txt"]
    assert "escadre.mft.paths" not in records[26].fields


def test_a_file_keeps_the_path_of_its_deleted_folder_and_an_orphan_says_that_it_is_one(small):
    records, _ = small
    assert (records[29].state, path(records, 29)) == ("deleted", "C:\\Users\\gone\\child.doc")
    assert path(records, 30) == "?\\lost.doc"
    assert records[30].fields["escadre.mft.path_orphan"] is True
    assert "escadre.mft.path_orphan" not in records[29].fields


def test_folders_in_a_circle_end(small):
    records, _ = small
    assert path(records, 39).startswith("?\\")
    assert records[39].fields["escadre.mft.path_orphan"] is True


def test_sizes_streams_and_residency(small):
    fields = {n: r.fields for n, r in small[0].items()}
    assert (fields[26]["file.size"], fields[26]["escadre.mft.resident"]) == (8, True)
    assert fields[26]["escadre.mft.streams"] == ["Zone.Identifier", "hidden.bin"]
    assert fields[26]["file.attributes"] == ["hidden", "archive"]
    assert (fields[27]["file.size"], fields[27]["escadre.mft.resident"]) == (123_456_789_012, False)
    assert fields[36]["file.size"] == 0
    assert "file.extension" not in fields[36]


def test_what_an_extension_entry_holds_belongs_to_its_base(small):
    fields = {n: r.fields for n, r in small[0].items()}
    assert (fields[31]["file.path"], fields[31]["file.size"]) == ("C:\\Users\\Public\\scattered.bin", 9_999)
    assert fields[32]["escadre.mft.base_entry"] == 31


@pytest.mark.parametrize(
    ("flags", "sequence", "named", "joined"),
    [
        (1, 5, 5, True),
        (1, 5, 4, False),  # left by the file that had entry 30 before
        (0, 5, 4, True),  # entry 30 was freed, which counted it up
        (0, 5, 3, False),
        (0, 1, 65535, True),  # counted up over the end
        (1, 1, 65535, False),
    ],
)
def test_an_extension_of_an_earlier_life_of_the_entry_lends_it_nothing(flags, sequence, named, joined):
    base = entry(standard(0), name("innocent.txt", 5, 5), flags=flags, sequence=sequence)
    extension = entry(name("old.docx", 5, 5), far(0x80, 7_777), far(0x80, 9, "ads"), base=mft_table.reference(30, named))
    root = entry(standard(6), name(".", space=3), flags=3, sequence=5)
    fields = {str(n): r.fields for n, r in parsed(table({5: root, 30: base, 31: extension}))[0].items()}
    assert fields["30"]["file.path"] == "C:\\innocent.txt"
    assert (fields["30"].get("file.size"), fields["30"].get("escadre.mft.streams")) == ((7_777, ["ads"]) if joined else (None, None))
    assert ("escadre.mft.paths" in fields["30"]) == joined
    assert (fields["31"]["escadre.mft.base_entry"], fields["31"]["escadre.mft.base_sequence"]) == (30, named)


def test_an_extension_of_the_table_itself_is_one():
    """Its base is entry 0: the sequence number alone tells it from an entry that extends none."""
    own = entry(standard(6), name("$MFT", 5, 5), far(0x80, 4096))
    records = parsed(table({0: own, 1: entry(far(0x80, 0, first=7), base=mft_table.reference(0, 1))}))[0]
    assert (records[1].fields["escadre.mft.base_entry"], records[1].fields["escadre.mft.base_sequence"]) == (0, 1)
    assert "escadre.mft.base_entry" not in records[0].fields and records[0].fields["file.size"] == 4096


@pytest.mark.parametrize(("sequence", "found"), [(5, "C:\\x"), (4, "?\\x")])
def test_a_reference_to_the_root_has_its_sequence_number_too(sequence, found):
    root = entry(standard(6), name(".", space=3), flags=3, sequence=5)
    assert path(parsed(table({5: root, 6: entry(name("x", 5, sequence))}))[0], 6) == found


def test_all_eight_times_are_there_in_full_precision_and_zero_is_none(small):
    fields = small[0][25].fields
    standard_times = [fields[f] for f in ("file.created", "file.mtime", "file.ctime", "file.accessed")]
    assert standard_times == [filetime(TICKS + 100 + i) for i in range(4)]
    names = [f"escadre.mft.fn_{what}" for what in ("created", "modified", "changed", "accessed")]
    assert [fields[f] for f in names] == [filetime(TICKS + i) for i in range(4)]
    assert fields["@timestamp"] == fields["file.created"]
    never = small[0][36].fields
    assert "file.created" not in never
    assert "@timestamp" not in never


def test_wrecks_are_records_or_lines_of_the_ledger(small):
    records, problems = small
    assert records[33].fields["escadre.mft.damaged"] is True
    assert [(p.reason, p.lost) for p in problems] == [
        ("entry 40 is cut: 300 of 1024 bytes", 1),
        ("1 entries are neither FILE nor BAAD nor empty", 0),
        (DAMAGED.format(sum(record.state == "allocated" and "escadre.mft.damaged" in record.fields for record in records.values())), 0),
    ]
    data = mft_table.small()
    assert mft.expected(Evidence("C:\\$MFT", data)) == len(records) + 1
    torn = bytearray(entry(standard(), name("torn")))
    torn[1022:1024] = b"\xff\xff"
    assert parsed(bytes(torn))[0][0].fields["escadre.mft.damaged"] is True


def test_entries_of_four_kibibytes_are_read_as_such():
    data = table({0: entry(standard(), name("$MFT"), size=4096), 2: entry(standard(), name("second"), size=4096)}, size=4096)
    records, problems = parsed(data)
    assert list(records) == [0, 2]
    assert not problems


@pytest.mark.parametrize("file", [XW, NIST])
def test_counts_are_those_that_were_measured(corpus, file):
    truth = next(t for t in json.loads((corpus / "truth-shared/ntfs_stats.json").read_text())["mft"] if t["path"] == file)
    data = (corpus / file).read_bytes()
    records, problems = parsed(data)
    assert len(records) == mft.expected(Evidence("C:\\$MFT", data)) == truth["mft_crate_ok"] + truth["mft_crate_err"]
    flags = [int.from_bytes(data[n * 1024 + 22 : n * 1024 + 24], "little") for n in records if data[n * 1024 : n * 1024 + 4] == b"FILE"]
    assert sum(f & 1 for f in flags) == truth["in_use"]
    good = {n: r for n, r in records.items() if data[n * 1024 : n * 1024 + 4] == b"FILE"}
    assert Counter(r.state for r in good.values()) == Counter(allocated=truth["in_use"], deleted=truth["not_in_use"]) - Counter(deleted=0)
    assert sum(r.fields["file.type"] == "dir" for r in good.values()) == truth["directories"]
    assert sum("escadre.mft.base_entry" not in r.fields for r in good.values()) == truth["base_records"]
    assert not problems


def compare_with_rust(file, records):
    """Paths, sizes, sequence numbers, and times to the microsecond, of sound entries in use. Gives (compared, differences)."""
    import mft as rust

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = {e.entry_id: e for e in rust.PyMftParser(str(file)).entries()}
    compared, different = 0, []
    for number, record in records.items():
        e, f = theirs.get(number), record.fields
        if e is None or record.state != "allocated" or "escadre.mft.damaged" in f or "escadre.mft.base_entry" in f or number == 5:
            continue
        compared += 1
        assert e.sequence == f["escadre.mft.sequence"]  # its link count is 0 for every entry, the bytes at offset 18 say otherwise
        si = next((a.attribute_content for a in e.attributes() if a.type_code == 0x10), None)
        if si is not None:
            for mine, other in (("file.created", si.created), ("file.mtime", si.modified), ("file.accessed", si.accessed)):
                expected = f"{other:%Y-%m-%dT%H:%M:%S.%f}" if other.year > 1601 else None  # FILETIME 0 is no time
                assert f.get(mine, "")[:26] == (expected or ""), number
        paths = {p[3:].replace("\\", "/") for p in f.get("escadre.mft.paths", [f.get("file.path", "")])}
        if e.full_path not in paths and "UNKNOWN" not in (e.full_path or "").upper():
            different.append((number, e.full_path, paths))
    return compared, different


@pytest.mark.parametrize("file", [XW, NIST])
def test_paths_and_times_agree_with_the_rust_reader(corpus, file):
    compared, different = compare_with_rust(corpus / file, parsed((corpus / file).read_bytes())[0])
    assert compared > 100
    assert different == []


@pytest.mark.slow
def test_the_windows_7_table_agrees_too_and_no_two_files_share_a_path(corpus):
    """60,416 entries. The one path that differs is a short name of a hard link, which the Rust reader prefers there."""
    packed = corpus / "ntfs/DFIR-ORC+dfir-orc/tests/OrcLibTest/usn_journal/win7.7z"
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "mft_win7"
        unpack(packed, folder)
        truth = json.loads((corpus / "truth-shared/ntfs_stats.json").read_text())["mft"][0]
        records, problems = parsed(unpacked.read_bytes())
        assert not problems
        assert Counter(r.state for r in records.values()) == Counter(allocated=truth["in_use"], deleted=truth["not_in_use"])
        compared, different = compare_with_rust(unpacked, records)
        assert compared > 59_000
        assert [d[0] for d in different if d[0] != 17152] == []
        paths = Counter(
            p
            for r in records.values()
            if r.state == "allocated" and "escadre.mft.base_entry" not in r.fields
            for p in r.fields.get("escadre.mft.paths") or [r.fields.get("file.path")]
            if p
        )
        assert [p for p, n in paths.items() if n > 1] == []


def unpack(packed, folder):
    import py7zr

    with py7zr.SevenZipFile(packed) as archive:
        archive.extractall(folder)


SMALL = mft_table.small()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), max_size=60), st.integers(0, len(SMALL)))
def test_damage_never_raises_and_every_signature_is_a_record_or_lost(flips, end):
    data = bytearray(SMALL)
    for at, value in flips:
        data[at] = value
    data = bytes(data[:end])
    records, problems = parsed(data)
    assert mft.expected(Evidence("C:\\$MFT", data)) == len(records) + sum(p.lost for p in problems)
    known = registry()
    for record in records.values():
        for key, value in record.fields.items():
            assert isinstance(value, list) == known[key].many
            if known[key].type == "long":
                assert 0 <= value < 1 << 63


def test_random_bytes_never_raise():
    for seed in range(20):
        data = b"FILE0\0" + os.urandom(3000 + seed)
        parsed(data)


def test_the_windows_7_table_goes_through_a_worker_that_may_take_little_memory(corpus, tmp_path):
    """60,416 records, 100 MB of lines: what a worker keeps of them must not grow with their number."""
    from commodore.engine.process import process

    packed = corpus / "ntfs/DFIR-ORC+dfir-orc/tests/OrcLibTest/usn_journal/win7.7z"
    host = tmp_path / "PC"
    unpack(packed, host)
    (host / "mft_win7").rename(host / "$MFT")
    (host / "usnjrnl_win7").unlink()
    (host / "vbr_win7").unlink()
    summary = process([host], tmp_path / "case", memory=320 << 20)
    assert summary.unreproducible == []
    assert summary.hosts[0]["records"]["mft"] == 60_416


def test_entries_that_differ_from_their_copy_are_named():
    data = mft_table.small()
    assert not parsed_with_mirror(data, data[:4096])
    edited = bytearray(data[:4096])
    edited[2 * 1024 + 300] ^= 1
    assert [(p.locator, "$MFTMirr" in p.reason) for p in parsed_with_mirror(data, bytes(edited))] == [("2", True)]
    assert [p.locator for p in parsed_with_mirror(data, data[:1500])] == ["1"]


def parsed_with_mirror(data, mirror):
    evidence = Evidence("C:\\$MFT", data, companions={"mirror": Evidence("C:\\$MFTMirr", mirror)})
    return [p for p in mft.parse(evidence, HOST) if not isinstance(p, Record) and "Mirr" in p.reason]
