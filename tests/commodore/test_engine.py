"""The engine: same result with any number of workers, and a parser that hangs, crashes or eats memory costs only its own unit."""

from __future__ import annotations

import sys
import textwrap

import pytest

import commodore.artefacts
from commodore import catalogue
from commodore.engine.process import process
from tests.commodore.cases import content, ledger, members, records

BAD = """
from __future__ import annotations
import ctypes, time
from commodore.artefact import Artefact, Problem, Record

ARTEFACT = Artefact(
    name="trouble", title="t", about="a", match=("Trouble/*.bad",), fields=("file.name",),
    action="x", message="{file.name}.", sources=("a test",),
)

def expected(evidence):
    return 4 if evidence.data in (b"crash", b"hang") else None

def parse(evidence, host):
    word = evidence.data.decode()
    if word == "hang":
        while True:
            time.sleep(1)
    if word == "crash":
        ctypes.string_at(0)
    if word == "eat":
        hoard = []
        while True:
            hoard.append(bytearray(1 << 24))
    if word == "raise":
        raise ValueError("a defect")
    if word == "twice":
        yield Record("same", {"file.name": "one"})
        yield Record("same", {"file.name": "two"})
        return
    if word == "odd":
        yield Record("0", {"file.name": "lone \\udcff and \\x00 nul", "file.size": 1 << 70, "file.inode": "1"})
        return
    yield Record("0", {"file.name": word})
"""


@pytest.fixture
def trouble(tmp_path, monkeypatch):
    """An artefact that misbehaves on demand, found as any other by lying in the package's path."""
    if sys.platform != "linux":
        pytest.skip("planted modules reach only forked workers")
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "trouble.py").write_text(textwrap.dedent(BAD))
    monkeypatch.setattr(commodore.artefacts, "__path__", [*commodore.artefacts.__path__, str(folder)])
    for made in (catalogue.artefacts, catalogue.matcher, catalogue.containers):
        made.cache_clear()
    yield
    sys.modules.pop("commodore.artefacts.trouble", None)
    for made in (catalogue.artefacts, catalogue.matcher, catalogue.containers):
        made.cache_clear()


def host(tmp_path, **words: str):
    root = tmp_path / "host"
    (root / "Trouble").mkdir(parents=True)
    (root / "etc").mkdir()
    for name, word in words.items():
        (root / "Trouble" / f"{name}.bad").write_text(word)
    return root


def names(case) -> list[str]:
    return [r["file.name"] for r in records(case, "trouble")]


def reasons(case) -> dict[str, str]:
    return {row["path"].rsplit("/", 1)[1][:-4]: row["reason"] for row in ledger(case) if row["artefact"] == "trouble" and row["reason"]}


@pytest.mark.parametrize(("word", "sign"), [("hang", "no progress for 2 s"), ("crash", "crashed (SIGSEGV)")])
def test_a_unit_that_kills_its_worker_costs_itself_alone(trouble, tmp_path, word, sign):
    root = host(tmp_path, a="one", b=word, c="three", d="four")
    summary = process([root], tmp_path / "case", workers=2, timeout=2)
    assert names(tmp_path / "case") == ["one", "three", "four"]
    assert sign in reasons(tmp_path / "case")["b"]
    (lost,) = [row for row in ledger(tmp_path / "case") if row["path"] == "/Trouble/b.bad"]
    assert (lost["expected"], lost["parsed"], lost["lost"]) == (4, 0, 4), "what the format promised is counted without the parser"
    assert not summary.whole
    assert [row["path"] for row in summary.unreproducible] == ["/Trouble/b.bad"]


def test_a_unit_that_eats_memory_is_stopped(trouble, tmp_path):
    root = host(tmp_path, a="one", b="eat", c="three")
    process([root], tmp_path / "case", workers=1, memory=256 << 20)
    assert names(tmp_path / "case") == ["one", "three"]
    assert "MemoryError" in reasons(tmp_path / "case")["b"] or "stopped" in reasons(tmp_path / "case")["b"]


def test_a_parser_that_raises_is_a_ledger_line(trouble, tmp_path):
    process([host(tmp_path, a="raise", b="fine")], tmp_path / "case", workers=1)
    assert reasons(tmp_path / "case") == {"a": "the parser failed: ValueError: a defect"}
    assert names(tmp_path / "case") == ["fine"]


def test_a_locator_given_twice_is_numbered_and_told(trouble, tmp_path):
    process([host(tmp_path, a="twice")], tmp_path / "case", workers=1)
    got = records(tmp_path / "case", "trouble")
    assert [r["escadre.locator"] for r in got] == ["same", "same#2"]
    assert len({r["escadre.id"] for r in got}) == 2
    assert "locator given twice" in reasons(tmp_path / "case")["a"]


def test_what_json_cannot_hold_is_made_safe(trouble, tmp_path):
    process([host(tmp_path, a="odd")], tmp_path / "case", workers=1)
    (record,) = records(tmp_path / "case", "trouble")
    assert record["file.name"] == "lone \\udcff and \x00 nul"
    assert "file.size" not in record, "no 64-bit integer; the registry's type would not hold"
    assert record["escadre.overflow"] == {"file.size": str(1 << 70)}


@pytest.fixture(scope="module")
def logs(corpus, tmp_path_factory):
    """A host with a few real logs, one of them large enough to be cut."""
    import shutil

    root = tmp_path_factory.mktemp("logs") / "PC"
    folder = root / "Windows" / "System32" / "winevt" / "Logs"
    folder.mkdir(parents=True)
    samples = corpus / "evtx/omerbenamram+evtx/samples"
    for name in ("security.evtx", "sysmon.evtx", "system.evtx", "sample-with-zero-data-size-event.evtx"):
        shutil.copy(samples / name, folder)
    data = (samples / "security.evtx").read_bytes()
    (folder / "large.evtx").write_bytes(data[:4096] + data[4096:] * 4)
    (folder / "notes.txt").write_text("nothing")
    return root


def test_one_worker_and_two_give_the_same_case(logs, tmp_path):
    for workers in (1, 2):
        process([logs], tmp_path / str(workers), workers=workers)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    assert len(records(tmp_path / "1", "evtx")) > 10_000


def test_ids_are_unique_and_every_record_says_where_it_comes_from(logs, tmp_path):
    process([logs], tmp_path / "case", workers=2)
    got = records(tmp_path / "case", "evtx")
    assert len({r["escadre.id"] for r in got}) == len(got)
    places = {(r["escadre.collection"], r["escadre.member"]): r["escadre.source"] for r in got}
    known = {(m["collection"], m["member"]): m["path"] for m in members(tmp_path / "case")}
    assert places.items() <= known.items()
    assert all(r["host.name"] == "PC" and r["escadre.host_inferred"] for r in got)


def test_the_ledger_accounts_for_every_member(logs, tmp_path):
    process([logs], tmp_path / "case", workers=2)
    rows = ledger(tmp_path / "case")
    assert {r["member"] for r in rows if r["member"] >= 0} == {m["member"] for m in members(tmp_path / "case")}
    for row in rows:
        if row["expected"] is not None:
            assert row["expected"] == row["parsed"] + row["carved"] + row["lost"], row
    unread = [r for r in rows if r["artefact"] is None]
    assert [(r["path"].rsplit("\\", 1)[1], r["reason"]) for r in unread] == [("notes.txt", "no artefact reads it")]


def test_hashes_of_members_are_those_of_the_files(logs, tmp_path):
    import hashlib

    process([logs], tmp_path / "case", workers=1)
    for member in members(tmp_path / "case"):
        path = logs / member["path"][3:].replace("\\", "/")
        assert member["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
