"""Every family of readers, rules and queries included: mutants, a hostile character in each text, inputs several times as large.

No exception leaves a reader, no element makes one raise, every account adds up; an element costs itself; work grows no faster than the
input. The artefacts, one by one, have the last two in `commodore/test_hostile_elements.py` and `commodore/test_scaling.py`.
"""

from __future__ import annotations

import pkgutil
import sys
from collections import Counter
from itertools import islice

import pytest

from commodore.enrichment import sources
from commodore.readers.calls import CallCount
from hunter.run.head import ChainHead
from hunter.run.journal import RunJournal
from scout.console import Complaint
from tests.commodore.test_hostile_elements import PLACES, planted
from tests.commodore.test_scaling import FIXED, SLACK
from tests.mutants import families
from tests.mutants.change import mutant
from tests.mutants.family import Family, every
from tests.mutants.grow import forms

COUNT = 30
LARGEST = 1 << 15
"""bytes of an input in which characters are planted, and which is made larger"""
MODULES = [module.name for module in pkgutil.iter_modules(families.__path__)]
WHOLE = {
    *("archives", "archived_tar", "custody", "receipts", "plans", "journals", "journal_heads", "wmi_repositories", "removal_status"),
    *("queries", "definitions"),
}
"""families whose inputs are protected as a whole, name their parts by place, or are one element; an element of a reference names several"""
EVERY = 3
"""of so many characters that may be planted, one is"""


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """`opened(module)` returns (family, its reader) for each family of a module, made once."""
    made = {}

    def of(module):
        if module == "chain" and sys.platform != "linux":
            pytest.skip("the demo removes something from a Linux host")
        if module not in made:
            folder = tmp_path_factory.mktemp(module)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CONFIG_HOME", str(folder))  # for the seal key that the demo makes
                known = list(every(folder, module))
            for family in known:
                (folder / family.name).mkdir()
            made[module] = [(family, family.open(folder / family.name)) for family in known]
        return made[module]

    return of


@pytest.mark.parametrize("module", MODULES)
def test_a_few_mutants_of_every_family(opened, module):
    for family, read in opened(module):
        assert family.inputs, family.name
        found: Counter[str] = Counter()
        for number in range(COUNT):
            found += family.run(read, number)
        assert not {word for word in found if ":" in word}, family.name
        assert found, f"{family.name}: nothing was read and nothing refused"


@pytest.mark.parametrize("module", MODULES)
def test_every_input_is_read_as_it_is(opened, module):
    """Otherwise its mutants would prove little."""
    for family, read in opened(module):
        assert any(read(name, data)["records"] for name, data in family.inputs), family.name


@pytest.mark.parametrize("module", [name for name in MODULES if name != "artefacts"])
def test_a_hostile_character_costs_its_element(opened, module):
    for family, read in opened(module):
        tried = 0
        for name, data in family.inputs:
            if len(data) > LARGEST:
                continue
            whole = read(name, data)
            for what, changed in islice(planted(data, 0, PLACES), len(data) % EVERY, None, EVERY):
                found = read(name, changed)
                tried += 1
                assert not {word for word in +found if ":" in word}, f"{family.name}: {name}: {what}: {found}"
                if family.name not in WHOLE and module != "references":
                    assert found["records"] >= whole["records"] - 1 or found["refused"] or found["lost"], (
                        f"{family.name}: {name}: {what}: {whole} became {found}"
                    )
        assert tried or family.name in WHOLE, family.name


@pytest.mark.parametrize("module", [name for name in MODULES if name != "artefacts"])
def test_work_grows_no_faster_than_the_input(opened, module):
    for family, read in opened(module):
        for name, data in family.inputs:
            for form, grown in forms(data) if len(data) <= LARGEST else ():
                costs = {}
                for times in (2, 4, 8):
                    count, larger = CallCount(), grown(times)
                    with count.counting():
                        found = read(name, larger)
                    costs[times] = count.made
                    assert not {word for word in +found if ":" in word}, f"{family.name}: {name} as {form}: {found}"
                for small, large in ((2, 4), (4, 8)):
                    assert costs[large] <= 2 * SLACK * costs[small] + FIXED[0], f"{family.name}: {name} as {form}: {costs}"


def test_every_kind_of_source_of_facts_has_an_input(opened, tmp_path):
    """A new kind of source is tried by itself once it has one: this says that it has none."""
    (family,) = [family for family, _ in opened("others") if family.name == "fact_sources"]
    left = dict(sources._forms())
    for name, data in family.inputs:
        (tmp_path / name).write_bytes(data)
        for kind in [kind for kind, form in left.items() if name != "good.csv" and form(tmp_path / name, data[: sources.HEAD]) is not None]:
            del left[kind]
    assert not left


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
