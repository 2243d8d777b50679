"""One hostile element costs itself: every artefact is made to raise in the middle of its golden input, and loses only that element."""

from __future__ import annotations

import sys

import pytest

import commodore.artefacts
from commodore import catalogue
from commodore.artefact import Problem, Record, RecordBatch
from commodore.engine import unit
from commodore.engine.assemble import Assembler
from commodore.engine.bounds import Problems, Room
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.readers.hives.texts import KeyText
from commodore.record import FAILED
from scout.discovery import modules
from tests.commodore.damage import HOST, inputs, items

PARTS = ("commodore.artefacts", "commodore.readers", "commodore.containers", "commodore.registry")
MAKERS = ("Record", "value_text", "short_value_text")
"""what makes one record: the class, and, for records of a batch, the functions that make the texts of each; `KeyText.alone` is another"""
MODULES = dict(modules(commodore.artefacts))


class _Failing:
    """Raises where the `at`-th record is made."""

    def __init__(self, at: int) -> None:
        self._left = at

    def of(self, maker):
        def make(*args, **kwargs):
            self._left -= 1
            if self._left == 0:
                raise ValueError("planted")
            return maker(*args, **kwargs)

        if isinstance(maker, type):
            return type(maker.__name__, (maker,), {"__slots__": (), "__new__": lambda _, *args, **kwargs: make(*args, **kwargs)})
        return make


def _read(module, path: str, data: bytes, monkeypatch, at: int = 0) -> tuple[list[str], list[Problem]]:
    with monkeypatch.context() as patch:
        if at:
            failing = _Failing(at)
            for name, loaded in list(sys.modules.items()):
                for maker in MAKERS if name.startswith(PARTS) else ():
                    if hasattr(loaded, maker):
                        patch.setattr(loaded, maker, failing.of(getattr(loaded, maker)))
            patch.setattr(KeyText, "alone", failing.of(KeyText.alone))
        got = list(items(module, Evidence(path, data, facts={"mtime": "2026-10-31T20:00:00Z"}), HOST))
    return [x.locator for x in got if isinstance(x, Record)], [x for x in got if isinstance(x, Problem)]


@pytest.mark.parametrize("name", sorted(catalogue.artefacts()))
def test_an_element_at_which_the_parser_raises_costs_only_itself(name, monkeypatch):
    module = MODULES[name]
    tried = 0
    for path, data in inputs(name):
        whole, _ = _read(module, path, data, monkeypatch)
        if len(whole) < 2:
            continue
        for at in sorted({1, 1 + len(whole) // 2, len(whole)}):
            left, problems = _read(module, path, data, monkeypatch, at)
            planted = [p for p in problems if "ValueError: planted" in p.reason]
            assert len(planted) == 1, f"{name}: put a fence around each element (commodore/fence.py); {path} raised at record {at}"
            assert len(left) == len(whole) - 1, (
                f"{name}: {path} has {len(whole)} records, of which {len(left)} are left without record {at}"
            )
            assert planted[0].locator
            tried += 1
    if not tried:
        pytest.skip("one record per file: there is nothing behind an element")


def test_a_fence_lets_problems_pass_and_counts_an_element_that_gave_nothing():
    def read(number):
        if number == 2:
            raise UnicodeError("odd")
        yield Record(str(number), {})
        if number == 3:
            raise RecursionError("deep")

    got = list(fenced([1, Problem("cut"), 2, 3, 4], str, read))
    assert [x.locator for x in got if isinstance(x, Record)] == ["1", "3", "4"]
    problems = [x for x in got if isinstance(x, Problem)]
    assert [(p.locator, p.lost) for p in problems] == [("", 0), ("2", 1), ("3", 0)]


def test_memory_that_ran_out_is_no_fault_of_an_element():
    def read(number):
        raise MemoryError
        yield Record(str(number), {})

    with pytest.raises(MemoryError):
        list(fenced([1], str, read))


def test_blank_like_characters_before_a_key_cost_no_key_behind_them(tmp_path):
    module = MODULES["authorized_keys"]
    key = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf5pP0b0Y4u2sXbTqz5o8v4mYbV0a5c8m4c4b5v6n7a backdoor\n"
    for odd in (b"\v", b"\xc2\xa0", b"\f", b"\x1c", b"\xe2\x80\xa8", b"\x85"):
        got = list(items(module, Evidence("/root/.ssh/authorized_keys", odd + b"\n" + odd + key + key), HOST))
        assert [x.locator for x in got if isinstance(x, Record)] == ["line 3"], odd
        assert [x.locator for x in got if isinstance(x, Problem)] == ["line 1", "line 2"], "sshd takes neither line"


def test_a_batch_that_cannot_be_written_costs_itself_and_is_said():
    """The last batch of a parser waits until the end. Its text is none: the records before it are there, and the parser has failed."""
    taken, problems = [], Problems()

    def parse():
        yield from (Record(str(n), {"message": "x."}) for n in range(3))
        yield RecordBatch({}, [("a", ('"message":"\ud800"',), "allocated")])

    def take(records, _):
        taken.append(records.number if isinstance(records, unit.RecordLines) else len(records))
        return 1

    assembler = Assembler(MODULES["registry"].ARTEFACT, collection="c", member=0, source="x", host_name="h")
    count, _, _, error = unit.drain(parse, assembler, problems, Room(1 << 20), take, plain=unit.whole)
    assert (count, sum(taken), type(error)) == (3, 3, UnicodeEncodeError)
    assert [problem.kind for problem in problems.listed()] == [FAILED]
