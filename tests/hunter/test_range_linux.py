"""The range for Linux, on a mounted root: every planted row that HUNTER serves is removed, verified gone, and put back the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commodore.persistence.table import rows
from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter
from tests.range.removed import removed_here

BY_HAND = {row.id for row in rows() if row.remove == "MM"} | {"L052", "L053", "L090"}
"""rows of which the plant is left to a person: those whose removal is by hand; files of packages that were exchanged; processes, which a
mounted root has none of"""


def linux_hosts(folder: Path) -> Planter:
    """Plant the hosts below a folder."""
    planter = Planter(folder, 20261129)
    plants.linux(planter)
    planter.build()
    return planter


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planter, Path]:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    root = tmp_path_factory.mktemp("linux")
    return linux_hosts(root / "hosts"), root


@pytest.mark.parametrize("n", range(plants.HOSTS))
def test_every_planted_row_is_removed_verified_and_put_back_the_same(hosts, n) -> None:
    planter, root = hosts
    disk = Disk(root / f"hosts/lin-bad-{n}", root / f"work-{n}")
    actions = disk.planned("informational")
    done = disk.planned_rows()
    planted = {p.row for p in planter.plants if p.host == f"lin-bad-{n}" and p.guilty}
    print(f"\nlin-bad-{n}: {len(actions)} actions, {len(planted & done)} of {len(planted)} planted rows; by hand: {sorted(planted - done)}")
    assert planted - done <= BY_HAND
    before = manifest(disk.root)
    assert disk.run("verify")[0] == 1
    last_keys = [a["target"]["path"] for a in actions if a["mechanism"] == "L062"]  # the planted accounts have no password
    code, out, err = disk.run("apply", "--yes", *(word for path in last_keys for word in ("--i-know", path)))
    assert code == 0, out + err
    here = sum(not any("absent" in e for e in a["expect"]) for a in actions)  # what the range has in a listing alone was never on the disk
    assert f"Done: {here} of {here}, verified.\nNothing else in the touched folders changed" in out
    meant = {e["path"][1:] for a in actions for e in a["expect"] if "path" in e}
    after = manifest(disk.root)
    differ = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p) and not (disk.root / p).is_dir()}
    assert differ <= meant
    assert disk.run("verify")[0] == 0
    applied = disk.applied_rows() & planted
    code, out, err = disk.run("undo")
    assert code == 0, out + err
    assert manifest(disk.root) == before
    assert applied == removed_here(n, "L"), "run python -m tests.range.removed docs/range.md"
