"""`commodore findings`: a flood of one rule does not hide what else was found."""

from __future__ import annotations

import json

import pytest

from tests.commodore.cases import commodore


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """A case with 14 lines of one crontab that run what lies in /dev/shm, and a library that every program loads."""
    root = tmp_path_factory.mktemp("flood") / "web01"
    for folder in ("etc/cron.d", "dev/shm/.x", "var/lib/dpkg"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    (root / "etc/cron.d/work").write_text("".join(f"{n} * * * * root /dev/shm/.x/run{n}.sh\n" for n in range(14)))
    (root / "etc/ld.so.preload").write_text("/dev/shm/.x/all.so\n")
    commodore("process", root, "-o", root.parent / "case")
    return root.parent / "case"


def test_ten_findings_of_a_rule_are_listed_and_the_others_counted_with_the_command_that_lists_them(flooded):
    shown = commodore("findings", flooded).stdout
    assert shown.count(" L001  ") == 10 and " L050  " in shown
    assert f"4 more of L001 on web01 → commodore findings {flooded} --host web01 --rule L001" in shown
    assert commodore("findings", flooded, "--host", "web01", "--rule", "L001").stdout.count(" L001  ") == 14
    every = [json.loads(line)["rule.id"] for line in commodore("findings", flooded, "--json").stdout.splitlines()]
    assert every.count("L001") == 14 and f"{len(every)} findings." in shown


def test_the_summary_has_three_findings_of_a_rule(flooded):
    said = commodore("process", flooded.parent / "web01", "-o", flooded.parent / "again").stdout
    assert said.count("Cron runs ") == 3 and " puts /dev/shm/.x/all.so into every program" in said
    assert "and 11 more → commodore findings" in said
