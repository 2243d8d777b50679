"""A few mutants of every family of readers: no exception leaves a reader, no element makes one raise, every account adds up."""

from __future__ import annotations

import pkgutil
import sys
from collections import Counter

import pytest

from hunter.run.head import ChainHead
from hunter.run.journal import RunJournal
from scout.console import Complaint
from tests.mutants import families
from tests.mutants.change import mutant
from tests.mutants.family import Family, every

COUNT = 30


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(families.__path__)])
def test_a_few_mutants_of_every_family(module, tmp_path, monkeypatch):
    if module == "chain" and sys.platform != "linux":
        pytest.skip("the demo removes something from a Linux host")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # for the seal key that the demo makes
    tried = 0
    for family in every(tmp_path, module):
        assert family.inputs, family.name
        folder = tmp_path / family.name
        folder.mkdir()
        read = family.open(folder)
        found: Counter[str] = Counter()
        for number in range(COUNT):
            found += family.run(read, number)
        assert not {word for word in found if ":" in word}, family.name
        assert found, f"{family.name}: nothing was read and nothing refused"
        tried += 1
    assert tried


def test_every_input_is_read_as_it_is(tmp_path, monkeypatch):
    """Otherwise its mutants would prove little."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for family in every(tmp_path):
        folder = tmp_path / family.name
        folder.mkdir()
        read = family.open(folder)
        assert any(read(name, data)["records"] for name, data in family.inputs), family.name


def test_a_reader_that_raises_is_counted():
    def broken(name, data):
        raise ValueError("odd")

    family = Family("x", [("a", b"1")], lambda _: broken)
    assert family.run(broken, 1) == Counter(["escaped: ValueError: odd"])
    assert [mutant("x", n, family.inputs) for n in range(50)] == [mutant("x", n, family.inputs) for n in range(50)]
    assert len({mutant("x", n, family.inputs) for n in range(50)}) > 30


def test_a_head_of_a_journal_whose_mac_is_no_text_is_refused(tmp_path):
    slot = b'{"lines": 1, "sha256": "\\ud800", "mac": "\\ud800"}'
    (tmp_path / "x.journal.head").write_bytes(slot.ljust(511) + b"\n" + slot.ljust(511) + b"\n")
    (tmp_path / "x.journal.jsonl").write_bytes(b"")
    with pytest.raises(Complaint, match="not written by this run"):
        RunJournal(tmp_path / "x.journal.jsonl", ChainHead(tmp_path / "x.journal.head", b"key"))
