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
    assert whole[0] > 20
    assert not whole[2], "an undamaged hive has no problem"
    for kind, mutant in mutants(data, flips=300, most=EVERY):
        records, raised, told = read(mutant)
        assert raised == 0, kind
        assert told or records >= whole[0], kind


@pytest.mark.corpus
def test_pages_of_real_hives_zeroed_in_turn_are_reported(corpus):
    for name in ("SAM", "BCD", "SECURITY"):
        data = of_corpus(corpus, name)
        whole = read(data)[0]
        for kind, mutant in mutants(data, flips=40, most=EVERY):
            records, raised, told = read(mutant)
            assert raised == 0, (name, kind)
            assert told or records >= whole, (name, kind)


def test_bytes_without_form_are_no_hive_or_read():
    chance = random.Random(3)
    for size in (0, 1, 4095, 4128, 9000, 70_000):
        noise = chance.randbytes(size)
        for head in (b"", b"regf", b"hbin"):
            read(head + noise)
            read(b"regf" + bytes(4092) + head + noise)
