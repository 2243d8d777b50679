"""Processes six hundred variants of plants on Windows: kinds of value, control sets, hives, wrappers and files, and near misses."""

from __future__ import annotations

from pathlib import Path

from tests.range import windows_variants
from tests.range.variants import held


def test_every_variant_is_found_and_no_near_miss_is(tmp_path: Path) -> None:
    planted = windows_variants.plant(tmp_path / "hosts")
    missed, alarms = held(planted, tmp_path / "hosts", tmp_path / "case")
    assert sum(variant.want != "none" for variant in planted) > 620 and len({variant.row for variant in planted}) > 140
    assert not missed
    assert not alarms
