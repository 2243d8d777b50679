"""Plans with every operation of a system, forty actions each: killed anywhere, with unsynced writes lost, they are completed or taken back.

By default a few instants are tried, spread over the whole run and different from day to day; ESCADRE_KILLS=all tries each of them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hunter.catalogue import catalogue
from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.driver import killed_at, steps_of
from tests.hunter.test_kill import without_times
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter
from tests.yamls import PLAIN

MOST, POINTS = 40, 5


@pytest.fixture(scope="module", params=["linux", "windows"])
def planned(request, tmp_path_factory) -> Disk:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    root = tmp_path_factory.mktemp(request.param)
    planter = Planter(root / "hosts", 20261129)
    {"linux": plants.linux, "windows": plants.windows}[request.param](planter)
    planter.build()
    disk = Disk(root / "hosts" / f"{request.param[:3]}-bad-0", root / "work")
    actions = disk.planned("informational")
    chosen = _every_operation(actions)
    operations = {catalogue()[a["kind"]].operation for a in actions}
    assert {catalogue()[a["kind"]].operation for a in chosen} == operations
    assert len(operations) > 6
    print(f"\n{request.param}: {len(chosen)} actions of {len(actions)}, {len(operations)} operations: {', '.join(sorted(operations))}")
    plan = yaml.load(disk.plan.read_text(), PLAIN)
    plan["actions"] = chosen
    disk.plan.write_text(json.dumps({name: part for name, part in plan.items() if name != "seal"}))
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err
    return disk


def _every_operation(actions: list[dict]) -> list[dict]:
    """At most forty actions in the order of the plan: those of each operation in turn."""
    of: dict[str, list[dict]] = {}
    for action in actions:
        of.setdefault(catalogue()[action["kind"]].operation, []).append(action)
    turns = [group[n] for n in range(MOST) for group in of.values() if n < len(group)]
    ids = {action["id"] for action in turns[:MOST]}
    return [action for action in actions if action["id"] in ids]


def state(disk: Disk) -> tuple[dict, dict]:
    """All files, and all keys and values as independent readers see them."""
    return disk.files(), disk.hives()


def unstamped(found: tuple[dict, dict]) -> tuple[dict, dict]:
    """Without times, which differ from run to run."""
    files, hives = found
    return without_times(files), {
        n: {r: {k: v[1:] for k, v in dump.items()} for r, dump in readers.items()} for n, readers in hives.items()
    }


def points(total: int) -> Iterator[int]:
    if os.environ.get("ESCADRE_KILLS") == "all":
        yield from range(1, total + 1)
        return
    seed = time.strftime("%Y%j")
    print(f"{total} steps; the instants of {seed}")
    chosen = random.Random(seed)
    for n in range(POINTS):
        yield 1 + total * n // POINTS + chosen.randrange(max(1, total // POINTS))


def test_killed_anywhere_a_plan_of_every_operation_is_done_or_undone(planned) -> None:
    disk = planned
    known = [word for a in disk.actions() if a["mechanism"] == "L062" for word in ("--i-know", a["target"]["path"])]
    apply = ("apply", disk.plan, "--root", disk.root, "--yes", *known)
    before = state(disk)
    total = steps_of(*apply)
    applied = unstamped(state(disk))
    code, out, err = disk.run("undo")
    assert code == 0, out + err
    assert state(disk) == before
    assert total > 200
    for turn, n in enumerate(points(total)):
        for name in (".journal.jsonl", ".runkey", ".journal.head"):
            Path(f"{disk.plan}{name}").unlink(missing_ok=True)
        shutil.rmtree(f"{disk.plan}.backup", ignore_errors=True)
        assert killed_at(n, *apply, lose=(disk.root, disk.place)) or n == total
        if turn % 2 == 0:
            code, out, err = disk.run("apply", "--yes", *known)
            assert code == 0, f"killed at {n}: {out}{err}"
            assert unstamped(state(disk)) == applied, f"killed at {n}"
        code, out, err = disk.run("undo")
        assert code in (0, 2), f"killed at {n}: {out}{err}"
        assert state(disk) == before, f"killed at {n}"
        assert not list(disk.root.rglob(".escadre*")), f"killed at {n}"
    assert manifest(disk.root)
