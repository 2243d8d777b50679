"""Facts of a Windows host from its hives."""

from __future__ import annotations

import json
import lzma
import zoneinfo

import pytest

from commodore.evidence import Evidence
from commodore.facts.windows import WANTED, facts, zones
from commodore.host import Host
from fixtures.hives.build import USER, files
from fixtures.hives.writer import Image, Key

FILES = files()
TIME = 132_000_000_000_000_000


def of(system=None, software=None):
    given = {"Windows/System32/config/SYSTEM": system, "Windows/System32/config/SOFTWARE": software}
    return facts(lambda path: Evidence(path, given[path]) if given.get(path) is not None else None)


def test_the_fixtures_host_is_known_in_full():
    known = of(FILES["SYSTEM"], FILES["SOFTWARE"])
    host = Host(collection="c", **known)
    assert (host.name, host.os, host.timezone, host.control_set) == ("PC-ACCUEIL-03", "windows", "Europe/Paris", 1)
    assert host.os_version == "Windows 11 Pro 23H2 (10.0.22631.3447)"
    assert host.system_root == "C:\\Windows"
    assert host.profiles[USER] == "C:\\Users\\agnes.m"
    assert host.profiles["S-1-5-18"] == "C:\\Windows\\system32\\config\\systemprofile"
    assert (host.users[USER], host.users["S-1-5-20"]) == ("agnes.m", "NETWORK SERVICE")


@pytest.mark.parametrize(
    ("hive", "name", "zone"), [("SYSTEM", "WKS-WIN732BITA", "America/New_York"), ("SYSTEM_2", "SENSEI", "America/Los_Angeles")]
)
def test_real_hives_give_name_zone_and_control_set(corpus, hive, name, zone):
    known = of(lzma.decompress((corpus / f"hives/mkorman90+regipy/regipy_tests/data/{hive}.xz").read_bytes()))
    assert known == {"os": "windows", "name": name, "timezone": zone, "control_set": 1}
    cases = json.loads((corpus / "truth-shared/regipy_expected.json").read_text())["validation_cases"]
    truth = next(c for c in cases if c["plugin"] == "ComputerNamePlugin")["exact_expected_result"]
    assert name == truth[0]["name"] or hive != "SYSTEM"  # regipy gives both control sets, the first is the current one


def system(**zone):
    root = Key("ROOT", TIME)
    root.at("Select").put(Current=3)
    root.at("ControlSet003\\Control\\TimeZoneInformation").put(**zone)
    return Image(root, TIME, "SYSTEM").hive()


@pytest.mark.parametrize(
    ("values", "zone"),
    [
        ({"TimeZoneKeyName": "romance standard time", "Bias": 0}, "Europe/Paris"),
        ({"TimeZoneKeyName": "Tokyo Standard Time\0junk"}, "Asia/Tokyo"),
        ({"TimeZoneKeyName": "Of My Own", "Bias": -60}, "+01:00"),
        ({"Bias": 210}, "-03:30"),
        ({"Bias": -345}, "+05:45"),
        ({}, ""),
        ({"Bias": 300, "ActiveTimeBias": 240, "DynamicDaylightTimeDisabled": 1}, "-04:00"),
        ({"Bias": 99_999}, ""),
    ],
)
def test_a_zone_is_a_name_where_windows_names_it_else_a_fixed_offset(values, zone):
    assert of(system(**values)).get("timezone", "") == zone


def test_every_zone_of_the_table_exists():
    assert len(zones()) > 130
    known = zoneinfo.available_timezones()
    assert [name for name in zones().values() if name not in known] == []


def test_nothing_is_made_up_from_broken_or_missing_hives():
    assert of() == {}
    assert of(b"", b"MZ") == {}
    for end in range(0, 12288, 256):
        known = of(FILES["SYSTEM"][:end], FILES["SOFTWARE"][:end])
        assert set(known) <= {"os", "name", "timezone", "control_set", "os_version", "system_root", "profiles", "users"}
    assert all(path.lower().endswith(("system", "software")) for path in WANTED)
