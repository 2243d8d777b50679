"""The score of a file with what the raw sweep, lists of hashes and the other hosts of the case say."""

from __future__ import annotations

import hashlib

import pytest

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from commodore.enrichment import entities
from commodore.enrichment.sources.hashes import HashList
from commodore.suspicion import across
from scout.console import Complaint
from tests.commodore.cases import commodore
from tests.range import suspicious

RULE = 'rule Marked { meta: score = 80 strings: $a = "marked-7731" condition: $a }'
PLAIN = suspicious.windows_program()
LISTED, ORDINARY = suspicious.unique(PLAIN, "listed"), suspicious.unique(PLAIN, "ordinary")
EVERYWHERE, ONCE = suspicious.unique(PLAIN, "everywhere"), suspicious.unique(PLAIN, "once")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Five hosts: one program in ProgramData on all of them, one on the first only, and what rules and indicators find there."""
    place = tmp_path_factory.mktemp("across")
    for n in range(5):
        root = place / f"h{n}" / "C"
        suspicious.write(root, "Windows/System32/ordinary.exe", ORDINARY)
        suspicious.write(root, "Windows/Temp/agent.scr", EVERYWHERE)
        suspicious.write(root, "Users/anne/host.txt", b"h%d" % n)
    first = place / "h0" / "C"
    suspicious.write(first, "Windows/Temp/only.scr", ONCE)
    suspicious.write(first, "Windows/System32/hash.exe", LISTED)
    suspicious.write(first, "Program Files/A/talks.exe", PLAIN + b" cdn.evil.example ")
    suspicious.write(first, "Users/anne/page.dat", b"marked-7731")
    suspicious.write(first, "Users/anne/notes.log", b"visited evil.example\n")
    (place / "ioc.txt").write_text(f"evil.example\n{sha256(LISTED)}\n")
    (place / "rule.yar").write_text(RULE)
    given = {"iocs": [place / "ioc.txt"], "rules": [place / "rule.yar"], "cache": place / "cache", "workers": 1}
    process([place / f"h{n}" for n in range(5)], place / "case", **given)
    return place / "case"


def of(case, name):
    found = [r for r in CaseReader(case).records("suspicious_files") if r["file.name"] == name]
    return found[0] if found else None


def test_a_hash_a_rule_and_an_indicator_are_reasons_that_cite_their_records(case):
    swept = {r["escadre.id"]: r for r in CaseReader(case).records("sweep")}
    for name, reason, severity in (
        ("hash.exe", "sweep-hash", "high"),
        ("talks.exe", "sweep-indicator-program", "medium"),
        ("page.dat", "sweep-rules-strong", "medium"),
    ):
        record = of(case, name)
        assert reason in record["escadre.suspicion.ids"], name
        assert record["escadre.severity"] == severity, record["escadre.suspicion.reasons"]
        cited = [swept[one]["file.path"] for one in record["escadre.records_used"] if one in swept]
        assert cited == ([] if name == "hash.exe" else [record["file.path"]])
    assert of(case, "notes.log") is None, "a text in a log does not speak against the log"
    assert of(case, "ordinary.exe") is None


def test_the_hosts_and_the_lists_of_the_case_change_the_score_and_not_the_records(case, tmp_path):
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    bad.write_text(f"{sha256(ORDINARY)}\n")
    good.write_text(f"{sha256(LISTED)}\n")
    with pytest.raises(Complaint, match="has no entities yet"):
        across.files(case)
    entities.enrich(case, [HashList(bad, "known-bad"), HashList(good, "known-good")])
    found = {one.sha256: one for one in across.files(case)}
    once, everywhere, listed = found[sha256(ONCE)], found.get(sha256(EVERYWHERE)), found[sha256(ORDINARY)]
    assert once.score == of(case, "only.scr")["escadre.suspicion.score"] + 10
    assert "Only 1 of 5 hosts has it. (+10)" in once.reasons
    assert of(case, "agent.scr")["escadre.suspicion.score"] - 20 == (everywhere.score if everywhere else 15)
    assert (listed.severity, listed.host_count) == ("high", 5)
    assert "Its hash is in bad.txt, a list of hostile files. (+100)" in listed.reasons
    assert sha256(LISTED) not in found, "a list of harmless files has it"
    done = commodore("files", case)
    assert done.returncode == 0
    assert "Only 1 of 5 hosts has it." in done.stdout
