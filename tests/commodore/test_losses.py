"""Findings on lost and contradicting evidence: the rules of the folder, and persistence that was not judged, through the command line."""

from __future__ import annotations

import json
import struct
import sys

import pytest

from commodore.artefact import Problem
from commodore.artefacts.linux.files import authorized_keys
from commodore.artefacts.linux.logs import utmp
from commodore.artefacts.windows.files import mft
from commodore.cli import build_app
from commodore.detection import losses
from commodore.evidence import Evidence
from commodore.readers.eventchunks import contradictions, survey
from commodore.readers.hives.integrity import contradictions as base_block
from scout.console import run
from tests.commodore.cases import ledger
from tests.commodore.damage import HOST, inputs

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


@pytest.mark.parametrize("name", ["RemoteDesktopServices-RdpCoreTS", "TerminalServices-RemoteConnectionManager"])
def test_a_log_in_a_snapshot_that_mixes_blocks_of_different_times_is_one_low_finding(corpus, name) -> None:
    """Chunk 0 of the first one begins with record 6334916 and ends with 6952156, in the middle of a block of 4 KiB."""
    (path,) = (corpus / "evtx/omerbenamram+evtx").rglob(f"2-vss_0-Microsoft-Windows-{name}%4Operational.evtx")
    data = path.read_bytes()
    found = list(contradictions(data, survey(data)))
    assert [problem.kind for problem in found if problem.kind] == ["evtx-mixed"]
    assert len(found) > 2, "the ledger has each of them"


def test_a_zeroed_chunk_that_the_header_of_a_log_in_use_does_not_count_is_told_apart(corpus) -> None:
    (path,) = (corpus / "evtx/omerbenamram+evtx").rglob("2-vss_7-System.evtx")
    data = bytearray(path.read_bytes())
    assert {chunk.kind for chunk in survey(bytes(data)) if chunk.kind} == {"evtx-uncounted-chunk"}
    data[42:44] = (17).to_bytes(2, "little")
    assert {chunk.kind for chunk in survey(bytes(data)) if chunk.kind} == {"evtx-zeroed-chunk"}


def wtmp(*entries: tuple[int, int]) -> bytes:
    """Entries of (type, seconds); (0, 0) is a slot of zeros."""
    form = struct.Struct("<hxxi32s4s32s256shhiIi16s20s")
    made = [form.pack(kind, 1, b"pts/0", b"", b"root", b"", 0, 0, 0, at, 0, bytes(16), bytes(20)) for kind, at in entries]
    return b"".join(bytes(form.size) if entry == (0, 0) else one for entry, one in zip(entries, made, strict=True))


@pytest.mark.parametrize(
    ("name", "entries", "kinds"),
    [
        ("wtmp", [(7, 1_700_000_000), (7, 1_700_000_100), (8, 1_700_000_050)], []),
        ("wtmp", [(7, 1_700_000_000), (0, 0), (0, 0), (7, 1_700_000_100)], ["wtmp-wiped"]),
        ("wtmp", [(7, 1_700_000_000), (7, 1_700_000_100), (0, 0)], [""]),
        ("wtmp", [(0, 0), (0, 0), (0, 0)], ["wtmp-wiped"]),
        ("btmp", [(6, 1_700_000_000), (6, 2_215_000_000), (6, 2_215_000_100)], ["wtmp-order"]),
        ("wtmp", [(7, 1_700_000_000), (7, 1_600_000_000), (7, 1_600_000_100)], ["wtmp-order"]),
        ("wtmp", [(7, 1_700_000_000), (2, 1_600_000_000), (7, 1_600_000_100)], []),
        ("btmp", [(6, 1_700_000_000), (0, 0), (6, 1_700_000_100)], ["wtmp-wiped"]),
        ("utmp", [(7, 1_700_000_000), (0, 0), (7, 1_600_000_000)], []),
    ],
)
def test_an_entry_that_was_wiped_or_put_back_in_time_is_a_contradiction(name, entries, kinds) -> None:
    found = utmp.parse(Evidence(f"/var/log/{name}", wtmp(*entries)), HOST)
    assert [item.kind for item in found if isinstance(item, Problem)] == kinds


def test_a_modification_time_before_the_last_entry_is_a_contradiction() -> None:
    data = wtmp((7, 1_700_000_000), (7, 1_700_000_100))
    for mtime, kinds in (("2023-11-14T22:15:00Z", []), ("2001-06-01T00:00:00Z", ["mtime-set-back"]), ("no time", [])):
        found = utmp.parse(Evidence("/var/log/wtmp", data, facts={"mtime": mtime, "ctime": "2023-11-14T22:15:10Z"}), HOST)
        assert [item.kind for item in found if isinstance(item, Problem)] == kinds


ENTRY = 1024


def without_signature(table: bytearray) -> None:
    table[70 * ENTRY : 70 * ENTRY + 4] = bytes(4)


def sector_changed(table: bytearray) -> None:
    table[70 * ENTRY + 1022] ^= 1


def exchanged(table: bytearray) -> None:
    one, other = table[70 * ENTRY : 71 * ENTRY], table[71 * ENTRY : 72 * ENTRY]
    table[70 * ENTRY : 72 * ENTRY] = other + one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_signature, "1 entries are neither FILE nor BAAD nor empty"),
        (sector_changed, "1 entries in use hold what cannot be, or sectors of another write"),
        (exchanged, "2 entries have the number of another place in the table"),
    ],
)
def test_a_table_of_files_that_was_changed_is_a_contradiction(corpus, change, said) -> None:
    """The table of an image that NTFS wrote; entries 70 and 71 are in use."""
    (path,) = corpus.glob("ntfs/**/DFR-16/$MFT")
    table = bytearray(path.read_bytes())
    assert not [item for item in mft.parse(Evidence("C:\\$MFT", bytes(table)), HOST) if isinstance(item, Problem)]
    change(table)
    found = [item for item in mft.parse(Evidence("C:\\$MFT", bytes(table)), HOST) if isinstance(item, Problem)]
    assert [(item.kind, said in item.reason) for item in found] == [("mft-changed", True)]


@pytest.mark.parametrize(("changed", "kinds"), [({}, []), ({48: 1}, ["hive-checksum"]), ({4: 9, 48: 1}, [])])
def test_a_hive_whose_base_block_was_changed_by_others_is_a_contradiction(changed, kinds) -> None:
    """Byte 48 is in the name of the file; byte 4 is the first sequence number: a write that was not finished may leave an old checksum."""
    (data,) = (data for path, data in inputs("registry") if path.endswith("SYSTEM"))
    made = bytearray(data)
    for at, value in changed.items():
        made[at] ^= value
    assert [problem.kind for problem in base_block(bytes(made))] == kinds


def test_the_contradiction_of_a_hive_is_a_finding(processed) -> None:
    (data,) = (data for path, data in inputs("registry") if path.endswith("SYSTEM"))
    made = bytearray(data)
    made[48] ^= 1
    _, _, found = processed({"Windows/System32/config/SYSTEM": bytes(made)})
    assert "checksum of its base block" in found["hive-checksum"]["message"]
