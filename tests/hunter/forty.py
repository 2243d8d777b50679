"""A plan of forty actions with every operation of a system on a planted root, and what is left of it after a kill at one of its steps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from hunter.catalogue import catalogue
from tests.hunter.driver import killed_at, steps_of
from tests.hunter.test_kill import without_times
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter
from tests.yamls import PLAIN

MOST = 40


def planned(system: str, folder: Path) -> Disk:
    """Plant, find and plan a host of a system (`linux`, `windows`) below `folder`; the plan is sealed on its root."""
    planter = Planter(folder / "hosts", 20261129)
    {"linux": plants.linux, "windows": plants.windows}[system](planter)
    planter.build()
    disk = Disk(folder / "hosts" / f"{system[:3]}-bad-0", folder / "work")
    actions = disk.planned("informational")
    chosen = _every_operation(actions)
    operations = {catalogue()[a["kind"]].operation for a in actions}
    assert {catalogue()[a["kind"]].operation for a in chosen} == operations
    assert len(operations) > 6
    print(f"\n{system}: {len(chosen)} actions of {len(actions)}, {len(operations)} operations: {', '.join(sorted(operations))}")
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


class Campaign:
    """One plan, its undisturbed run, and kills at steps of it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.known = [word for a in disk.actions() if a["mechanism"] == "L062" for word in ("--i-know", a["target"]["path"])]
        self.before = state(disk)
        self.total = steps_of(*self._apply)
        self.applied = unstamped(state(disk))
        code, out, err = disk.run("undo")
        assert code == 0, out + err
        assert state(disk) == self.before

    @property
    def _apply(self) -> tuple[object, ...]:
        return ("apply", self.disk.plan, "--root", self.disk.root, "--yes", *self.known)

    def strike(self, n: int, *, complete: bool) -> None:
        """Kill a run right before its n-th step; complete it where asked, then undo it. AssertionError where anything differs."""
        disk = self.disk
        for name in (".journal.jsonl", ".runkey", ".journal.head"):
            Path(f"{disk.plan}{name}").unlink(missing_ok=True)
        shutil.rmtree(f"{disk.plan}.backup", ignore_errors=True)
        assert killed_at(n, *self._apply, lose=(disk.root, disk.place)) or n == self.total
        if complete:
            code, out, err = disk.run("apply", "--yes", *self.known)
            assert code == 0, f"killed at {n}: {out}{err}"
            assert unstamped(state(disk)) == self.applied, f"killed at {n}"
        code, out, err = disk.run("undo")
        assert code in (0, 2), f"killed at {n}: {out}{err}"
        assert state(disk) == self.before, f"killed at {n}"
        assert not list(disk.root.rglob(".escadre*")), f"killed at {n}"
