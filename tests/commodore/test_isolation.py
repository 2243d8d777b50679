"""A parser that crashes, hangs, eats memory or raises costs its own artefact on that member; its neighbours keep their records."""

from __future__ import annotations

import sys
import textwrap

import pytest

import commodore.artefacts
from commodore import catalogue
from commodore.cli import build_app
from commodore.engine.process import process
from scout.console import run
from tests.commodore.cases import content, ledger, records

FINE = """
from commodore.artefact import Artefact, Cut, Record

ARTEFACT = Artefact(
    name="{name}", title="t", about="a", match=("Trouble/*",), fields=("file.name",), cut={cut},
    action="x", message="{{file.name}}.", sources=("a test",),
)

def parse(evidence, host):
    for n in range(0, len(evidence.data), 10):
        yield Record(f"{{evidence.offset + n}}", {{"file.name": evidence.data[n : n + 10].decode()}})
"""
GUILTY = """
import os, time
from commodore.artefact import Artefact, Problem, Record

ARTEFACT = Artefact(
    name="guilty", title="t", about="a", match=("Trouble/*",), fields=("file.name",),
    action="x", message="{file.name}.", sources=("a test",),
)
HOARD = []

def parse(evidence, host):
    word = evidence.data[:10].decode().strip()
    yield Record("0", {"file.name": "first"})
    for n in range(1, 200 if word == "many" else 1):
        yield Problem("odd", str(n))
        yield Record(str(n), {"file.name": f"record {n}"})
    if word in ("exit", "many"):
        os._exit(3)
    if word == "hang":
        while True:
            time.sleep(1)
    while word == "eat":
        HOARD.append(bytearray(1 << 24))
    if word == "raise":
        raise ValueError("a defect")
"""


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Three artefacts that read the same files; the second in order misbehaves. Give the planted folder."""
    if sys.platform != "linux":
        pytest.skip("planted modules reach only forked workers")
    folder = tmp_path / "planted"
    folder.mkdir()
    for name in ("before", "later"):
        (folder / f"{name}.py").write_text(FINE.format(name=name, cut="None"))
    (folder / "guilty.py").write_text(textwrap.dedent(GUILTY))
    monkeypatch.setattr(commodore.artefacts, "__path__", [*commodore.artefacts.__path__, str(folder)])
    _forget()
    yield folder
    for file in folder.glob("*.py"):
        sys.modules.pop(f"commodore.artefacts.{file.stem}", None)
    _forget()


def _forget() -> None:
    for made in (catalogue.artefacts, catalogue.matcher, catalogue.containers):
        made.cache_clear()


def host(tmp_path, **words: str):
    root = tmp_path / "host"
    (root / "Trouble").mkdir(parents=True)
    (root / "etc").mkdir()
    for name, word in words.items():
        (root / "Trouble" / name).write_text(f"{word:10}")
    return root


def reasons(case, artefact="guilty") -> dict[str, str]:
    return {row["path"].rsplit("/", 1)[1]: row["reason"] for row in ledger(case) if row["artefact"] == artefact and row["reason"]}


@pytest.mark.parametrize(
    ("word", "reason", "kept"),
    [
        ("exit", "stopped: the parser ended its process (exit 3)", 1),
        ("hang", "stopped: no progress for 2 s", 1),
        ("eat", "the parser gave up: MemoryError", 1),
        ("raise", "the parser failed: ValueError: a defect", 1),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_only_the_guilty_artefact_is_given_up(planted, tmp_path, word, reason, kept, several):
    """Alone in its task, and in one task with the jobs of other members."""
    others = {"a": "one", "c": "three"} if several else {}
    summary = process([host(tmp_path, b=word, **others)], tmp_path / "case", workers=1, timeout=2, memory=256 << 20)
    for name in ("before", "later"):
        assert {r["file.name"].strip() for r in records(tmp_path / "case", name)} == {word, *others.values()}
        assert reasons(tmp_path / "case", name) == {}
    assert reasons(tmp_path / "case") == {"b": reason}
    assert len(records(tmp_path / "case", "guilty")) == len(others) + kept
    assert not summary.whole


def test_what_was_read_before_a_worker_died_stays(planted, tmp_path):
    """199 records and 199 problems, then the process ends, each time."""
    summary = process([host(tmp_path, b="many", c="three")], tmp_path / "case", workers=1)
    mine = [row for row in ledger(tmp_path / "case") if row["artefact"] == "guilty" and row["path"].endswith("/b")]
    assert [r["file.name"] for r in records(tmp_path / "case", "guilty") if r["escadre.source"].endswith("/b")] == [
        "first",
        *(f"record {n}" for n in range(1, 200)),
    ]
    assert mine[0]["parsed"] == 200
    assert [row["reason"] for row in mine[1:]] == ["odd"] * 199 + ["stopped: the parser ended its process (exit 3)"]
    assert not summary.whole
    assert summary.records == 200 + 1 + 4


def test_one_worker_and_two_give_the_same_case_and_a_second_run_too(planted, tmp_path):
    root = host(tmp_path, a="one", b="exit", c="raise", d="four", e="exit")
    for case, workers in (("1", 1), ("2", 2), ("3", 2)):
        process([root], tmp_path / case, workers=workers)
    assert content(tmp_path / "1") == content(tmp_path / "2") == content(tmp_path / "3")


@pytest.mark.parametrize(("word", "code"), [("one", 0), ("raise", 1), ("exit", 1)])
def test_the_command_ends_with_1_where_a_parser_failed(planted, tmp_path, word, code, capsys):
    root, case = host(tmp_path, a=word), tmp_path / "case"
    assert run("commodore", build_app, ["process", str(root), "-o", str(case), "--workers", "1"]) == code
    assert "Next: eye serve" in capsys.readouterr().out
    assert run("commodore", build_app, ["process", str(root), "-o", str(case)]) == code, "and so does a run that finds all of it read"


def test_a_failed_parser_is_named_in_the_manifest(planted, tmp_path):
    summary = process([host(tmp_path, a="raise")], tmp_path / "case", workers=1)
    assert not summary.whole
    assert [(f["path"], f["artefact"]) for f in summary.hosts[0]["failed"]] == [("/Trouble/a", "guilty")]


def test_several_artefacts_read_one_streamed_member_in_units(planted, tmp_path):
    """Two artefacts that cut differently, and one that reads the file as one piece, see each record once."""
    (planted / "guilty.py").unlink()
    (planted / "before.py").write_text(FINE.format(name="before", cut="Cut(header=0, piece=1000)"))
    (planted / "later.py").write_text(FINE.format(name="later", cut="Cut(header=0, piece=370)"))
    (planted / "whole.py").write_text(FINE.format(name="whole", cut="None"))
    root = host(tmp_path)
    words = [f"{n:<10}" for n in range(5000)]
    (root / "Trouble" / "large").write_text("".join(words))
    process([root], tmp_path / "case", workers=2)
    for name in ("before", "later", "whole"):
        got = records(tmp_path / "case", name)
        assert [r["file.name"] for r in got] == words
        assert [int(r["escadre.locator"]) for r in got] == list(range(0, 50000, 10))


CONTAINER = """
import os
from commodore.artefact import Artefact, Record
from commodore.container import Holds, Opened

class Broken(Holds):
    container = "broken"
    match = ("Trouble/*",)

    @classmethod
    def open(cls, evidence, host):
        os._exit(3)

    def __str__(self):
        return "nothing"

ARTEFACT = Artefact(
    name="{name}", title="t", about="a", holds=Broken(), fields=("file.name",),
    action="x", message="{{file.name}}.", sources=("a test",),
)

def parse(content, host):
    yield Record("0", {{"file.name": "never"}})
"""


def test_a_container_that_kills_its_worker_is_one_ledger_line(planted, tmp_path):
    """Two artefacts read in it; others read the same file without it."""
    (planted / "guilty.py").unlink()
    for name in ("inner_a", "inner_b"):
        (planted / f"{name}.py").write_text(CONTAINER.format(name=name))
    process([host(tmp_path, a="one", b="two")], tmp_path / "case", workers=2)
    for name in ("before", "later"):
        assert {r["file.name"].strip() for r in records(tmp_path / "case", name)} == {"one", "two"}
    lost = [(r["artefact"], r["path"], r["reason"]) for r in ledger(tmp_path / "case") if r["reason"]]
    assert lost == [("broken", f"/Trouble/{name}", "stopped: the parser ended its process (exit 3)") for name in ("a", "b")]
