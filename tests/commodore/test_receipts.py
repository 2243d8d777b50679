"""Receipts of archives: `process --receipt`, and where a case shows the result. Anyone with the public key can build a false archive."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commodore.case.reader import CaseReader
from scout.archive import ArchiveWriter, Receipt, WantedItem
from scout.keys import keygen, load_recipients
from tests.commodore.cases import commodore, environment
from tests.conftest import ROOT

HOSTS = {"web01": "0b5e-01", "db02": "0b5e-02"}
CRON = b"* * * * * root /tmp/.x/evil.sh\n"


def write(path: Path, key: Path, host: str, collection: str, *, whole: bool = True, cron: bytes = CRON) -> Receipt:
    """An archive of a Linux host with one cron file. Not `whole`: its writer was interrupted."""
    public = next(word for word in key.read_text().split() if word.startswith("age1"))
    keys, texts = load_recipients([public])
    header = {"collection": collection, "host": {"name": host, "os": "linux"}, "profile": "triage", "recipients": list(texts)}
    with ArchiveWriter(path, keys, header) as writer:
        writer.seal()  # ends a frame, so that a cut after it leaves `collection.json`
        facts = {"mode": "0644", "uid": 0, "gid": 0}
        writer.add(WantedItem(source="/etc/cron.d/x", size=len(cron), facts=facts), io.BytesIO(cron))
        return writer.finish() if whole else writer.abort("SIGTERM")


class Hosts:
    """Two archives with their receipts."""

    def __init__(self, place: Path) -> None:
        self.place, self.key, self.case = place, place / "key.txt", place / "case"
        keygen(self.key)
        self.receipts = {host: write(self.archive(host), self.key, host, collection) for host, collection in HOSTS.items()}

    def archive(self, host: str) -> Path:
        return self.place / f"{host}.age"

    def file(self, host: str) -> str:
        return f"{self.archive(host)}.receipt.json"

    def process(self, hosts: list[str], *receipts: str) -> subprocess.CompletedProcess[str]:
        given = [word for receipt in receipts for word in ("--receipt", receipt)]
        done = commodore("process", *map(self.archive, hosts), "-i", self.key, "-o", self.case, *given)
        assert "Traceback" not in done.stderr
        return done

    def about(self, host: str) -> tuple[str, str, str]:
        """(receipt, state, reason) of the manifest."""
        about = CaseReader(self.case).collections()[HOSTS[host]]
        return about["receipt"], about["state"], about["reason"]


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


OTHER = "it is not the archive of the receipt that was given"


def test_without_a_receipt_the_case_says_so(hosts):
    done = hosts.process(["web01"])  # the receipt file is beside the archive and is not used
    assert done.returncode == 0
    assert "Receipt not given: web01: whoever has the public key can have made the archive." in done.stdout
    assert hosts.about("web01") == ("not given", "complete", "")
    assert commodore("findings", hosts.case).stdout.splitlines()[0].startswith("Receipt not given: web01")


def test_receipts_are_matched_to_archives_by_content(hosts):
    code = hosts.receipts["web01"].code.lower().replace("-", " ")
    done = hosts.process(["web01", "db02"], hosts.file("db02"), code)
    assert done.returncode == 0, done.stdout
    assert "Receipt verified: db02, web01." in done.stdout
    assert {host: hosts.about(host) for host in HOSTS} == dict.fromkeys(HOSTS, ("verified", "complete", ""))
    assert commodore("findings", hosts.case).stdout.splitlines()[0] == "Receipt verified: db02, web01."


def test_a_receipt_that_comes_later_reaches_a_case_that_is_made(hosts):
    assert hosts.process(["web01", "db02"]).returncode == 0
    assert hosts.process(["web01"], hosts.receipts["web01"].code).returncode == 0
    assert (hosts.about("web01")[0], hosts.about("db02")[0]) == ("verified", "not given")
    first = commodore("findings", hosts.case).stdout.splitlines()[:2]
    assert [line.partition(":")[0] for line in first] == ["Receipt not given", "Receipt verified"]
    redone = commodore("process", "--redo", "cron", "-o", hosts.case, "-i", hosts.key)
    assert redone.returncode == 0 and "made again" in redone.stdout
    assert (hosts.about("web01")[0], hosts.about("db02")[0]) == ("verified", "not given")


def test_a_wrong_code_makes_the_only_archive_inconsistent_until_the_right_one_is_given(hosts):
    done = hosts.process(["web01"], hosts.receipts["db02"].code)
    assert done.returncode == 1
    assert f"inconsistent: {OTHER}" in done.stdout and "Receipt contradicted: web01" in done.stdout
    assert hosts.about("web01") == ("contradicted", "inconsistent", OTHER)
    assert commodore("ledger", hosts.case).returncode == 1
    assert hosts.process(["web01"]).returncode == 1  # it stays so
    assert hosts.process(["web01"], hosts.receipts["web01"].code).returncode == 0
    assert hosts.about("web01") == ("verified", "complete", "")


def test_a_false_archive_of_the_same_collection_contradicts_the_receipt_file(hosts):
    real = hosts.file("web01")
    paper = hosts.place / "paper.json"
    paper.write_text(Path(real).read_text())
    hosts.archive("web01").unlink()
    Path(real).unlink()
    write(hosts.archive("web01"), hosts.key, "web01", HOSTS["web01"], cron=b"* * * * * root /usr/bin/true\n")
    done = hosts.process(["web01", "db02"], str(paper), hosts.file("db02"))
    assert done.returncode == 1
    assert hosts.about("web01") == ("contradicted", "inconsistent", OTHER)
    assert hosts.about("db02") == ("verified", "complete", "")
    assert f"receipt {paper} is of no archive of this run" in done.stdout


def test_a_code_that_is_of_none_of_several_archives_ends_with_1_and_accuses_none(hosts):
    done = hosts.process(["web01", "db02"], "0000-0000-0000")
    assert done.returncode == 1
    assert "receipt 0000-0000-0000 is of no archive of this run" in done.stdout
    assert {hosts.about(host) for host in HOSTS} == {("not given", "complete", "")}


def test_an_archive_whose_writer_was_interrupted_has_a_receipt_too(hosts):
    path = hosts.place / "cut.age"
    long = CRON + b"# " + os.urandom(100_000).hex().encode() + b"\n"  # more than one piece of the encryption, which authenticates pieces
    receipt = write(path, hosts.key, "cut", "0b5e-03", whole=False, cron=long)
    done = commodore("process", path, "-i", hosts.key, "-o", hosts.case, "--receipt", receipt.code)
    about = CaseReader(hosts.case).collections()["0b5e-03"]
    assert (done.returncode, about["receipt"], about["state"]) == (1, "verified", "interrupted")
    path.write_bytes(path.read_bytes()[:-200])
    done = commodore("process", path, "-i", hosts.key, "-o", hosts.place / "again", "--receipt", receipt.code)
    about = CaseReader(hosts.place / "again").collections()["0b5e-03"]
    assert (done.returncode, about["receipt"], about["state"]) == (1, "contradicted", "interrupted")
    assert about["reason"].endswith(f"; {OTHER}")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"archive_sha256": 7, "chain_head": ""}', b"\xff" * 40])
def test_what_is_no_receipt_is_refused_before_anything_is_read(hosts, content):
    paper = hosts.place / "paper"
    paper.write_bytes(content)
    done = hosts.process(["web01"], str(paper))
    assert (done.returncode, hosts.case.exists()) == (2, False)
    assert f"{paper} is no receipt" in done.stderr


def test_plain_input_has_no_receipt(hosts, tmp_path):
    cron = tmp_path / "web01" / "etc" / "cron.d"
    cron.mkdir(parents=True)
    (cron / "x").write_bytes(CRON)
    done = commodore("process", tmp_path / "web01", "-o", hosts.case)
    assert done.returncode == 0 and "eceipt" not in done.stdout
    assert "eceipt" not in commodore("findings", hosts.case).stdout


@pytest.mark.parametrize(("right", "says"), [(True, "verified"), (False, "contradicted")])
def test_plan_and_page_carry_the_result(hosts, right, says):
    from tests.eye.conftest import Served
    from tests.eye.test_browser import get

    hosts.process(["web01"], hosts.receipts["web01" if right else "db02"].code)
    plan = hosts.place / "plan.yaml"
    arguments = [sys.executable, "-m", "hunter", "plan", str(hosts.case), "-o", str(plan)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert f"  receipt {says}" in done.stdout
    trust = plan.read_text().splitlines()[1]
    assert trust.startswith(f"# Trust: receipt {says}") and ("Do not trust it" in trust) is not right
    assert f'receipt: "{says}"' in plan.read_text() or f"receipt: {says}" in plan.read_text()
    served = Served(hosts.case)
    try:
        good = get(served.line)[1]["set-cookie"].split(";")[0]
        assert f"web01: receipt {says}" in get(served.base + "/findings", Cookie=good)[2]
    finally:
        served.stop()


def test_the_json_of_process_names_result_and_unused_receipts(hosts):
    done = commodore("process", hosts.archive("web01"), "-i", hosts.key, "-o", hosts.case, "--receipt", "0000-0000-0000", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["unused_receipts"], told["hosts"][0]["receipt"]) == (1, ["0000-0000-0000"], "contradicted")
    assert told["hosts"][0]["chain_heads"] == [hosts.receipts["web01"].chain_head]
    assert os.path.basename(told["hosts"][0]["origin"]) == "web01.age"
