"""`--gentle` keeps its share of the processor, `--min-free` its space at the output; both are in the archive."""

from __future__ import annotations

import shutil

import pytest

from scout.collecting import manners
from tests.scout.collecting import *  # noqa: F403  (fixtures)


@pytest.mark.parametrize("work", [0.01, 0.3, 2.0])
def test_the_share_is_kept_whatever_an_item_costs(work):
    clock = {"used": 0.0, "now": 0.0}

    def sleep(seconds: float) -> None:
        assert seconds <= manners.MAX_PAUSE
        clock["now"] += seconds

    gentle = manners.Gentleness(0.2, used=lambda: clock["used"], now=lambda: clock["now"], sleep=sleep)
    for _ in range(100):
        clock["used"] += work
        clock["now"] += work
        for _ in range(3):
            gentle.pause()
    assert clock["used"] / clock["now"] <= 0.21


def test_nothing_is_taken_where_too_little_space_is_left(root, collected, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 5_000_000))
    archive = collected(root, "--min-free", "10MB", "--targets", "LF06", code=1)
    line = archive.custody["/var/log/syslog"]
    assert line["verdict"] == "over limit" and "--min-free" in line["error"] and line["sha256"]
    assert archive.document("collection.json")["limits"]["min_free"] == 10_000_000


def test_a_gentle_collection_is_complete(root, collected, monkeypatch):
    stepped = []
    monkeypatch.setattr(manners, "step_back", lambda: stepped.append(True))  # the priority of the tests' own process stays
    archive = collected(root, "--gentle", "--targets", "LF06")
    assert archive.verdict("/var/log/syslog") == "taken" and stepped == [True]
    assert archive.document("collection.json")["limits"]["gentle"] is True
