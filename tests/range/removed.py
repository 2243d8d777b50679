"""What HUNTER does about every planted row of the range, host by host: detected, planned, removed, undone the same. The table in the docs.

python -m tests.range.removed docs/range.md          (root on Linux, python3-hivex)
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from commodore.persistence.table import rows

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "range.md"
ELSEWHERE = {
    "L090": "a running Debian in systemd-nspawn (`tests/hunter/test_live_intruder.py`), and this machine",
    **dict.fromkeys(("W110", "W111", "W112", "W113"), "only on the running Windows (WMI)"),
}
"""rows whose plants no mounted root has, and where their removal is tested; none of these is counted"""
_HEAD = """# The range: planted, detected, removed, undone

Each row of [the persistence table](artefacts/persistence-table.md) is planted in three variants on three hosts, among near misses
(`tests/range/`). COMMODORE finds what the mounted root of a host shows, `hunter plan` makes the plan of these findings, `hunter apply
--yes` removes it there, `hunter verify` finds it gone, `hunter undo` puts it back: every file with its bytes, mode, owner, times,
attributes and links, every hive with its keys, values, descriptors and last writes, as independent readers see them, is the same as
before. The numbers in the columns are the variants of which that holds. Made by `python -m tests.range.removed docs/range.md`; the tests
of the range hold the page to what they see.
"""


class RangeHost(NamedTuple):
    """One host: its number, and the rows that were planted, found, planned, removed and verified gone, and undone the same."""

    number: int
    planted: frozenset[str]
    detected: frozenset[str]
    planned: frozenset[str]
    removed: frozenset[str]
    undone: frozenset[str]


def applied_rows(journal: Path, plan: Iterable[dict], findings: Iterable[dict]) -> frozenset[str]:
    """Return the rows whose findings the applied actions of the last run answer; two rows may mean one object."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    opened = [line for line in lines if line["event"] == "open"][-1]
    done = {edit["action"] for edit in opened["edits"]}
    why = {each for action in plan if action["id"] in done for each in action["why"]}
    return frozenset(row["rule.id"] for row in findings if row["escadre.id"] in why)


def page(hosts: Iterable[RangeHost]) -> str:
    """Return the page."""
    parts, every = [_HEAD], list(hosts)
    for system, title in (("windows", "Windows"), ("linux", "Linux")):
        here = [row for row in rows() if row.os == system]
        lines, whole = [], {"removal": 0, "report": 0}
        for row in here:
            mine = [host for host in every if row.id in host.planted]
            cells = [" ".join(str(h.number + 1) for h in mine if row.id in getattr(h, column)) or "–" for column in RangeHost._fields[1:]]
            if cells[0] == cells[3] == cells[4] != "–":
                whole["report" if row.remove == "MM" else "removal"] += 1
            where = "by hand" if row.remove == "MM" else ELSEWHERE.get(row.id, "")
            lines.append(f"| {row.id} | {row.name} | {' | '.join(cells)} | {where} |\n")
        by_hand = sum(row.remove == "MM" for row in here)
        said = (
            f"{whole['removal']} of {len(here) - by_hand} rows are removed and undone in every variant; {by_hand} more "
            "are left to a person by their nature (*by hand*) and not counted."
        )
        head = "| row | place | planted | detected | planned | removed | undone | |\n|---|---|---|---|---|---|---|---|\n"
        parts.append(f"## {title}\n\n{said}\n\n{head}{''.join(lines)}")
    return "\n".join(parts)


def removed_here(number: int, letter: str) -> set[str]:
    """Return the rows that the committed page calls removed and undone on the host with this number, of a system (`L`, `W`)."""
    found = set()
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if match := re.match(rf"\| ({letter}\d+) \|", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if str(number + 1) in cells[5].split() and cells[5] == cells[6]:
                found.add(match[1])
    return found


def main() -> None:
    from tests.hunter.rounds import rounds

    with tempfile.TemporaryDirectory(prefix="range-removed-") as place:
        made = page(rounds(Path(place)))
    Path(sys.argv[1]).write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
