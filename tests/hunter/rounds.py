"""Every host of the range through HUNTER once: planned from COMMODORE's findings, applied, verified, undone, compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.hunter.conftest import read_rows
from tests.hunter.test_offline_windows import Disk, windows_hosts
from tests.hunter.test_range_linux import linux_hosts
from tests.range import plants
from tests.range.plants import Planter
from tests.range.removed import RangeHost, applied_rows
from tests.range.test_range import _of


def rounds(folder: Path) -> Iterator[RangeHost]:
    """Yield the outcome of each compromised host, of Windows and of Linux."""
    for system, make in (("win", windows_hosts), ("lin", linux_hosts)):
        planter = make(folder / system)
        for n in range(plants.HOSTS):
            yield of_host(planter, Disk(folder / system / f"{system}-bad-{n}", folder / f"work-{system}-{n}"), n)


def of_host(planter: Planter, disk: Disk, n: int) -> RangeHost:
    """Take one host through it. AssertionError where HUNTER refuses."""
    actions = disk.planned("informational")
    found = [row for path in (disk.place / "case/findings").iterdir() for row in read_rows(path)]
    mine = [p for p in planter.plants if p.host == disk.root.name and p.guilty]
    before = disk.files(), disk.hives()
    last_keys = [a["target"]["path"] for a in actions if a["mechanism"] == "L062"]
    code, out, err = disk.run("apply", "--yes", *(word for path in last_keys for word in ("--i-know", path)))
    assert code == 0, out + err
    applied = applied_rows(disk.journal, actions, found)
    code, out, err = disk.run("verify")
    assert "THERE" not in out, out + err
    code, out, err = disk.run("undo")
    assert code == 0, out + err
    same = (disk.files(), disk.hives()) == before
    planted = frozenset(p.row for p in mine)
    detected = frozenset(p.row for p in mine if _of(p, found))
    return RangeHost(n, planted, detected, frozenset(disk.planned_rows()), applied, applied if same else frozenset())
