"""Planning costs no more than the number of findings, whatever they have in common: a folder of units, a crontab, the file that they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from commodore.readers.calls import CallCount
from tests.commodore.cases import commodore
from tests.hunter.driver import hunt

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def put(root: Path, path: str, content: bytes) -> None:
    at = root / path
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(content)


def units(root: Path, number: int) -> None:
    for n in range(number):
        put(root, f"etc/systemd/system/e{n}.service", b"[Service]\nExecStart=/tmp/x%d.sh\n[Install]\nWantedBy=multi-user.target\n" % n)


def crontab(root: Path, number: int) -> None:
    lines = b"".join(b"%d %d * * * root /tmp/x.sh %d\n" % (n % 60, n // 60 % 24, n) for n in range(number))
    put(root, "etc/crontab", lines)
    put(root, "tmp/x.sh", b"#!/bin/sh\n")


@pytest.mark.parametrize("plant", [units, crontab])
def test_planning_grows_with_the_number_of_findings(tmp_path, plant) -> None:
    costs = {}
    for number in (20, 100, 200, 400):  # the first one loads what is loaded once
        root, case = tmp_path / f"root{number}", tmp_path / f"case{number}"
        plant(root, number)
        put(root, "etc/hostname", b"web01\n")
        commodore("process", root, "-o", case)
        count = CallCount()
        with count.counting():
            code, _, err = hunt("plan", case, "-r", RECIPIENT, "-o", tmp_path / "work" / f"{number}.yaml")
        assert code == 0, err
        costs[number] = count.made
    assert costs[400] - costs[200] <= 2.4 * (costs[200] - costs[100])
