"""Which rows of the persistence table HUNTER can remove, and why it cannot remove the others."""

from __future__ import annotations

import pytest

from commodore.persistence.table import rows
from hunter.catalogue import kinds_of

WITHOUT = {
    "L052": "the file of a package is exchanged: the package has the right one",
    "L053": "the program of a package is moved aside: the package has the right one",
    "W034": "what csrss starts with differs between versions of Windows, and a wrong one does not boot",
}


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
    print("\n".join(f"{row}: {WITHOUT.get(row)}" for row in missing))
    assert missing == sorted(row for row in WITHOUT if row.startswith(system[0].upper()))
