"""Twelve classes of tampering, a few attacks of each with its verdict (bench.tamper does a thousand); intact archives; the report."""

from __future__ import annotations

import re

import pytest

from bench.tamper import CLASSES, Laboratory, attack, judged
from scout.console import Complaint, Screen
from scout.verifying.report import report, write
from scout.verifying.verify import verify


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_of_tampering_has_its_verdict(name, tmp_path):
    lab = Laboratory(tmp_path, sum(map(ord, name)))
    assert [text for text in (attack(lab, name) for _ in range(4)) if text] == []


def test_intact_archives_pass(tmp_path):
    lab = Laboratory(tmp_path, 5)
    for _ in range(5):
        made = lab.make()
        assert [judged(lab, made.path, paper) for paper in (None, made.code, made.receipt)] == [("whole", [])] * 3


def test_a_clock_that_was_set_is_named_with_direction_and_seal(tmp_path):
    lab = Laboratory(tmp_path, 6)
    for moved in (3600, -3600):
        found = verify(lab.make(clock=[moved]).path, [lab.identity])
        assert (found.state, found.code, len(found.clock)) == ("whole", 0, 1)
        number = re.match(r"by ([+-][\d,]+) s before seal 1, at ", found.clock[0])
        assert number and abs(int(number[1].replace(",", "")) - moved) <= 5 and f"moved: {found.clock[0]}" in "\n".join(found.lines)


def test_the_report_has_what_a_court_asks_for(tmp_path, capsys):
    lab = Laboratory(tmp_path, 7)
    made = lab.make(collection="c0ffee")
    verdict = verify(made.path, [lab.identity], made.code)
    lines = list(report(made.path, [lab.identity], verdict))
    text = "\n".join(lines)
    assert verdict.archive_sha256 in text and verdict.chain_head in text and "c0ffee" in text and "agrees" in text
    assert "Whole and unchanged" in text and f"{verdict.seals} parts of custody" in text
    assert f"{verdict.verdicts['taken']:>9,}  taken" in lines[lines.index("Verdicts") :][2]
    for source in ("/etc/d", "denied") if verdict.verdicts.get("denied") else ():
        assert source in text
    target = tmp_path / "report.txt"
    write(target, made.path, [lab.identity], verdict, Screen())
    assert target.read_text() == text + "\n"
    with pytest.raises(Complaint, match="exists already"):
        write(target, made.path, [lab.identity], verdict, Screen())


def test_what_an_archive_says_of_itself_does_not_reach_the_terminal(tmp_path):
    lab = Laboratory(tmp_path, 8)
    made = lab.make(collection="\x1b[31mred")
    text = "\n".join(report(made.path, [lab.identity], verify(made.path, [lab.identity])))
    assert "\x1b" not in text and "red" in text
