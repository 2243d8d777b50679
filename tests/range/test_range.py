"""Plants every persistence row among near misses, processes the hosts, and holds the detector to what was planted."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zstandard

from commodore.engine.process import process
from commodore.finding import SEVERITIES
from commodore.persistence.table import rows
from scout.collecting.collect import collect
from scout.collecting.options import CollectOptions
from scout.console import Screen
from scout.keys import keygen, load_identities
from tests.conftest import need
from tests.range import plants
from tests.range.plants import Plant, Planter

SEEDS = tuple(int(seed) for seed in os.environ.get("ESCADRE_RANGE_SEEDS", "20261123,7").split(","))
"""Other seeds plant other names, cases and places: ESCADRE_RANGE_SEEDS=1,2,3"""
GRAVE = ("high", "critical")
VARIANTS = 3
LISTS = {
    "mechanisms of Windows": lambda row: row[0] == "W" and int(row[1:]) < 200,
    "settings of Windows to put back": lambda row: row[0] == "W" and 200 <= int(row[1:]) <= 204,
    "settings of Linux to put back": lambda row: row[0] == "L" and 200 <= int(row[1:]) <= 204,
    "mechanisms of Linux": lambda row: row[0] == "L" and int(row[1:]) < 100,
    "differences of lists": lambda row: int(row[1:]) > 204 or (row[0] == "L" and 99 < int(row[1:]) < 200),
}
"""The rows by the list that their number is from, apart from those that this program adds"""


@pytest.fixture(scope="module", params=SEEDS)
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Plant], list[dict]]:
    need(plants.has_hivex(), "python3-hivex, which writes the hives")
    root = tmp_path_factory.mktemp("range")
    planter = Planter(root / "hosts", request.param)
    hosts = plants.windows(planter) + plants.linux(planter)
    planter.build()
    process([root / "hosts" / host for host in hosts], root / "case", workers=2)
    return planter.plants, list(_findings(root / "case"))


def _findings(case: Path) -> Iterator[dict]:
    for path in sorted(case.glob("findings/*.jsonl.zst")):
        raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True).read()
        yield from map(orjson.loads, raw.splitlines())


def _of(plant: Plant, findings: list[dict], *, any_row: bool = False) -> list[dict]:
    """Findings of the plant's row, or of any row that sees the same, on its host that carry its mark."""
    mark = orjson.dumps(plant.mark).decode()[1:-1].lower()
    return [
        f
        for f in findings
        if f["host.name"].lower() == plant.host
        and (any_row or f["rule.id"] == plant.row)
        and mark in orjson.dumps(f.get("target")).decode().lower()
    ]


def test_every_plant_is_found_and_no_near_miss_is_grave(outcome: tuple[list[Plant], list[dict]]) -> None:
    planted, findings = outcome
    planted_rows = sorted({p.row for p in planted})
    known = {row.id: row for row in rows()}
    taken = _collected()
    print(f"\n{'row':<6}{'planted':>8}{'collected':>10}{'detected':>9}{'severity':>10}{'decoys':>8}{'false alarms':>13}  removal")
    missed, false, found_of = [], [], {}
    for row in planted_rows:
        guilty = [p for p in planted if p.row == row and p.guilty]
        decoys = [p for p in planted if p.row == row and not p.guilty]
        found = [p for p in guilty if any(SEVERITIES.index(f["escadre.severity"]) >= SEVERITIES.index(p.least) for f in _of(p, findings))]
        alarms = [p for p in decoys if any(f["escadre.severity"] in GRAVE for f in _of(p, findings))]
        missed += [p for p in guilty if p not in found]
        false += alarms
        found_of[row] = len(found) == len(guilty)
        worst = max((SEVERITIES.index(f["escadre.severity"]) for p in guilty for f in _of(p, findings)), default=0)
        says = (f"{row:<6}{len(guilty):>8}", f"{'triage' if row in taken else 'in part':>10}{len(found):>9}{SEVERITIES[worst]:>10}")
        print(*says, f"{len(decoys):>8}{len(alarms):>13}  {known[row].remove} ({known[row].kind})", sep="")
        assert len(guilty) >= VARIANTS and len(decoys) >= VARIANTS, row
    counts = {name: sum(found_of[row] for row in planted_rows if counted(row)) for name, counted in LISTS.items()}
    print(", ".join(f"{name}: {number}" for name, number in counts.items()))
    assert not missed
    assert not false
    assert set(planted_rows) == set(known)
    assert counts["mechanisms of Windows"] >= 150 and counts["mechanisms of Linux"] >= 76
    assert counts["settings of Windows to put back"] == counts["settings of Linux to put back"] == 5


def _collected() -> set[str]:
    """Return the rows whose dataset has a target of the triage profile behind it."""
    from commodore import catalogue
    from scout.targets import load

    taken = {dataset for target in load() if target.priority == "T" for dataset in target.reads}
    known = catalogue.artefacts() | catalogue.derivations()
    return {
        row.id for row in rows() if set(known[row.dataset].artefact.datasets or (row.dataset,)) <= taken | catalogue.derivations().keys()
    }


def test_triage_of_scout_brings_all_that_is_found(tmp_path: Path) -> None:
    """The same hosts as SCOUT collects them from their disks: only what a running host answers is not among it."""
    need(plants.has_hivex(), "python3-hivex, which writes the hives")
    planter = Planter(tmp_path / "hosts", SEEDS[0])
    hosts = plants.windows(planter) + plants.linux(planter)
    planter.build()
    (tmp_path / "archives").mkdir()
    recipient = keygen(tmp_path / "key.txt")
    for host in hosts:
        collect(CollectOptions(recipients=[recipient], out=tmp_path / "archives", root=tmp_path / "hosts" / host), Screen(quiet=True))
    archives = sorted((tmp_path / "archives").glob("*.age"))
    process(archives, tmp_path / "case", identities=load_identities(tmp_path / "key.txt"), workers=2)
    findings = list(_findings(tmp_path / "case"))
    live = {row.id for row in rows() if row.dataset.startswith("live_") or row.dataset == "file_listing"}
    assert len(archives) == len(hosts) and len({p.row for p in planter.plants} - live) > 220
    assert not [p for p in planter.plants if p.guilty and p.row not in live and not _of(p, findings)]


def test_nothing_grave_is_said_of_what_was_not_planted(outcome: tuple[list[Plant], list[dict]]) -> None:
    planted, findings = outcome
    explained = {f["escadre.id"] for p in planted if p.guilty for f in _of(p, findings, any_row=True)}
    assert not [
        f["message"]
        for f in findings
        if f["rule.category"] == "persistence"  # what the plants contain is also found by rules on scripts and commands
        and f["escadre.severity"] in GRAVE
        and f["escadre.id"] not in explained
        and f.get("escadre.cause") not in explained
    ]


def test_targets_carry_what_was_written_unchanged(outcome: tuple[list[Plant], list[dict]]) -> None:
    planted, findings = outcome
    for plant in (p for p in planted if p.guilty):
        target = _of(plant, findings)[0]["target"]
        assert target["mechanism"] == plant.row
        if plant.row in ("L001", "L003", "L050", "L062"):
            assert plant.mark in target["line"]
            assert target["file"]["sha256"] and target["file"]["size"]
        if plant.row in ("W001", "W012", "W013", "W150"):
            assert target["data_type"] in ("REG_SZ", "REG_EXPAND_SZ") and target["data"] and target["hive_file"]


def test_the_file_that_a_unit_starts_is_named_as_its_payload(outcome: tuple[list[Plant], list[dict]]) -> None:
    planted, findings = outcome
    unit = next(p for p in planted if p.row == "L010" and p.guilty and p.host == "lin-bad-0")
    target = _of(unit, findings)[0]["target"]
    assert target["kind"] == "systemd-unit"
    assert len(target["payload"]) == 1 and target["payload"][0].endswith("/agent")
