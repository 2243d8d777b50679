"""Hosts in a directory: found by the roots of file systems, and by the computers that wrote the event logs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.engine import plain, recognise, roots
from commodore.engine.process import process
from tests.commodore.cases import ledger, members, records

LOGS = "evtx/mdecrevoisier+EVTX-to-MITRE-Attack"


def lay(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"FILE0\0" if path.endswith("$MFT") else b"x")
    return root


def sources(root: Path) -> dict[str, list[str]]:
    """Label of each host → paths of its files."""
    return {c.label: [file.source for file in c.files] for c in recognise.collections(root, ())}  # type: ignore[attr-defined]


def test_names_with_percent_signs_stay_as_they_are(tmp_path):
    names = ["PrintService%4Admin.evtx", "PrintServiceJdmin.evtx", "AppLocker%4EXE and DLL.evtx"]
    lay(tmp_path / "pc", *(f"Windows/System32/winevt/Logs/{name}" for name in names))
    assert sources(tmp_path / "pc") == {"pc": sorted(f"C:\\Windows\\System32\\winevt\\Logs\\{name}" for name in names)}


def test_the_change_journal_is_known_by_its_name_with_a_stream(tmp_path):
    lay(tmp_path / "pc", "$Extend/$UsnJrnl%3A$J", "$MFT")
    (collection,) = recognise.collections(tmp_path / "pc", ())
    assert [(f.below, f.source) for f in collection.files] == [  # type: ignore[attr-defined]
        ("$Extend/$UsnJrnl:$J", "C:\\$Extend\\$UsnJrnl:$J"),
        ("$MFT", "C:\\$MFT"),
    ]


def test_an_encoded_upload_tree_is_decoded_below_its_drive_and_nowhere_else(tmp_path):
    tree = lay(tmp_path / "upload", "uploads/auto/C%3A/Windows/System32/winevt/Logs/A%254B.evtx", "uploads/notes%20of%20mine.txt")
    assert sources(tree) == {"upload": ["C:\\Windows\\System32\\winevt\\Logs\\A%4B.evtx", "uploads/notes%20of%20mine.txt"]}


def test_a_root_below_the_given_directory_is_found_with_its_drives(tmp_path):
    lay(tmp_path / "out", "PC01/C/Windows/System32/config/SYSTEM", "PC01/D/shares/a.txt", "console.log")
    assert sources(tmp_path / "out") == {"out": ["C:\\Windows\\System32\\config\\SYSTEM", "D:\\shares\\a.txt", "console.log"]}


def test_several_roots_are_several_hosts(tmp_path):
    lay(tmp_path / "out", "PC01/C/Windows/System32/config/SYSTEM", "web1/etc/passwd", "web1/etc/hostname", "notes.txt")
    assert sources(tmp_path / "out") == {"PC01": ["C:\\Windows\\System32\\config\\SYSTEM"], "web1": ["/etc/hostname", "/etc/passwd"]}


def test_a_folder_of_rules_is_no_root(tmp_path):
    assert roots.find(lay(tmp_path / "repo", "rules/windows/a.yml", "rules/linux/etc/b.yml", "src/lib/c")) == []


@pytest.fixture(scope="module")
def logs(corpus) -> Path:
    return corpus / LOGS


def computers(path: Path) -> Iterator[str]:
    """The computer that each record of a log names, from the XML of the event, which the engine does not read."""
    from evtx import PyEvtxParser

    for record in PyEvtxParser(str(path)).records():
        yield str(record["data"]).split("<Computer>")[1].split("<")[0]


@pytest.mark.corpus
def test_logs_of_several_computers_in_one_folder_are_one_host_each(logs, tmp_path):
    """Each record is of the host that it names; the folder is the source; findings and ids of hosts are apart."""
    chosen = sorted(logs.rglob("*.evtx"), key=lambda p: p.name)[:60]
    folder = tmp_path / "loose"
    folder.mkdir()
    for log in chosen:
        shutil.copy(log, folder / log.name)
    (folder / "readme.txt").write_text("nothing")
    summary = process([folder], tmp_path / "case", workers=2)
    named = {name.casefold() for log in chosen for name in computers(log)}
    assert len(named) > 8
    assert {h["host"].casefold() for h in summary.hosts} <= named
    assert {h["input"] for h in summary.hosts} == {"loose"}
    got = records(tmp_path / "case", "evtx")
    for record in got:
        assert record["host.name"].casefold().startswith(record["winlog.computer_name"].casefold().partition(".")[0])
        assert record["escadre.source"] in {log.name for log in chosen}, "no made-up path"
        assert "escadre.host_inferred" not in record
    assert {r["host.name"].casefold() for r in got} == named
    assert len({r["escadre.collection"] for r in got}) == len(summary.hosts)
    assert len(members(tmp_path / "case")) == len(chosen) + 1
    assert {row["reason"] for row in ledger(tmp_path / "case") if row["path"] == "readme.txt"} == {"no artefact reads it"}


@pytest.mark.corpus
def test_forwarded_events_keep_the_computer_of_each_record(corpus, tmp_path):
    """Two real logs of different computers, their chunks put into one log; on a host that is laid out."""
    samples = corpus / "evtx/omerbenamram+evtx/samples"
    first, second = ((samples / name).read_bytes() for name in ("sysmon.evtx", "system.evtx"))
    log = tmp_path / "WEC" / "Windows" / "System32" / "winevt" / "Logs" / "ForwardedEvents.evtx"
    log.parent.mkdir(parents=True)
    log.write_bytes(first[: 4096 + 2 * 65536] + second[4096 : 4096 + 2 * 65536])
    process([tmp_path / "WEC"], tmp_path / "case", workers=1)
    got = records(tmp_path / "case", "evtx")
    assert {r["host.name"] for r in got} == {next(computers(samples / name)) for name in ("sysmon.evtx", "system.evtx")}
    assert all(r["host.name"] == r["winlog.computer_name"] for r in got)
    made = records(tmp_path / "case", "process_tree")
    assert made, "process starts of Sysmon"
    assert {r["host.name"] for r in made} == {r["winlog.computer_name"] for r in made}


def test_of_names_that_differ_in_case_the_companion_is_written_like_the_main_file():
    """A disk of Linux, or a folder of NTFS with case: two hives, each with a log of its own."""
    groups = [k.artefact.group for k in catalogue.artefacts().values() if k.artefact.group is not None]
    group = next(group for group in groups if "log1" in group.companions)
    names = ("NTUSER.DAT", "NTUSER.DAT.LOG1", "ntuser.dat", "ntuser.dat.LOG1")
    files = {name: plain.PlainFile(i, Path(name), f"Users/u/{name}", "", 1) for i, name in enumerate(names)}
    other = plain.PlainFile(9, Path("x"), "users/U/NTUSER.DAT.LOG2", "", 1)
    beside = plain.by_folder([*files.values(), other])
    for name in ("NTUSER.DAT", "ntuser.dat"):
        assert plain.companions(files[name], group, beside) == {"log1": files[f"{name}.LOG1"]}
