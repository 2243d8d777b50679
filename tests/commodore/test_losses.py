"""Findings on lost and contradicting evidence: the rules of the folder, and persistence that was not judged, through the command line."""

from __future__ import annotations

import json
import sys

import pytest

from commodore.artefacts.linux.files import authorized_keys
from commodore.cli import build_app
from commodore.detection import losses
from commodore.readers.eventchunks import contradictions, survey
from scout.console import run
from tests.commodore.cases import ledger

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf5pP0b0Y4u2sXbTqz5o8v4mYbV0a5c8m4c4b5v6n7a backdoor\n"


@pytest.fixture
def processed(tmp_path, monkeypatch, capsys):
    """Write files into a host, process it with the program's own command line, and give exit code, host and findings by rule."""

    def process(files: dict[str, bytes]):
        for name, content in files.items():
            path = tmp_path / "host" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        monkeypatch.setattr(
            sys, "argv", ["commodore", "process", str(tmp_path / "host"), "-o", str(tmp_path / "case"), "--workers", "1", "--json"]
        )
        code = run("commodore", build_app)
        host = json.loads(capsys.readouterr().out.splitlines()[-1])["hosts"][0]
        monkeypatch.setattr(sys, "argv", ["commodore", "findings", str(tmp_path / "case"), "--json"])
        run("commodore", build_app)
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, host, {finding["rule.id"]: finding for finding in found}

    return process


def test_every_rule_of_the_folder_is_sound():
    assert losses.UNJUDGED in losses.rules()
    assert all(rule.category == "integrity" and rule.description.endswith(".") for rule in losses.rules().values())


@pytest.mark.skipif(sys.platform != "linux", reason="a changed parser reaches only forked workers")
def test_a_parser_that_failed_makes_process_exit_1_and_is_a_finding(processed, monkeypatch, tmp_path):
    def broken(bare):
        raise ValueError("a defect")

    monkeypatch.setattr(authorized_keys, "_read", broken)
    code, host, found = processed({"etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "root/.ssh/authorized_keys": KEY.encode()})
    assert code == 1
    assert [failed["artefact"] for failed in host["failed"]] == ["authorized_keys"]
    assert "/root/.ssh/authorized_keys" in found[losses.UNJUDGED]["message"]
    assert "a defect" in found[losses.UNJUDGED]["message"]
    assert any("a defect" in (row["reason"] or "") for row in ledger(tmp_path / "case"))


def test_a_hive_that_is_none_is_a_finding(processed):
    _, _, found = processed({"Windows/System32/config/SYSTEM": bytes(8192)})
    assert "SYSTEM" in found[losses.UNJUDGED]["message"]
    assert found[losses.UNJUDGED]["escadre.severity"] == "medium"


def test_a_file_that_is_read_to_its_end_is_no_finding(processed):
    lines = b"* * * * * root /bin/true\nno entry\n"
    code, _, found = processed({"etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "etc/crontab": lines, "etc/motd": b"x"})
    assert losses.UNJUDGED not in found
    assert code == 0


@pytest.mark.parametrize("name", ["HelloForBusiness", "LanguagePackSetup"])
def test_a_record_that_was_being_written_when_the_log_was_copied_is_no_contradiction(corpus, name) -> None:
    """In these logs of an ordinary host the last record of the chunk ends with zeros in place of the copy of its size."""
    data = (corpus / f"evtx/omerbenamram+evtx/samples/Microsoft-Windows-{name}%4Operational.evtx").read_bytes()
    assert list(contradictions(data, survey(data))) == []
