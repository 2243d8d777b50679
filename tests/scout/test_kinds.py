"""The table of kinds of evidence and the profiles agree with the targets."""

from __future__ import annotations

import re

import pytest

from scout.console import Complaint
from scout.targets import load, select
from scout.targets.kinds import kinds, page
from scout.targets.profiles import profiles

# Counted in the catalogue of what collectors take: the highest number of each family. A family has every number from 1 on.
FAMILIES = {"WL": 13, "WN": 12, "WR": 8, "WE": 9, "WX": 16, "WP": 10, "WS": 9, "WB": 7, "WD": 2, "LL": 10, "LF": 25}
ON_DEMAND = {"WL13", "WB04", "WB07", "LL10", "LF25"}


def test_every_kind_has_a_target_or_a_reason():
    listed = {kind.id: kind for kind in kinds()}
    assert set(listed) == {f"{family}{number:02}" for family, last in FAMILIES.items() for number in range(1, last + 1)}
    assert {name for name, kind in listed.items() if not kind.by} == ON_DEMAND | {"WS07"}
    assert all(len(kind.note) > 20 for kind in listed.values() if not kind.by)


def test_a_kind_is_served_by_the_target_of_its_name_where_there_is_one():
    known = {target.id for target in load()}
    assert [kind.id for kind in kinds() if kind.id in known and kind.id not in kind.by] == []


def test_the_page_names_every_target_and_every_kind():
    text = page()
    for name in {target.id for target in load()} | {kind.id for kind in kinds()}:
        assert re.search(rf"\b{name}\b", text), name


def test_profiles_take_what_they_say():
    chosen = {
        (name, system): {target.id: target for target in select(load(), os_name=system, profile=name)}
        for name in profiles()
        for system in ("windows", "linux")
    }
    triage, full = chosen["triage", "windows"], chosen["full", "windows"]
    assert set(triage) < set(full) and "WD01" not in triage
    assert set(chosen["dc", "windows"]) > set(triage) | {"WD01", "WE02"}
    assert set(chosen["hypervisor", "windows"]) > set(triage) | {"WD02"}
    assert set(chosen["container-host", "linux"]) > set(chosen["triage", "linux"]) | {"LF27"}
    assert {"WS04", "WE08", "WE09", "WL09"} <= set(chosen["ransomware", "windows"])
    for system in ("windows", "linux"):
        assert all(target.live or target.images for target in chosen["volatile", system].values())
        assert len(chosen["volatile", system]) > 7
        assert not any(target.live or target.images for target in chosen["offline-image", system].values())
    with pytest.raises(Complaint, match="no profile") as refused:
        select(load(), os_name="linux", profile="quick")
    assert "ransomware" in refused.value.do
