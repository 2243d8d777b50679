"""Plants every persistence row among near misses, processes the hosts, and holds the detector to what was planted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zstandard

from commodore.engine.process import process
from commodore.finding import SEVERITIES
from commodore.persistence.table import rows
from tests.conftest import need
from tests.range import plants
from tests.range.plants import Plant, Planter

SEEDS = (20261123, 7)
GRAVE = ("high", "critical")


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


def _of(plant: Plant, findings: list[dict]) -> list[dict]:
    """Findings of the plant's row on its host that carry its mark."""
    mark = orjson.dumps(plant.mark).decode()[1:-1].lower()
    return [
        f
        for f in findings
        if f["host.name"].lower() == plant.host and f["rule.id"] == plant.row and mark in orjson.dumps(f["target"]).decode().lower()
    ]


def test_every_plant_is_found_and_no_near_miss_is_grave(outcome: tuple[list[Plant], list[dict]]) -> None:
    planted, findings = outcome
    planted_rows = sorted({p.row for p in planted})
    print(f"\n{'row':<6}{'planted':>8}{'detected':>9}{'decoys':>8}{'false alarms':>13}")
    missed, false = [], []
    for row in planted_rows:
        guilty = [p for p in planted if p.row == row and p.guilty]
        decoys = [p for p in planted if p.row == row and not p.guilty]
        found = [p for p in guilty if any(SEVERITIES.index(f["escadre.severity"]) >= SEVERITIES.index(p.least) for f in _of(p, findings))]
        alarms = [p for p in decoys if any(f["escadre.severity"] in GRAVE for f in _of(p, findings))]
        missed += [p for p in guilty if p not in found]
        false += alarms
        print(f"{row:<6}{len(guilty):>8}{len(found):>9}{len(decoys):>8}{len(alarms):>13}")
    assert not missed
    assert not false
    assert set(planted_rows) == {m.id for m in rows()}


def test_nothing_grave_is_said_of_what_was_not_planted(outcome: tuple[list[Plant], list[dict]]) -> None:
    planted, findings = outcome
    explained = {f["escadre.id"] for p in planted if p.guilty for f in _of(p, findings)}
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
