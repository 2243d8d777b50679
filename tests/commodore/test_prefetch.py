"""Prefetch: every file of the corpus gives what independent readers measured; broken ones are lines of the ledger."""

from __future__ import annotations

import json
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commodore.artefact import Record
from commodore.artefacts.windows.files import prefetch
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.sentence import sentence
from fixtures.windows.prefetch import build
from scout.formats.regf.data import filetime


def run(data, name="X.EXE-00000000.pf"):
    out = list(prefetch.parse(Evidence(f"C:\\Windows\\Prefetch\\{name}", data), Host("c")))
    return [r.fields for r in out if isinstance(r, Record)], [p for p in out if not isinstance(p, Record)]


def test_every_file_of_the_corpus_says_what_was_measured(corpus):
    versions, read = set(), 0
    for truth in json.loads((corpus / "truth-shared/prefetch_stats.json").read_text()):
        path = corpus / truth["path"]
        if not path.exists():  # files with the same bytes stand once in the corpus
            continue
        records, problems = run(path.read_bytes(), path.name)
        if "error" in truth:
            assert not records
            assert len(problems) == 1
            continue
        (fields,) = records
        assert not problems
        assert {
            "version": int(fields["escadre.format"]),
            "exe": fields["process.name"],
            "hash": fields["escadre.prefetch.hash"],
            "run_count": fields["escadre.prefetch.run_count"],
            "filenames": len(fields["escadre.prefetch.files"]),
            "volumes": len(fields["volume.nt_name"]),
        } == {k: truth[k] for k in ("version", "exe", "hash", "run_count", "filenames", "volumes")}, path.name
        created = len(fields.get("escadre.prefetch.volume_created", ()))
        timeless = path.name == "VBOXWINDOWSADDITIONS-AMD64.EX-85C5A15E.pf"  # the first of its two volumes has the time 0
        assert created + timeless == len(fields["volume.nt_name"]) == len(fields["volume.serial_number"])
        assert fields["escadre.prefetch.run_times"] == [filetime(t) for t in truth["last_run_filetimes"] if t]
        assert fields["@timestamp"] == fields["escadre.prefetch.run_times"][0]
        versions.add(truth["version"])
        read += 1
    assert versions == {17, 23, 26, 30, 31}
    assert read >= 320


def test_plasos_expected_events(corpus):
    tests = json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
    checked = 0
    for test in tests:
        if "winprefetch" not in test["test"] or not test["on_disk"] or not (corpus / test["on_disk"][0]).exists():
            continue
        (fields,), _ = run((corpus / test["on_disk"][0]).read_bytes())
        run_event = next(e for e in test["events"] if e["data_type"] == "windows:prefetch:execution")
        assert fields["process.name"] == run_event["executable"]
        if "last_run_time" in run_event:
            times = [run_event["last_run_time"], *run_event.get("previous_run_times", [])]
            assert fields["escadre.prefetch.run_times"][: len(times)] == [t.replace("+00:00", "Z") for t in times]
        if "run_count" in run_event:
            assert fields["escadre.prefetch.run_count"] == run_event["run_count"]
        if "prefetch_hash" in run_event:
            assert int(fields["escadre.prefetch.hash"], 16) == run_event["prefetch_hash"]
        if "volume_device_paths" in run_event:
            assert fields["volume.nt_name"] == run_event["volume_device_paths"]
            assert [int(s, 16) for s in fields["volume.serial_number"]] == run_event["volume_serial_numbers"]
        volume = next((e for e in test["events"] if e["data_type"] == "windows:volume:creation" and "creation_time" in e), None)
        if volume:
            assert volume["creation_time"].replace("+00:00", "Z") in fields["escadre.prefetch.volume_created"]
        checked += 1
    assert checked >= 5


def test_artemis_own_assertions(corpus):
    path = next((corpus / "prefetch/puffyCid+artemis").rglob("_IU14D2N.TMP-136252D4.pf"))
    (fields,), _ = run(path.read_bytes())
    tests = json.loads((corpus / "truth-shared/artemis_expected.json").read_text())["tests"]
    asserts = " ".join(next(t for t in tests if t["test"] == "test_parse_prefetch")["asserts"])
    assert f"results.run_count, {fields['escadre.prefetch.run_count']}" in asserts
    assert all(t[:23] + "Z" in asserts for t in fields["escadre.prefetch.run_times"])
    assert f"results.accessed_files_count, {len(fields['escadre.prefetch.files'])}" in asserts
    assert fields["volume.serial_number"][0] in asserts


def test_a_program_that_never_ran_has_no_timestamp_but_a_sentence():
    (fields,), _ = run(build("A.EXE", 1, 0, 0, ["\\DEVICE\\HARDDISKVOLUME1\\A.EXE"]))
    assert "@timestamp" not in fields
    assert sentence(prefetch.ARTEFACT.message)(fields) == "A.EXE ran 0 times; the file holds no time of a run."
    assert fields["process.executable"] == "\\DEVICE\\HARDDISKVOLUME1\\A.EXE"


@pytest.mark.parametrize(
    ("data", "reason", "lost"),
    [
        (b"", "empty file", 0),
        (b"MZ" * 50, "cannot be read", 1),
        (b"MAM\x04" + pack("<I", 0x7FFFFFFF) + bytes(100), "claims 2147483647 bytes", 1),
        (b"MAM\x04" + pack("<I", 1000) + bytes(100), "cannot be read", 1),
        (pack("<I4s", 99, b"SCCA") + bytes(300), "cannot be read", 1),
    ],
)
def test_what_is_no_prefetch_file_is_one_problem(data, reason, lost):
    records, problems = run(data)
    assert not records
    assert [(reason in p.reason, p.lost) for p in problems] == [(True, lost)]


WHOLE = build("WH.EXE", 2, 134_000_000_000_000_000, 3, ["\\DEVICE\\HARDDISKVOLUME1\\WH.EXE"] * 4)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=12), st.integers(0, len(WHOLE)))
def test_damage_never_raises(flips, end):
    data = bytearray(WHOLE)
    for at, value in flips:
        data[at] = value
    records, problems = run(bytes(data[:end]))
    assert len(records) <= 1
    assert records or problems
    for fields in records:
        assert len(fields["escadre.prefetch.files"]) <= prefetch.MAX_FILES
        json.dumps(fields).encode()
