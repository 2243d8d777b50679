"""Plans with every operation of a system, forty actions each: killed anywhere, with unsynced writes lost, they are completed or taken back.

A few instants are tried, spread over the whole run and different from day to day; `python -m bench.kill_removal` tries each of them.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.conftest import need
from tests.hunter import forty
from tests.hunter.test_offline_windows import Disk
from tests.range import plants

POINTS = 5


@pytest.fixture(scope="module", params=["linux", "windows"])
def planned(request, tmp_path_factory) -> Disk:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    return forty.planned(request.param, tmp_path_factory.mktemp(request.param))


def points(total: int) -> Iterator[int]:
    seed = time.strftime("%Y%j")
    print(f"{total} steps; the instants of {seed}")
    chosen = random.Random(seed)
    for n in range(POINTS):
        yield 1 + total * n // POINTS + chosen.randrange(max(1, total // POINTS))


def test_killed_anywhere_a_plan_of_every_operation_is_done_or_undone(planned) -> None:
    campaign = forty.Campaign(planned)
    assert campaign.total > 200
    for turn, n in enumerate(points(campaign.total)):
        campaign.strike(n, complete=turn % 2 == 0)
