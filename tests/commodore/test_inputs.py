"""Wrong inputs, and damage to a case from outside: one clear line, the right exit code, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pyrage
import pytest
import zstandard
from rich.console import Console

from commodore.engine.plain import collection_id, walk
from commodore.engine.process import process
from commodore.listing import cut, wrapped
from scout.console import Screen
from scout.keys import keygen
from tests.commodore.cases import CLI, ROOT, commodore, content, environment, forget, ledger, members, records
from tests.conftest import need
from tests.scout.archive_tools import encrypted, foreign, joined, pieces, plain, plaintext, small


@pytest.fixture(scope="module")
def host(corpus, tmp_path_factory):
    logs = tmp_path_factory.mktemp("inputs") / "PC" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    data = (corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()
    for n in range(3):
        (logs / f"{n}.evtx").write_bytes(data)
    return logs.parents[3]


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
    return done.stderr.splitlines()


def test_a_directory_without_evidence_is_told_and_makes_no_case(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    done = commodore("process", tmp_path / "letters", "-o", tmp_path / "case")
    assert done.returncode == 2
    assert "holds no evidence: 1 file" in lines(done)[0]
    assert not (tmp_path / "case").exists()


def test_a_folder_of_loose_logs_is_evidence(corpus, tmp_path):
    (tmp_path / "loose").mkdir()
    shutil.copy(corpus / "evtx/omerbenamram+evtx/samples/system.evtx", tmp_path / "loose" / "renamed.bin")
    assert commodore("process", tmp_path / "loose", "-o", tmp_path / "case").returncode == 0
    assert records(tmp_path / "case", "evtx")


LOOSE = {
    "auth.log": ("auth_log", b"Nov 23 10:00:00 h sshd[1]: Accepted password for bob from 192.0.2.1 port 1 ssh2\n"),
    "secure-20251228": ("auth_log", b"Dec 23 10:00:00 h sshd[1]: Accepted password for bob from 192.0.2.1 port 1 ssh2\n"),
    "wtmp.1": ("utmp", bytes(384)),
    "crontab": ("cron", b"* * * * * root /bin/x\n"),
    "x.timer": ("systemd_units", b"[Timer]\nOnBootSec=1\n"),
    "authorized_keys": ("authorized_keys", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0 x\n"),
}


def test_loose_files_are_known_by_their_names(tmp_path):
    loose = tmp_path / "loose"
    (loose / "logs").mkdir(parents=True)
    for name, (_, data) in LOOSE.items():
        (loose / "logs" / name).write_bytes(data)
    (loose / "secureboot.txt").write_text("dear")
    process([loose], tmp_path / "case", workers=1)
    said = {row["path"].rpartition("/")[2]: (row["artefact"], row["parsed"]) for row in ledger(tmp_path / "case") if row["member"] >= 0}
    assert said == {name: (artefact, 1) for name, (artefact, _) in LOOSE.items()} | {"secureboot.txt": (None, 0)}
    assert {m["path"] for m in members(tmp_path / "case")} == {f"logs/{name}" for name in LOOSE} | {"secureboot.txt"}, "no made-up path"


@pytest.mark.parametrize("name", LOOSE)
def test_one_file_without_a_beginning_of_its_own_is_known_by_its_name(tmp_path, name):
    artefact, data = LOOSE[name]
    (tmp_path / name).write_bytes(data)
    assert commodore("process", tmp_path / name, "-o", tmp_path / "case").returncode == 0
    (record,) = records(tmp_path / "case", artefact)
    assert record["escadre.source"] == name, "where the file was on its host is not known"


def test_a_host_that_is_laid_out_is_read_by_its_places_only(tmp_path):
    for path in ("etc/hostname", "home/bob/crontab", "srv/auth.log"):
        (tmp_path / "host" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "host" / path).write_text("* * * * * root /bin/x\n")
    process([tmp_path / "host"], tmp_path / "case", workers=1)
    assert not any(row["artefact"] for row in ledger(tmp_path / "case") if row["member"] >= 0)


def test_an_export_stands_beside_the_case_unless_told_otherwise(tmp_path):
    table = tmp_path / "web" / "etc" / "crontab"
    table.parent.mkdir(parents=True)
    table.write_text("* * * * * root /bin/true\n")
    assert commodore("process", tmp_path / "web", "-o", tmp_path / "case").returncode == 0
    done = commodore("export", tmp_path / "case", "--format", "csv", "--json")
    written = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    assert written == [str(tmp_path / "case-export" / f"{name}.csv") for name in ("cron", "persistence")], done.stderr
    assert not (tmp_path / "case" / "cron.csv").exists()


def test_an_input_given_twice_is_read_once_and_said(host, tmp_path):
    done = commodore("process", host, host, "-o", tmp_path / "case")
    assert done.returncode == 0
    assert "the same collection as" in done.stdout
    assert len(members(tmp_path / "case")) == 3


@pytest.mark.parametrize(("size", "at"), [(9_000, 8_500), (30_000, 29_000), (30_000, 100)])
def test_two_hosts_whose_files_have_equal_names_sizes_and_headers_are_two(tmp_path, size, at):
    """Small hives of two hosts differ in a few bytes, often behind their headers."""
    for name in "ab":
        log = tmp_path / name / "var/log/auth.log"
        log.parent.mkdir(parents=True)
        (tmp_path / name / "etc").mkdir()
        (tmp_path / name / "etc/hostname").write_text("web\n")
        content = bytearray(b"x" * size)
        content[at] = ord(name)
        log.write_bytes(content)
    assert collection_id(walk(tmp_path / "a")[1]) != collection_id(walk(tmp_path / "b")[1])


def test_a_rule_that_is_none_is_named_and_the_others_load(host, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.yml").write_text("title: Bad\nlogsource: {product: windows\ndetection:\n")
    (tmp_path / "rules" / "good.yml").write_text(
        "title: Good\nid: 5d5b8b3a-0000-4000-8000-000000000001\nlogsource: {product: windows, service: security}\n"
        "detection:\n  s: {EventID: 4624}\n  condition: s\nlevel: low\n"
    )
    done = commodore("process", host, "--rules", tmp_path / "rules", "-o", tmp_path / "case")
    assert done.returncode == 0
    assert "1 Sigma loaded (1 with a log source in this case), 1 refused" in done.stdout
    assert "bad.yml:3" in commodore("rules", "stats", "--rules", tmp_path / "rules").stdout


def test_rules_and_indicators_that_are_none_are_not_passed_over(host, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "readme.md").write_text("rules go here")
    done = commodore("process", host, "--rules", tmp_path / "rules", "-o", tmp_path / "case")
    assert done.returncode == 2 and "has no rules" in lines(done)[0]
    assert not (tmp_path / "case").exists()
    (tmp_path / "ioc.txt").write_text("# none yet\nevil.example\nno indicator at all\n")
    done = commodore("process", host, "--ioc", tmp_path / "ioc.txt", "-o", tmp_path / "case")
    assert "rules: the persistence table, 1 indicator from 1 file, 1 refused" in done.stdout.splitlines()[0]
    assert "0 Sigma rules and 1 indicator loaded, 1 refused." in commodore("rules", "stats", "--ioc", tmp_path / "ioc.txt").stdout


@pytest.mark.parametrize("damage", ["text", "hole", "shorter"])
def test_a_damaged_journal_costs_time_and_nothing_else(host, tmp_path, damage):
    case = tmp_path / "case"
    process([host], case, workers=1)
    whole = content(case)
    (journal,) = case.glob(".work/*/journal")
    rows = journal.read_bytes().splitlines(keepends=True)
    if damage == "text":
        journal.write_bytes(rows[0] + b"\xff\xfe nonsense\n" + b"".join(rows[1:]))
    elif damage == "hole":
        journal.write_bytes(rows[0] + b"".join(rows[2:]))
    else:
        (file,) = case.glob("records/evtx/*.zst")
        os.truncate(file, 100)
    forget(case)
    process([host], case, workers=1)
    assert content(case) == whole


def test_a_full_disk_is_one_line_and_with_room_again_the_run_goes_on(host, tmp_path):
    need(hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount"), "root, to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(disk)], check=True)
    try:
        done = commodore("process", host, "-o", disk / "case")
        assert done.returncode == 3
        assert "No space left" in lines(done)[0]
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert commodore("process", host, "-o", disk / "case").returncode == 0
        process([host], tmp_path / "whole", workers=1)
        assert content(disk / "case") == content(tmp_path / "whole")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_empty_files_have_a_line_in_members_and_ledger(tmp_path):
    config = tmp_path / "PC" / "Windows" / "System32" / "config"
    logs = config.parent / "winevt" / "Logs"
    for folder in (config, logs):
        folder.mkdir(parents=True)
    (config / "SYSTEM").write_bytes(b"")
    (logs / "Zero.evtx").write_bytes(b"")
    process([tmp_path / "PC"], tmp_path / "case", workers=1)
    assert sorted(m["path"].rsplit("\\", 1)[1] for m in members(tmp_path / "case")) == ["SYSTEM", "Zero.evtx"]
    said = {row["path"].rsplit("\\", 1)[1]: row["reason"] for row in ledger(tmp_path / "case") if row["member"] >= 0}
    assert said["Zero.evtx"] == "file is empty"
    assert said["SYSTEM"]


def test_a_sentence_is_cut_at_a_word():
    assert cut("one two three four five six", 20) == "one two three four…"
    assert cut("short", 80) == "short"
    assert cut("x" * 100, 30) == "x" * 29 + "…"


def test_findings_are_told_whole_on_a_narrow_terminal_too():
    screen, sentence = Screen(), "Run key HKLM\\Software\\Microsoft\\Windows starts `C:\\Users\\Public\\wh.exe`"
    assert wrapped(sentence, screen, 12) == [sentence]
    screen._out = Console(force_terminal=True, width=44)
    shown = wrapped(sentence, screen, 12)
    assert len(shown) > 1 and " ".join(shown) == sentence


def test_a_bomb_is_read_in_little_memory_and_what_lies_before_it_is_there(corpus, tmp_path):
    """600 MB of zeros behind one real chunk: a few kB in the archive."""
    need(sys.platform == "linux", "the peak memory of a process tree")
    logs = tmp_path / "PC" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    with (logs / "Security.evtx").open("wb") as out:
        out.write((corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()[: 4096 + 65536])
        out.truncate(600 << 20)
    scout = [sys.executable, "-m", "scout.cli"]
    quiet = {"check": True, "cwd": ROOT, "env": environment(), "capture_output": True}
    subprocess.run([*scout, "keygen", "-o", str(tmp_path / "key.txt")], **quiet)
    public = next(w for w in (tmp_path / "key.txt").read_text().split() if w.startswith("age1"))
    subprocess.run([*scout, "collect", "-r", public, "--root", str(logs.parents[3]), "-o", str(tmp_path)], **quiet)
    archive = next(tmp_path.glob("*.age"))
    assert archive.stat().st_size < 1 << 20
    watch = "import resource, subprocess, sys; c = subprocess.run(sys.argv[1:]).returncode; "
    watch += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, file=sys.stderr); sys.exit(c)"
    command = [*CLI, "process", str(archive), "-i", str(tmp_path / "key.txt"), "-o", str(tmp_path / "case"), "--workers", "2"]
    done = subprocess.run([sys.executable, "-c", watch, *command], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 300e6, "bytes in the largest process"
    assert len(records(tmp_path / "case", "evtx")) > 50
    (row,) = [row for row in ledger(tmp_path / "case") if row["artefact"] == "evtx" and row["expected"] is not None]
    assert row["expected"] == row["parsed"] + row["lost"]


def test_a_directory_of_archives_stands_for_its_archives(tmp_path) -> None:
    from commodore.engine.recognise import expanded

    (tmp_path / "b.age").write_bytes(b"age-encryption.org/v1\n-> X25519")
    (tmp_path / "a.age").write_bytes(b"age-encryption.org/v1\n-> X25519")
    (tmp_path / "a.age.receipt.json").write_text("{}")
    assert [p.name for p in expanded(tmp_path)] == ["a.age", "b.age"]
    (tmp_path / "pc" / "Windows").mkdir(parents=True)
    (tmp_path / "c.evtx").write_bytes(b"ElfFile\0".ljust(4096, b"\0"))
    (tmp_path / "wtmp.1").write_bytes(bytes(384))
    assert [p.name for p in expanded(tmp_path)] == ["a.age", "b.age", "c.evtx", "pc", "wtmp.1"]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "var").mkdir()
    assert expanded(tmp_path) == [tmp_path]


def test_event_logs_in_any_layout_are_of_a_windows_host() -> None:
    from commodore.engine.plain import layout

    assert layout(["rules/a/x.evtx", "rules/a/x.json", "rules/a/x.yml"]) == "windows"
    assert layout(["case/notes.txt", "etc/passwd", "logs/x.evtx"]) == "linux"


DEEP = b"[" * 200_000
ODD = b'{"member":[1],"name":5,"source":{"a":1},"verdict":7}\n{"verdict":"denied","source":7,"member":null,"mtime":[1]}\n' + DEEP
HEADERS = (
    b'{"collection":["x"],"host":"a text","clock_offset":NaN,"started":5,"recipients":{"a":1}}',
    DEEP,
    b'{"host":{"os":"__init__","name":[1]}}',
    b'{"host":{"os":"linux"},"clock_offset":1e300}',
)


@pytest.mark.parametrize("header", HEADERS)
def test_an_archive_that_says_odd_things_of_itself_is_read_all_the_same(tmp_path, header):
    """Its writer has the public key, and chooses every byte: collection.json and custody are what he wants them to be."""
    public, archive = keygen(tmp_path / "key.txt"), tmp_path / "odd.tar.zst.age"

    def fill(tar):
        custody = b'{"part":0}\n' + ODD + b'\n{"verdict":"over limit","source":"/big","member":null,"head":"AAAA","tail":"AAAA"}\n'
        contents = {"collection.json": header, "files/root/etc/cron.d/job": b"* * * * * root /bin/job\n", "custody/000000.jsonl": custody}
        for ordinal, (name, data) in enumerate(contents.items()):
            plain(tar, name, data, pax_headers={"ESCADRE.member": str(ordinal)})

    archive.write_bytes(pyrage.encrypt(zstandard.compress(foreign(fill)), [pyrage.x25519.Recipient.from_str(public)]))
    done = commodore("process", archive, "-i", tmp_path / "key.txt", "-o", tmp_path / "case")
    assert (done.returncode, done.stderr) == (1, "")
    rows = {row["path"]: row for row in members(tmp_path / "case")}
    assert rows["/etc/cron.d/job"]["verdict"] == "taken" and records(tmp_path / "case", "cron")
    assert rows["/big"]["verdict"] == "over limit" and not {"head", "tail"} & set(rows["/big"])


def test_an_archive_whose_chain_is_broken_is_read_and_says_so(tmp_path):
    """By somebody who can decrypt and encrypt again: one line is taken out of custody, all else stays."""
    public, archive = keygen(tmp_path / "key.txt"), tmp_path / "web.tar.zst.age"
    key = pyrage.x25519.Identity.from_str((tmp_path / "key.txt").read_text().split()[-1])
    small(archive, [pyrage.x25519.Recipient.from_str(public)])
    parts = pieces(plaintext(archive, key))
    at = next(n for n, (name, _) in enumerate(parts) if name == "custody/000000.jsonl")
    parts[at] = (parts[at][0], parts[at][1].replace(b'"verdict":"taken"', b'"verdict":"error"', 1))
    archive.write_bytes(encrypted(joined(parts), key))
    done = commodore("process", archive, "-i", tmp_path / "key.txt", "-o", tmp_path / "case")
    assert done.returncode == 1
    assert "inconsistent: custody/000001.jsonl does not carry the hash" in done.stdout
    assert {row["path"]: row["verdict"] for row in members(tmp_path / "case")}["/etc/passwd"] == "taken"
    told = commodore("ledger", tmp_path / "case")
    assert told.returncode == 1 and "somebody changed the archive" in told.stdout


def test_a_receipt_that_a_pattern_of_the_shell_names_is_passed_over(tmp_path):
    public, archive = keygen(tmp_path / "key.txt"), tmp_path / "web.tar.zst.age"
    small(archive, [pyrage.x25519.Recipient.from_str(public)])
    receipt = tmp_path / "web.tar.zst.age.receipt.json"
    assert commodore("process", archive, receipt, "-i", tmp_path / "key.txt", "-o", tmp_path / "case").returncode == 0
    alone = commodore("process", receipt.rename(tmp_path / "other.receipt.json"), "-o", tmp_path / "none")
    assert alone.returncode == 2 and "JSON text" in alone.stderr


def test_what_was_wanted_and_not_collected_has_a_line_in_the_ledger(tmp_path):
    said = [
        {"member": None, "source": "/var/log/auth.log", "verdict": "denied", "error": "Permission denied"},
        {"member": None, "source": "/opt/large.bin", "verdict": "over limit"},
        {"member": None, "source": "/etc/rc.local", "verdict": "missing"},
        {"member": None, "source": "/etc/cron.d/link", "verdict": "link", "link": "/opt/job"},
        *({"member": None, "source": f"/srv/{n}", "verdict": "vanished"} for n in range(1500)),
    ]
    custody = b"".join(json.dumps(line).encode() + b"\n" for line in said)
    public, archive = keygen(tmp_path / "key.txt"), tmp_path / "odd.tar.zst.age"

    def fill(tar):
        contents = {"collection.json": b"{}", "files/root/etc/cron.d/job": b"* * * * * root /bin/job\n", "custody/000000.jsonl": custody}
        for ordinal, (name, data) in enumerate(contents.items()):
            plain(tar, name, data, pax_headers={"ESCADRE.member": str(ordinal)})

    archive.write_bytes(pyrage.encrypt(zstandard.compress(foreign(fill)), [pyrage.x25519.Recipient.from_str(public)]))
    commodore("process", archive, "-i", tmp_path / "key.txt", "-o", tmp_path / "case")
    rows = {row["path"]: row["reason"] for row in ledger(tmp_path / "case") if str(row["reason"]).startswith("not collected")}
    assert rows["/var/log/auth.log"] == "not collected: denied: Permission denied" and rows["/opt/large.bin"] == "not collected: over limit"
    assert "/etc/rc.local" not in rows and "/etc/cron.d/link" not in rows
    assert len(rows) == 1001 and rows["custody"].startswith("not collected: 502 more")
