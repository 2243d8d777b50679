"""The index on disk: incremental, deletable, crash-safe, versioned; and the command line over it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys

import pytest
import zstandard

from commodore.case.lock import alone
from eye.index import apart, build, joined
from eye.index.build import folder_name, index, outdated
from eye.index.store import Store
from eye.listing import listing
from scout.console import Complaint
from tests.conftest import ROOT, need
from tests.eye.conftest import LOGS, read_lines


def eye(*arguments, **more):
    return subprocess.run([sys.executable, "-m", "eye.cli", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, **more)


def test_only_what_has_changed_is_built_again(case):
    first = index(case)
    again = index(case)
    assert first.built == first.parts > 1 and (again.built, again.records) == (0, first.records)
    one = sorted((case / "records").glob("evtx/*.zst"))[0]
    os.utime(one, (1, 1))
    assert index(case).built == 1
    one.unlink()
    less = index(case)
    assert (less.dropped, less.parts) == (1, first.parts - 1) and less.records < first.records


def test_a_deleted_or_damaged_index_is_built_again_with_the_same_answers(case):
    index(case)
    before = eye("search", case, "powershell", "--json").stdout
    shutil.rmtree(case / "index")
    assert eye("search", case, "powershell", "--json").stdout == before
    segment = next((case / "index").glob("v*/*.store"))
    segment.write_bytes(segment.read_bytes()[:-300])
    again = eye("search", case, "powershell", "--json")
    assert again.stdout == before and before and "is damaged" in again.stderr and segment.name in again.stderr
    for damage in (lambda f: f.unlink(), lambda f: f.write_text("{")):
        damage(next((case / "index").glob("v*/meta.json")))
        again = eye("search", case, "powershell", "--json")
        assert again.stdout == before and ("damaged" in again.stderr or "no index yet" in again.stderr)


def test_an_index_of_another_version_is_named_and_replaced(case):
    first = index(case)
    (case / "index" / folder_name()).rename(case / "index" / "v99-0123456789ab")
    assert "another version" in outdated(case)
    assert index(case).built == first.built and [f.name for f in (case / "index").iterdir() if f.is_dir()] == [folder_name()]


HELD = """
import sys
import eye.index.build as i
import eye.index.dictionary as d

def hold(*_, **__):
    print("held", flush=True)
    sys.stdin.readline()

case, at = sys.argv[1:3]
if at == "records":
    i.index(case, progress=hold)
elif at == "dictionary":
    d.write = hold
    i.index(case)
else:
    i.shutil.rmtree = hold
    i.index(case)
"""
"""A real index run that stops at a place of its work until its stdin is closed."""


def answer(case):
    store = Store(case, build=False)
    found = list(store.lines(store.ask("powershell")))
    store.close()
    return found


@contextlib.contextmanager
def held(case, at="records"):
    """Such a run, once it stands there."""
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(case), at], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as running:
        try:
            assert running.stdout.readline() == "held\n"
            yield running
        finally:
            running.kill()


def test_a_second_run_waits_for_the_first_and_finds_its_work_done(case):
    with held(case) as first:
        others = [
            subprocess.Popen([sys.executable, "-m", "eye.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
            for words in (("index", str(case), "--json"), ("search", str(case), "powershell", "--json"))
        ]
        said = [others[0].stderr.readline(), others[1].stderr.readline() + others[1].stderr.readline()]
        assert all(f"Another eye (process {first.pid}) is indexing {case}: waiting" in told for told in said)
        assert "has no index yet" in said[1] and [other.poll() for other in others] == [None, None]
        first.stdin.close()
        assert first.wait() == 0
        (indexed, more), (searched, rest) = (other.communicate() for other in others)
    built = json.loads(indexed)
    assert [other.returncode for other in others] == [0, 0] and (more, rest) == ("", "")
    assert built["built"] == 0 and built["parts"] > 1 and searched == eye("search", case, "powershell", "--json").stdout != ""


def test_an_index_that_is_up_to_date_is_searched_while_it_is_locked_and_where_nothing_can_be_written(case):
    index(case)
    with alone(case / "index" / ".lock"):
        found = eye("search", case, "powershell", "--json", timeout=60)
    assert (found.returncode, found.stderr) == (0, "") and found.stdout


@pytest.mark.parametrize("at", ["records", "dictionary", "folders"])
def test_a_run_that_is_killed_leaves_no_lock_and_a_case_whose_next_index_is_whole(case, at):
    """Killed while it adds the changed records, after the commit and before the words, and before an old version is removed."""
    first, expected = index(case), answer(case)
    changed = sorted(case.glob("records/*/*.zst"))
    for file in changed:
        os.utime(file, (1, 1))
    (case / "index" / "v1-old").mkdir()
    with held(case, at) as running:
        running.kill()
    assert answer(case) == expected != []
    again = eye("index", case, "--json")
    done = json.loads(again.stdout)
    assert (again.returncode, again.stderr, done["records"]) == (0, "", first.records)
    assert done["built"] == (len(changed) if at == "records" else 0)
    assert (
        answer(case) == expected and not (case / "index" / "v1-old").exists() and eye("search", case, "*owershel*", "--count").stdout != "0"
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a small file system is mounted")
@pytest.mark.parametrize("size", ["100k", "1m"])
def test_a_full_disk_is_said_in_one_line(case, size):
    (case / "index").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(case / "index")], capture_output=True)
    need(mounted.returncode == 0, "a mount of its own")
    try:
        told = eye("index", case)
    finally:
        subprocess.run(["umount", str(case / "index")], check=True)
    assert told.returncode == 3 and f"{case / 'index'}" in told.stderr and "cannot be written" in told.stderr
    assert len(told.stderr.splitlines()) == 2 and told.stdout == ""
    assert index(case).parts > 1


def test_processes_read_while_another_adds_a_host_and_see_the_old_or_the_new_state(case):
    whole = index(case).records
    one = sorted((case / "records").glob("evtx/*.zst"))[0]
    kept = one.read_bytes()
    one.unlink()
    without = index(case).records
    one.write_bytes(kept)
    reader = Store(case, build=False)
    with held(case) as running:
        assert Store(case, build=False).records == without and len(list(reader.lines(reader.ask("*")))) == without
        running.stdin.close()
        assert running.wait() == 0
    assert len(list(reader.lines(reader.ask("*")))) == without and Store(case, build=False).records == whole > without


def test_search_prints_lines_of_the_case_as_json_and_counts_on_stderr(made, records):
    found = eye("search", made, "event.code:4688", "--json")
    expected = [r for r in records if r.get("event.code") == "4688"]
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.returncode == 0 and sorted(r["escadre.id"] for r in lines) == sorted(r["escadre.id"] for r in expected)
    assert len(eye("search", made, "event.code:4688", "--json", "--limit", "3").stdout.splitlines()) == 3
    told = eye("search", made, "event.code:4688", "--limit", "2")
    assert len(told.stdout.splitlines()) == 2 and f"{len(expected):,} hits" in told.stderr


def test_no_hit_is_a_result_and_a_wrong_query_is_wrong_use(made, tmp_path):
    nothing = eye("search", made, "zzzznothing", "--json")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    wrong = eye("search", made, "powershell AND")
    assert wrong.returncode == 2 and "character 15" in wrong.stderr and "Traceback" not in wrong.stderr
    absent = eye("search", tmp_path / "nowhere", "x")
    assert absent.returncode == 2 and "is not there" in absent.stderr
    assert eye("search", tmp_path, "x").returncode == 2


def test_an_empty_case_is_searched_and_found_empty(tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "case.json").write_text("{}")
    assert eye("search", tmp_path, "x", "--json").returncode == 0
    assert json.loads(eye("index", tmp_path, "--json").stdout)["records"] == 0


def tear(case):
    """Cut a file of records in its second frame, and put a line that is no record into another. Return both and the lines that are left."""
    torn, spoilt = sorted((case / "records").glob("evtx/*.zst"))[:2]
    lines = zstandard.ZstdDecompressor().stream_reader(torn.open("rb"), read_across_frames=True).read().splitlines(keepends=True)
    half = len(lines) // 2
    pack = zstandard.ZstdCompressor(3).compress
    torn.write_bytes(pack(b"".join(lines[:half])) + pack(b"".join(lines[half:]))[:20])  # of which no block is whole
    spoilt.write_bytes(pack(b'{"escadre.id": "x", "message": "before"}\n{"broken\n[1]\n{"escadre.id": "y", "message": "after"}\n'))
    return torn, spoilt, half


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode of a folder")
def test_only_the_owner_enters_the_index_whatever_the_umask_is(case):
    old = os.umask(0)
    try:
        shutil.rmtree(case / "index", ignore_errors=True)
        index(case)
    finally:
        os.umask(old)
    assert {
        path.name: oct(path.stat().st_mode & 0o777) for path in [case / "index", *case.glob("index/*/")] if path.stat().st_mode & 0o077
    } == {}


def test_a_torn_records_file_is_indexed_as_far_as_it_reads_and_named_by_every_run(case):
    torn, spoilt, half = tear(case)
    whole = sum(len(read_lines(f)) for f in [*case.glob("records/*/*.zst"), *case.glob("findings/*.zst")] if f not in (torn, spoilt))
    for _ in range(2):
        told = eye("index", case, "--json")
        assert told.returncode == 1 and "Traceback" not in told.stderr
        assert f"{torn} is damaged: it ends within a zstd frame; {half:,} lines before that could be read" in told.stderr
        assert f"{spoilt} has 2 lines that are no records: line 2" in told.stderr
        assert json.loads(told.stdout)["records"] == whole + half + 2
    found = eye("search", case, "escadre.id:y OR escadre.id:x", "--json")
    assert len(found.stdout.splitlines()) == 2 and found.returncode == 0 and found.stderr.count("Not in the index") == 2
    shutil.copy(spoilt, torn)
    assert str(torn) in eye("index", case).stderr
    torn.unlink(), spoilt.unlink()
    assert eye("index", case).returncode == 0 and eye("search", case, "escadre.id:y", "--count").stdout == "0\n"


def rows_and_answers(case):
    store = Store(case, build=False)
    rows = {r["escadre.id"]: r["_row"] for r in store.rows(store.ask("*:*"), 0, 100_000)}
    found = [sorted(store.lines(store.ask(q))) for q in ("powershell", '"security auditing"', "message:created", "event.code:4674")]
    store.close()
    return rows, found


def test_threads_make_the_same_rows_and_answers_as_one(case):
    index(case, workers=1)
    one = rows_and_answers(case)
    shutil.rmtree(case / "index")
    index(case, workers=3)
    assert rows_and_answers(case) == one and all(one[1])


def test_processes_make_the_same_rows_and_answers_as_one(case, monkeypatch):
    """Also where they replace, add and take out files of an index that is there, in several steps."""
    first, told = index(case, workers=1), []
    expected = rows_and_answers(case)
    monkeypatch.setattr(apart, "LARGE", 0)
    shutil.rmtree(case / "index")
    done = index(case, workers=2, progress=lambda _, n: told.append(n))
    assert rows_and_answers(case) == expected and all(expected[1])
    assert (done.records, done.built_records, done.parts, sum(told)) == (first.records, first.records, first.parts, first.records)
    monkeypatch.setattr(build, "COMMIT_RECORDS", 100)
    gone, *changed = sorted(case.glob("records/*/*.zst"))
    kept = gone.read_bytes()
    gone.unlink()
    for file in changed:
        os.utime(file, (1, 1))
    less = index(case, workers=2)
    assert (less.built, less.dropped, less.parts) == (len(changed), 1, first.parts - 1) and less.records < first.records
    gone.write_bytes(kept)
    assert index(case, workers=2).records == first.records and rows_and_answers(case) == expected
    assert [f.name for f in (case / "index").iterdir() if f.is_dir()] == [folder_name()] and "owershel" in next(
        iter(expected[1][0])
    ).decode()


def test_a_process_of_the_build_that_ends_is_told_and_the_index_stays_as_it_was(case, monkeypatch):
    index(case)
    expected = answer(case)
    for file in case.glob("records/*/*.zst"):
        os.utime(file, (1, 1))
    monkeypatch.setattr(apart, "LARGE", 0)
    begun = apart.subprocess.Popen
    monkeypatch.setattr(apart.subprocess, "Popen", lambda command, **more: begun([sys.executable, "-c", "input()"], **more))
    with pytest.raises(Complaint, match="a process of the build was ended"):
        index(case, workers=2)
    assert answer(case) == expected != [] and [f.name for f in (case / "index").iterdir() if f.is_dir()] == [folder_name()]


@pytest.mark.parametrize("step", ["private.sync", "private.write", "shutil.rmtree"])
def test_a_join_that_is_cut_leaves_the_old_or_the_new_index(case, monkeypatch, step):
    """Before the new files come, before they are listed, and after that."""
    index(case)
    expected = rows_and_answers(case)
    for file in case.glob("records/*/*.zst"):
        os.utime(file, (1, 1))
    monkeypatch.setattr(apart, "LARGE", 0)

    def cut(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        room, name = step.split(".")
        patched.setattr(getattr(joined, room), name, cut)
        index(case, workers=2)
    assert rows_and_answers(case) == expected
    assert index(case, workers=2).built == (0 if step == "shutil.rmtree" else len(list(case.glob("records/*/*.zst"))))
    assert rows_and_answers(case) == expected


def test_a_missing_or_old_index_is_built_and_that_is_said(case):
    first = eye("search", case, "powershell", "--json")
    assert "has no index yet" in first.stderr and first.stdout
    assert eye("search", case, "powershell", "--json").stderr == ""
    one = sorted((case / "records").glob("evtx/*.zst"))[0]
    os.utime(one, (1, 1))
    again = eye("search", case, "powershell", "--json")
    assert "older than the case (1 of" in again.stderr and again.stdout == first.stdout
    wrong = eye("search", case, "proces.name:x")
    assert wrong.returncode == 0 and "proces.name is no field" in wrong.stderr and "process.name" in wrong.stderr


def test_hits_stand_in_columns_that_fit_the_terminal_and_nothing_in_them_acts():
    shown = [
        {"@timestamp": "2026-10-31T19:22:03.1184021Z", "host.name": "WS", "event.dataset": "evtx", "message": "m" * 200},
        {"@timestamp": None, "host.name": "a-host-with-a-name-longer-than-all-columns", "message": "\x1b[31mred\u202e"},
    ]
    lines = list(listing(shown, 80))
    assert len(lines[0]) == 80 and len(lines[1]) <= 80 and lines[0].startswith("2026-10-31 19:22:03.118  WS ") and lines[0].endswith("m…")
    assert lines[1].startswith("–  ") and lines[0].index("evtx") == lines[1].index("– ", 3) and "\x1b" not in lines[1]
    assert "m" * 200 in next(listing(shown, None)) and "\\x1b[31mred\\u202e" in list(listing(shown, None))[1]


@pytest.mark.parametrize("command", [(), ("index",), ("search",), ("stats",), ("tail",), ("serve",), ("load",)])
def test_help_and_version_are_there(command):
    assert eye(*command, "--help").returncode == 0
    assert eye("--version").stdout.startswith("eye ")


def test_process_builds_the_index_beside_the_processing(corpus, tmp_path):
    for host, start in (("A", 0), ("B", 1)):
        (tmp_path / host).mkdir()
        for file in sorted((corpus / LOGS).glob("**/*.evtx"))[start::40]:
            shutil.copy(file, tmp_path / host / file.name)
    (tmp_path / "eye").mkdir()  # evidence in the folder where the analyst stands is never run
    (tmp_path / "eye" / "__init__.py").write_text("raise SystemExit(9)")
    program = [sys.executable, "-P", "-m", "commodore"]
    command = [*program, "process", tmp_path / "A", tmp_path / "B", "-o", tmp_path / "case", "--index", "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert outdated(tmp_path / "case") == "" and told["index"]["records"] >= told["records"] > 100
    assert eye("search", tmp_path / "case", "*", "--count").stdout == f"{told['index']['records']}\n"
