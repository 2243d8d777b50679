"""Which rows of the persistence table HUNTER can remove, and why it cannot remove the others."""

from __future__ import annotations

import pytest

from commodore.persistence.table import rows
from hunter.catalogue import kinds_of
from hunter.reference import document, reasons
from tests.conftest import ROOT

WITHOUT = ["L052", "L053"]


def without_a_way_out(system: str) -> tuple[list[str], list[str], int]:
    """(rows without a kind of removal, rows that are reported only, number of all rows)"""
    here = [row for row in rows() if row.os == system]
    by_hand = [row.id for row in here if row.remove == "MM"]
    missing = [
        row.id
        for row in here
        if row.id not in by_hand and not kinds_of({"kind": row.kind, "remove": row.remove, "mechanism": row.id}, system)
    ]
    return missing, by_hand, len(here)


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_every_row_has_a_way_out_or_a_reason(system) -> None:
    missing, by_hand, every = without_a_way_out(system)
    print(f"\n{system}: {every - len(missing) - len(by_hand)} of {every - len(by_hand)} rows; report only: {', '.join(by_hand)}")
    assert missing == sorted(row for row in WITHOUT if row.startswith(system[0].upper()))


def test_each_row_that_is_left_to_a_person_has_its_reason_and_the_page_is_the_one_of_this_table() -> None:
    assert sorted(reasons()) == WITHOUT
    assert (ROOT / "docs/removals.md").read_text() == document(), "run make generated"
