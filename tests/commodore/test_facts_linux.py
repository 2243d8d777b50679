"""Facts of a Linux host from /etc, good and bad."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import TZPATH, ZoneInfo

import pytest

from commodore.evidence import Evidence
from commodore.facts import linux
from commodore.readers import logtime
from tests.commodore.damage import damaged
from tests.conftest import need


def facts(**content):
    """Facts of these files: `etc_passwd="…"` is etc/passwd; a tuple is (content, custody facts)."""
    held = {}
    for name, value in content.items():
        data, about = value if isinstance(value, tuple) else (value, {})
        path = name.replace("__", "-").replace("_", "/")
        held[path] = Evidence("/" + path, data.encode() if isinstance(data, str) else data, facts=about)
    return linux.facts(held.get)


def tzif(name: str) -> bytes:
    for root in TZPATH:
        try:
            with open(f"{root}/{name}", "rb") as stream:
                return stream.read()
        except OSError:
            continue
    try:
        return (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).read_bytes()
    except (ModuleNotFoundError, OSError):
        need(False, "time zone data")
        raise


def test_name_version_users_and_homes():
    found = facts(
        etc_hostname="# name\nweb-vitrine\n",
        etc_os__release='NAME="X"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        etc_passwd="root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root2:/bin/sh\npaul:x:1000:1000::/home/paul:/bin/sh\n+nis::::::\nbad:line\n",
    )
    assert found == {
        "name": "web-vitrine",
        "os_version": "Debian GNU/Linux 12 (bookworm)",
        "users": {"0": "root", "1000": "paul"},
        "profiles": {"root": "/root", "toor": "/root2", "paul": "/home/paul"},
    }


def test_os_release_below_usr_stands_in():
    assert facts(usr_lib_os__release="NAME=Alpine\nVERSION=3.20\n")["os_version"] == "Alpine 3.20"


def test_zone_by_name_link_or_content():
    assert facts(etc_timezone="Europe/Paris\n")["timezone"] == "Europe/Paris"
    assert facts(etc_localtime=("", {"link": "../usr/share/zoneinfo/America/New_York"}))["timezone"] == "America/New_York"
    assert facts(etc_localtime=("", {"link": "/usr/share/zoneinfo/posix/Asia/Tokyo"}))["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize("name", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Sao_Paulo"])
def test_zone_by_content_keeps_the_same_hours(name):
    found = logtime.zone(facts(etc_localtime=tzif(name))["timezone"])
    moments = [datetime(year, month, 15, 12, tzinfo=UTC) for year in range(2001, 2031) for month in range(1, 13)]
    assert [m.astimezone(found).utcoffset() for m in moments] == [m.astimezone(ZoneInfo(name)).utcoffset() for m in moments]


@pytest.mark.parametrize(
    ("footer", "zone"), [(b"<+0530>-5:30", "+05:30"), (b"EST5", "-05:00"), (b"UTC0", "+00:00"), (b"CET-1CEST,M3.5.0,M10.5.0/3", None)]
)
def test_a_zone_that_nobody_knows_by_its_footer(footer, zone):
    data = b"TZif2" + bytes(39) + b"TZif2" + bytes(15) + (1).to_bytes(4, "big") * 0 + bytes(24) + b"\n" + footer + b"\n"
    found = facts(etc_localtime=data).get("timezone")
    if zone is None:
        assert found is None or logtime.zone(found).utcoffset(datetime(2026, 7, 1)) == logtime.zone("Europe/Paris").utcoffset(
            datetime(2026, 7, 1)
        )
    else:
        assert logtime.zone(found).utcoffset(datetime(2026, 7, 1)) == logtime.zone(zone).utcoffset(datetime(2026, 7, 1))


@pytest.mark.parametrize("bad", ["../../etc/shadow\n", "/etc/passwd", "Europe/Paris; rm -rf /", "\0\0", "-x"])
def test_hostile_names_give_no_zone_and_no_host(bad):
    assert facts(etc_timezone=bad, etc_hostname=bad.replace("Europe", "../E")) == {}


def test_nothing_gives_nothing():
    assert linux.facts(lambda _: None) == {}


def test_damage_is_survived():
    whole = tzif("Europe/Paris")
    for bad in damaged(whole[:400] + whole[-60:]):
        linux.facts(
            {
                "etc/localtime": Evidence("/etc/localtime", bad),
                "etc/passwd": Evidence("/etc/passwd", bad),
                "etc/os-release": Evidence("/etc/os-release", bad),
                "etc/hostname": Evidence("/etc/hostname", bad),
            }.get
        )
