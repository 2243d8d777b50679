"""The commands: a wrong input gets one clear line and the right exit code, and everything readable is read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.commodore.cases import ROOT, commodore, environment, ledger, records


@pytest.fixture(scope="module")
def archive(corpus, tmp_path_factory):
    """A real archive of a small Windows tree: (archive, key file)."""
    place = tmp_path_factory.mktemp("archive")
    logs = place / "host" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    samples = corpus / "evtx/omerbenamram+evtx/samples"
    for name in ("security.evtx", "system.evtx"):
        shutil.copy(samples / name, logs)

    def scout(*arguments):
        subprocess.run(
            [sys.executable, "-m", "scout.cli", *map(str, arguments)], check=True, cwd=ROOT, env=environment(), capture_output=True
        )

    for name in ("key.txt", "other.txt"):
        scout("keygen", "-o", place / name)
    public = next(w for w in (place / "key.txt").read_text().split() if w.startswith("age1"))
    scout("collect", "-r", public, "--root", place / "host", "-o", place)
    return next(place.glob("*.age")), place / "key.txt"


def test_an_archive_gives_records_hashes_and_no_plaintext_beside_the_case(archive, tmp_path):
    path, key = archive
    done = commodore("process", path, "-i", key, "-o", tmp_path / "case")
    assert done.returncode == 0, done.stderr
    assert "Next: eye serve" in done.stdout
    assert len(records(tmp_path / "case", "evtx")) > 2000
    about = json.loads((tmp_path / "case" / "case.json").read_text())
    assert about["reproducible"] is True
    (manifest,) = (tmp_path / "case" / "collections").iterdir()
    assert json.loads(manifest.read_text())["state"] == "complete"
    assert all(r["expected"] == r["parsed"] for r in ledger(tmp_path / "case") if r["artefact"] == "evtx")


def test_a_cut_archive_gives_what_is_there_and_exit_1(archive, tmp_path):
    path, key = archive
    cut = tmp_path / "cut.tar.zst.age"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    done = commodore("process", cut, "-i", key, "-o", tmp_path / "case", "--json")
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert said["hosts"][0]["state"] == "interrupted"
    assert records(tmp_path / "case", "evtx")


def test_a_flipped_byte_ends_in_a_reason_and_never_in_a_traceback(archive, tmp_path):
    path, key = archive
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "flipped.age").write_bytes(bytes(data))
    done = commodore("process", tmp_path / "flipped.age", "-i", key, "-o", tmp_path / "case", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["hosts"][0]["reason"]
    assert "Traceback" not in done.stderr


def test_the_wrong_key_is_one_line_and_exit_3(archive, tmp_path):
    path, key = archive
    done = commodore("process", path, "-i", key.with_name("other.txt"), "-o", tmp_path / "case")
    assert done.returncode == 3
    assert "other keys" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("photo", lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60)), "it is a picture (PNG)"),
        ("readme.txt", lambda p: p.write_text("hello there\n" * 20), "it is text"),
        ("nothing", lambda p: p.write_bytes(b""), "it is empty"),
        ("places.db", lambda p: p.write_bytes(b"SQLite format 3\0" + bytes(60)), "it is a SQLite database"),
    ],
)
def test_what_is_no_evidence_is_called_by_its_name_and_exit_2(tmp_path, name, make, words):
    make(tmp_path / name)
    done = commodore("process", tmp_path / name, "-o", tmp_path / "case")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "case").exists()


def test_an_encrypted_archive_without_a_key_asks_for_it(archive, tmp_path):
    done = commodore("process", archive[0], "-o", tmp_path / "case")
    assert done.returncode == 2
    assert "-i key.txt" in done.stderr


def test_a_missing_input_and_a_directory_that_is_no_case_are_told(tmp_path):
    assert "does not exist" in commodore("process", tmp_path / "none", "-o", tmp_path / "case").stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("mine")
    (tmp_path / "host" / "etc").mkdir(parents=True)
    done = commodore("process", tmp_path / "host", "-o", tmp_path / "full")
    assert done.returncode == 2
    assert "not empty and no case" in done.stderr
    assert commodore("findings", tmp_path / "full").returncode == 2


def test_rules_that_have_not_seen_an_input_are_named_until_it_is_redone(corpus, tmp_path):
    log = tmp_path / "x.evtx"
    shutil.copy(corpus / "evtx/omerbenamram+evtx/samples/sysmon.evtx", log)
    (tmp_path / "ioc.txt").write_text("evil.example\n")
    assert commodore("process", log, "-o", tmp_path / "case").returncode == 0
    done = commodore("process", log, "-o", tmp_path / "case", "--ioc", tmp_path / "ioc.txt")
    assert done.returncode == 1
    assert "not seen by these rules and indicators (--redo reads it again)" in done.stdout


def test_ledger_findings_and_artefacts_speak_json_lines(corpus, tmp_path):
    log = tmp_path / "x.evtx"
    shutil.copy(corpus / "evtx/omerbenamram+evtx/samples/sysmon.evtx", log)
    commodore("process", log, "-o", tmp_path / "case")
    done = commodore("ledger", tmp_path / "case", "--json")
    assert done.returncode == 1
    assert [json.loads(line) for line in done.stdout.splitlines()] == ledger(tmp_path / "case")  # machines get all of it
    assert commodore("findings", tmp_path / "case", "--json").returncode == 0
    assert "evtx" in {json.loads(line)["name"] for line in commodore("artefacts", "--json").stdout.splitlines()}
    assert "Did you mean evtx" in commodore("artefacts", "evtz").stderr
    assert json.loads(commodore("rules", "stats", "--json").stdout) == {
        "loaded": 0,
        "yara": 0,
        "indicators": 0,
        "without_source": [],
        "refused": [],
    }


def test_rules_without_a_log_source_in_the_case_are_counted(corpus, tmp_path):
    log = tmp_path / "x.evtx"
    shutil.copy(corpus / "evtx/omerbenamram+evtx/samples/sysmon.evtx", log)
    (tmp_path / "host" / "var" / "log").mkdir(parents=True)
    (tmp_path / "host" / "var" / "log" / "auth.log").write_text("Nov 22 03:04:05 web01 sshd[1]: Invalid user x from 198.51.100.7 port 1\n")
    rules = tmp_path / "rules"
    rules.mkdir()
    for name, source in {
        "registry": "product: windows\n  category: registry_set",
        "security": "product: windows\n  service: security",
        "any_windows": "product: windows",
        "auth": "product: linux\n  service: sshd",
        "nobody": "product: cisco\n  service: aaa",
    }.items():
        text = f"title: {name}\nid: {name}\nlogsource:\n  {source}\ndetection:\n  s:\n    - x\n  condition: s\n"
        (rules / f"{name}.yml").write_text(text)
    made = json.loads(commodore("process", log, "-o", tmp_path / "case", "--rules", rules, "--json").stdout)
    assert (made["loaded"], made["with_source"], made["without_source"]) == (4, 2, 1)  # a Sysmon log: the registry rule and that of any log
    assert made["hosts"][0]["log_sources"] == {"evtx": ["*", "microsoft-windows-sysmon/operational"]}
    done = commodore("process", tmp_path / "host", "-o", tmp_path / "case", "--rules", rules)
    assert "4 Sigma loaded (3 with a log source in this case, 1 more can match no record)" in done.stdout
    stats = commodore("rules", "stats", "--rules", rules, "--case", tmp_path / "case")
    assert f"With a log source in {tmp_path / 'case'}: 3 rules." in stats.stdout
    assert json.loads(commodore("rules", "stats", "--rules", rules, "--case", tmp_path / "case", "--json").stdout)["with_source"] == 3
    assert commodore("rules", "stats", "--case", tmp_path / "none").returncode == 2


def test_a_hostile_name_is_escaped_on_the_terminal(tmp_path):
    (tmp_path / "host" / "etc").mkdir(parents=True)
    (tmp_path / "host" / "etc" / "a\x1b[31mred").write_text("x")
    commodore("process", tmp_path / "host", "-o", tmp_path / "case")
    out = commodore("ledger", tmp_path / "case", "--all").stdout
    assert "\x1b" not in out
    assert "\\x1b[31mred" in out


def test_what_no_artefact_read_is_counted_and_never_called_whole(tmp_path):
    (tmp_path / "host/etc").mkdir(parents=True)
    (tmp_path / "host/etc/crontab").write_text("0 5 * * * root /usr/bin/true\n")
    for name in ("notes.unknown", "other.unknown"):
        (tmp_path / "host" / name).write_text("nobody reads this\n")
    done = commodore("process", tmp_path / "host", "-o", tmp_path / "case")
    assert done.returncode == 0 and "1 of 3 members, 2 not read by any artefact" in done.stdout, done.stdout + done.stderr
    said = commodore("ledger", tmp_path / "case")
    assert "2 of 3 members were not read by any artefact" in said.stdout, said.stdout
