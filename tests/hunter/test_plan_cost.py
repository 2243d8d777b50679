"""Planning costs no more than the number of findings, whatever they share: a folder of units, or a file whose lines are removed with it."""

from __future__ import annotations

from typing import Any

import pytest

from commodore.readers.calls import CallCount
from hunter.host.archived import ArchiveView
from hunter.plan.model import RemovalTarget
from hunter.planning.propose import _Wanted, _without_edits_of_removed
from hunter.ref import Ref

FOLDER = "/etc/systemd/system"
TABLE = Ref("file", "/etc/crontab")


class ComparedFinding(dict[str, Any]):
    """A finding; comparing it is a call that is counted, as it takes time."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self, other)


def units(number: int) -> list[_Wanted]:
    refs = [Ref("file", f"{FOLDER}/e{n}.service") for n in range(number)]
    return [_Wanted("systemd-unit", "L010", RemovalTarget(ref), [ComparedFinding(n=str(ref))], {ref: {}}) for ref in refs]


def lines_of_a_file(number: int) -> list[_Wanted]:
    whole = _Wanted("file", "file", RemovalTarget(TABLE), [ComparedFinding(n=-1)], {TABLE: {}})
    targets = [RemovalTarget(TABLE, line=b"%d" % n, number=n) for n in range(number)]
    return [whole, *(_Wanted("cron-entry", "L001", target, [ComparedFinding(n=target.number)], {TABLE: {}}) for target in targets)]


@pytest.mark.parametrize(("made", "left"), [(units, 400), (lines_of_a_file, 1)])
def test_what_is_left_out_of_a_plan_is_found_at_a_cost_that_grows_with_its_actions(made, left) -> None:
    _without_edits_of_removed(made(1))  # loads what is loaded once
    costs = []
    for number in (100, 200, 400):
        given, count = made(number), CallCount()
        with count.counting():
            found = _without_edits_of_removed(given)
        costs.append(count.made)
    assert costs[2] - costs[1] <= 2.2 * (costs[1] - costs[0])
    assert len(found) == left
    assert sum(len(one.findings) for one in found) == (400 if left == 400 else 401)


def test_a_finding_that_names_a_target_twice_is_named_once() -> None:
    finding = ComparedFinding(n=1)
    (left,) = _without_edits_of_removed([_Wanted("file", "file", RemovalTarget(TABLE), [finding, finding], {TABLE: {}})])
    assert left.findings == [finding]


def test_entries_of_a_folder_are_known_after_more_were_added() -> None:
    view = ArchiveView()
    view.add(f"{FOLDER}/b.service", {}, b"")
    assert view.names(FOLDER) == [("b.service", "file")]
    view.add(f"{FOLDER}/a.service", {}, b"")
    assert view.names(FOLDER) == [("a.service", "file"), ("b.service", "file")]
    assert view.names("/nowhere") == []
