"""Damaged hives: pages zeroed, cut, bytes flipped. Nothing is raised, nothing hangs, and what is missing is reported."""

from __future__ import annotations

import random

import pytest

from bench.damaged_hives import mutants, read
from fixtures.hives.build import files
from tests.commodore.registry_hives import of_corpus

EVERY = 1 << 20
"""pages: no hive here has as many"""


@pytest.mark.parametrize("name", ["SOFTWARE", "SYSTEM"])
def test_damage_of_every_page_and_of_chosen_bytes_is_no_exception_and_no_silent_loss(name):
    data = files()[name]
    whole = read(data)
    assert whole.records > 20
    assert not whole.problems
    assert not whole.missing
    for kind, mutant in mutants(data, flips=300, most=EVERY):
        found = read(mutant)
        assert not found.raised, kind
        assert not found.twice, kind
        assert not found.silent(whole), kind


@pytest.mark.corpus
def test_pages_of_real_hives_zeroed_in_turn_are_reported(corpus):
    for name in ("SAM", "BCD", "SECURITY"):
        data = of_corpus(corpus, name)
        whole = read(data)
        for kind, mutant in mutants(data, flips=40, most=EVERY):
            found = read(mutant)
            assert not found.raised, (name, kind)
            assert not found.twice, (name, kind)
            assert not found.silent(whole), (name, kind)


def test_bytes_without_form_are_no_hive_or_read():
    chance = random.Random(3)
    for size in (0, 1, 4095, 4128, 9000, 70_000):
        noise = chance.randbytes(size)
        for head in (b"", b"regf", b"hbin"):
            read(head + noise)
            read(b"regf" + bytes(4092) + head + noise)
