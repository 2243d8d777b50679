"""Damaged hives: pages zeroed, cut, bytes flipped. Nothing is raised, nothing hangs, and what is missing is reported."""

from __future__ import annotations

import random

import pytest

from bench.damaged_hives import Run, read
from fixtures.hives.build import files
from tests.commodore.registry_hives import of_corpus


@pytest.mark.parametrize("name", ["SOFTWARE", "SYSTEM"])
def test_damage_of_every_page_and_of_chosen_bytes_is_no_exception_and_no_silent_loss(name):
    data = files()[name]
    run = Run(data, name)
    assert run.whole.records > 20
    assert not run.whole.problems
    assert not run.whole.missing
    run.every(flips=300)
    assert run.mutants > 300
    assert not run.bad


@pytest.mark.corpus
def test_pages_of_real_hives_zeroed_in_turn_are_reported(corpus):
    for name in ("SAM", "BCD", "SECURITY"):
        run = Run(of_corpus(corpus, name), name)
        run.every(flips=40)
        assert not run.bad, name


def test_bytes_without_form_are_no_hive_or_read():
    chance = random.Random(3)
    for size in (0, 1, 4095, 4128, 9000, 70_000):
        noise = chance.randbytes(size)
        for head in (b"", b"regf", b"hbin"):
            read(head + noise)
            read(b"regf" + bytes(4092) + head + noise)
