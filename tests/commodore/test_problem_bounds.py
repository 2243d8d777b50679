"""Junk behind what is evidence costs no evidence: problems are listed up to a bound, the rest is counted, with what it lost."""

from __future__ import annotations

from commodore import catalogue
from commodore.artefact import Problem
from commodore.case.ledger import SHOWN
from commodore.engine import reading
from commodore.engine.bounds import Problems
from commodore.evidence import Evidence
from tests.commodore.damage import HOST, inputs

LOGIN = b"Oct 31 19:00:00 h sshd[1]: Accepted password for root from 192.0.2.1 port 22 ssh2\n"


def test_records_before_very_much_junk_stay_and_the_list_of_problems_is_bounded():
    data = LOGIN * 1000 + b"x\n" * 20_000
    written = 0

    def take(artefact, records, note):
        nonlocal written
        written += len(records)
        return 0

    ((_, outcome),) = reading.read([catalogue.artefacts()["auth_log"]], Evidence("/var/log/auth.log", data), HOST, take, lambda _: None)
    assert written == 1000
    assert 0 < len(outcome.problems) <= SHOWN
    assert "more problems" in outcome.problems[-1].reason


def test_what_is_not_listed_is_counted():
    problems = Problems()
    for n in range(50_000):
        problems.add(Problem("odd", f"line {n}", lost=n % 2))
    listed = problems.listed()
    assert len(listed) < SHOWN
    assert sum(problem.lost for problem in listed) == 25_000
    assert "more problems" in listed[-1].reason


def test_a_reason_quotes_no_more_of_the_evidence_than_a_person_reads():
    problems = Problems()
    problems.add(Problem(f"the account {'u' * 50_000} is not known", "line 1", 1))
    problems.add(Problem("odd", "line 2", 1))
    assert [len(problem.reason) for problem in problems.listed()] == [1024, 3]
    assert [problem.lost for problem in problems.listed()] == [1, 1]


def test_headers_that_promise_more_records_than_the_file_has_bytes_are_not_believed():
    """The key of jump lists says how many values it has. The count is at offset 36 of the cell (Suhanov, "regf", key node)."""
    ((path, data),) = [one for one in inputs("jump_list_data") if one[0].upper().endswith("NTUSER.DAT")][:1]
    at = data.index(b"JumplistData") - 76
    assert data[at : at + 2] == b"nk"
    claimed = data[: at + 36] + b"\xff\xff\xff\xff" + data[at + 40 :]
    found = []
    for changed in (data, claimed):
        known = catalogue.artefacts()["jump_list_data"]
        ((_, outcome),) = [
            one for one in reading.read([known], Evidence(path, changed), HOST, lambda *_: 0, lambda _: None) if one[0] == "jump_list_data"
        ]
        found.append((outcome.expected, [p.reason for p in outcome.problems if "cannot hold" in p.reason]))
    assert found[0][0] and not found[0][1]
    assert found[1][0] is None and len(found[1][1]) == 1
