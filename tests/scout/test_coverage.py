"""What a collection would have shown: the same for each path whatever was looked at first, at a cost that grows with what was collected."""

from __future__ import annotations

import pytest

from commodore.readers.calls import CallCount
from scout import coverage
from scout.coverage import TargetCoverage

PATHS = {
    "linux": (
        "/etc/crontab",
        "/etc/ssh/x/y",
        "/home/agnes/.bash_history",
        "/root/.ssh/authorized_keys",
        "/var/log/a.log",
        "/tmp/x",
        "/x",
        "/",
    ),
    "windows": (
        "c:\\windows\\system32\\tasks\\a",
        "c:\\users\\agnes\\ntuser.dat",
        "c:\\$mft",
        "d:\\x",
        "c:\\windows\\temp\\a.exe",
        "c:\\programdata\\a",
    ),
}


@pytest.mark.parametrize("system", PATHS)
def test_patterns_of_a_folder_are_those_that_may_match_there(system):
    every = coverage._patterns(system, "Windows")
    windows = system == "windows"
    asked = TargetCoverage.of(PATHS[system], windows=windows, whole=True)._asked
    found = 0
    for path in PATHS[system]:
        below = coverage._split(path)[1]
        expected = [(one, one.home(below) or "") for one in every if one.covers(below)]
        assert asked[path] == expected, path
        found += len(expected)
    assert found >= 3


def test_many_homes_cost_no_more_than_their_number():
    """A host whose intruder names a file in each of many homes, and has those homes: asked, and shown by a line each."""
    costs = []
    for number in (100, 200, 400):
        paths = [f"/home/u{n}/.bash_history" for n in range(number)]
        count = CallCount()
        with count.counting():
            made = TargetCoverage.of(paths, windows=False, whole=True)
            ids = {pattern.target.id for pattern, _ in made._asked[paths[0]]}
            assert ids
            for path in paths:
                for target in ids:
                    made.note({"path": path, "target": target, "verdict": "taken"})
        costs.append(count.made)
    assert costs[2] <= 5 * costs[0]
