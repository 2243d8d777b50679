"""A fresh archive of a Windows disk: its hives and tasks are looked at, all detectors run, and what came back or is new is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scout.console import run
from tests.conftest import need
from tests.hunter.driver import hunt
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter

ROWS = {"W001", "W012", "W050", "W100", "W150"}


@pytest.fixture(scope="module")
def removed(tmp_path_factory) -> Disk:
    """A disk from which the actions of a few rows were removed, and the others of the plan were not."""
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    root = tmp_path_factory.mktemp("fresh")
    planter = Planter(root / "hosts", 20261129)
    plants.windows(planter)
    planter.build()
    disk = Disk(root / "hosts/win-bad-0", root / "work")
    disk.planned()
    disk.keep(ROWS)
    code, out, err = disk.run("apply", "--yes")
    assert code == 0, out + err
    return disk


def collect(disk: Disk, name: str, *words: object) -> Path:
    import scout.cli

    folder = disk.place / name
    folder.mkdir()
    given = ["collect", "-q", "-r", disk.recipient(), "--root", disk.root, "-o", folder, *words]
    assert run("scout", scout.cli.build_app, [str(a) for a in given]) in (0, 1)
    return next(folder.glob("*.age"))


def verified(disk: Disk, archive: Path, *words: str) -> tuple[int, dict[str, dict], list[dict]]:
    """Exit code, action → verdict, what is found beyond the plan."""
    code, out, err = hunt("verify", disk.plan, "--archive", archive, "-i", disk.key, "--json", *words)
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows, err
    return code, {r["id"]: r for r in rows if r["id"]}, [r for r in rows if r["reason"].startswith("not in the plan")]


def test_what_is_gone_what_came_back_and_what_is_new(removed) -> None:
    disk = removed
    actions = disk.actions()
    value = next(a["id"] for a in actions if a["mechanism"] == "W001")
    after = collect(disk, "after")
    code, targets, beyond = verified(disk, after)
    assert {r["gone"] for r in targets.values()} == {True}, targets
    assert len(targets) == len(actions)
    assert code == 1
    assert any("WMI" in r["title"] or "subscription" in r["title"] for r in beyond), [r["title"] for r in beyond]

    assert disk.run("undo", "--action", value)[0] == 0
    code, targets, _ = verified(disk, collect(disk, "back"), "--no-detect")
    assert (code, [r["id"] for r in targets.values() if not r["gone"]]) == (1, [value])


def test_a_hive_that_the_archive_does_not_hold_proves_nothing(removed) -> None:
    code, targets, _ = verified(removed, collect(removed, "part", "--targets", "WX02"), "--no-detect")
    assert code == 1
    kinds = {a["id"]: a["kind"] for a in removed.actions()}
    of_keys = [r for name, r in targets.items() if kinds[name].startswith("registry")]
    assert of_keys
    assert {r["gone"] for r in of_keys} == {None}
