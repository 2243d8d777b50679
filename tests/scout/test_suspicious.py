"""Programs in the wrong place: recognised by header, name and extension, on real files."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from scout.collecting import secrets
from scout.collecting.suspicious import HEAD, judge
from scout.targets.target import SampleRule
from tests.scout.collecting import *  # noqa: F403  (fixtures)

RULE = SampleRule(headers=("elf", "pe", "script", "class", "php"), extensions=(".ps1", ".lnk"), double=True)


def head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def test_real_programs_are_known_by_their_headers(corpus):
    for name in ("t32.exe", "t64.exe", "w64-arm.exe"):
        assert judge(RULE, "data.bin", head(corpus / "pe-benign/pip-distlib" / name)) == "Windows program"
    assert judge(RULE, "data.bin", head(corpus / "pe-benign/log2timeline+plaso/test_data/test_driver.sys")) == "Windows program"
    if sys.platform.startswith("linux"):
        assert judge(RULE, "data.bin", head(Path(sys.executable).resolve())) == "ELF program"


def test_real_documents_are_not_programs(corpus):
    for path in (
        "evtx/omerbenamram+evtx/samples/system.evtx",
        "linux/log2timeline+plaso/test_data/dpkg.log",
        "pe-benign/eicar/eicar.com.txt",
    ):
        assert judge(RULE, Path(path).name, head(corpus / path)) == ""


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("run", b"#!/bin/sh\n", "script (#!)"),
        ("a.class", b"\xca\xfe\xba\xbe\x00\x00\x00\x34", "Java class"),
        ("x.inc", b"<html><?PHP eval($_POST[1]);", "PHP code"),
        ("invoice.pdf.exe", b"", "double extension .pdf.exe"),
        ("photo.JPG .Scr", b"", "double extension .JPG .Scr"),
        ("readme.PS1", b"", "extension .ps1"),
        ("gpj.‮exe", b"", "direction mark in the name"),
    ],
)
def test_each_ground_is_named(name, data, why):
    assert judge(RULE, name, data) == why


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("letter.txt", b"MZ begins many a text, but this one has no header behind it"),
        ("notes.pdf", b"%PDF-1.7"),
        ("archive.tar.gz", b"\x1f\x8b"),
        ("program.exe.txt", b"a name turned round is no trap"),
        ("page.xml", b"<?xml version='1.0'?>"),
        ("empty", b""),
    ],
)
def test_what_only_looks_alike_is_left(name, data):
    assert judge(RULE, name, data) == ""


def test_a_rule_judges_only_by_its_own_grounds():
    assert judge(SampleRule(headers=("elf",)), "a.pdf.exe", b"MZ" + bytes(58) + b"\x80\0\0\0") == ""


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
        b"\n-----BEGIN PRIVATE KEY-----",
        b"PuTTY-User-Key-File-3: ssh-ed25519",
        b"AGE-SECRET-KEY-1QQQ",
    ],
)
def test_private_keys_are_known_under_any_name(data):
    assert secrets.found(data, lambda: data, len(data))


def test_public_things_are_no_secret():
    for data in (b"-----BEGIN CERTIFICATE-----", b"ssh-ed25519 AAAA", b"-----BEGIN PUBLIC KEY-----"):
        assert not secrets.found(data, lambda data=data: data, len(data))


def planted(root: Path, names: list[str], data: bytes = b"x" * 80) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def test_ransom_notes_and_five_of_many_encrypted_files_are_taken(tmp_path, collected):
    root = tmp_path / "disk"
    planted(root, ["Windows/System32/x", "Users/al/Documents/readme.txt", "Users/al/Documents/one.docx.other1"])
    for number in range(12):
        planted(root, [f"Users/al/Documents/{number}/HOW_TO_DECRYPT.txt", f"Users/al/Documents/{number}/a.xlsx.l0cked"])
    archive = collected(root, "--targets", "WS04", "--os", "windows")
    taken = {source: line["why"] for source, line in archive.custody.items() if line["verdict"] == "taken" and "why" in line}
    assert len(taken) == 10
    assert taken["C:\\Users\\al\\Documents\\0\\HOW_TO_DECRYPT.txt"] == "12 files how_to_decrypt.txt in 12 folders"
    assert taken["C:\\Users\\al\\Documents\\0\\a.xlsx.l0cked"] == "extension .l0cked added to 12 documents in 12 folders"


def test_dumps_tickets_and_archives_are_listed_with_their_hash_alone(tmp_path, collected):
    root = tmp_path / "disk"
    planted(root, ["Windows/System32/x", "Users/Public/a.txt"])
    planted(root, ["Users/Public/x.bin"], b"MDMP\x93\xa7" + bytes(9000))
    planted(root, ["Users/Public/t.kirbi"], b"\x76\x82\x01\x02")
    planted(root, ["Users/Public/n.dit"], b"\1\2\3\4\xef\xcd\xab\x89" + bytes(90))
    planted(root, ["PerfLogs/all.dat"], b"7z\xbc\xaf\x27\x1c" + bytes(50))
    archive = collected(root, "--targets", "WS08,WS09", "--os", "windows", code=1)
    for path, rule in (("Users\\Public\\x.bin", 9), ("Users\\Public\\t.kirbi", 9), ("Users\\Public\\n.dit", 9), ("PerfLogs\\all.dat", 8)):
        line = archive.custody[f"C:\\{path}"]
        assert line["verdict"] == "blocked" and line["error"].startswith(f"only listed, by the rule of WS0{rule}: ")
        assert line["sha256"] == hashlib.sha256((root / path.replace("\\", "/")).read_bytes()).hexdigest()
        assert not {"head", "tail"} & set(line)
    assert "C:\\Users\\Public\\a.txt" not in archive.custody


def test_programs_that_no_package_owns_are_taken(root, collected):
    planted(root, ["usr/bin/owned", "usr/bin/stranger", "usr/bin/text"], b"#!/bin/sh\n")
    (root / "usr/bin/text").write_bytes(b"no program")
    planted(root, ["var/lib/dpkg/status"], b"Package: pkg\nStatus: install ok installed\n\n")
    planted(root, ["var/lib/dpkg/info/pkg.list"], b"/.\n/usr/bin\n/usr/bin/owned\n")
    archive = collected(root, "--targets", "LF21", "--os", "linux")
    assert archive.verdict("/usr/bin/stranger") == "taken"
    assert not {"/usr/bin/owned", "/usr/bin/text"} & set(archive.custody)


def test_without_a_package_database_nobody_is_a_stranger(root, collected):
    planted(root, ["usr/bin/any"], b"#!/bin/sh\n")
    assert "/usr/bin/any" not in collected(root, "--targets", "LF21,LF04", "--os", "linux").custody


def test_a_file_of_a_package_that_was_changed_is_taken_and_its_neighbours_are_not(root, collected):
    for name, content in (("good", b"#!/bin/sh\ngood\n"), ("bad", b"#!/bin/sh\nchanged by someone\n"), ("unlisted", b"x")):
        planted(root, [f"usr/sbin/{name}"], content)
    listed = f"{hashlib.md5(b'#!/bin/sh' + bytes([10]) + b'good' + bytes([10])).hexdigest()}  usr/sbin/good\n{'0' * 32}  usr/sbin/bad\n"
    planted(root, ["var/lib/dpkg/info/pkg.md5sums"], listed.encode())
    planted(root, ["var/lib/dpkg/status"], b"Package: pkg\nStatus: install ok installed\n\n")
    archive = collected(root, "--targets", "LF03", "--os", "linux")
    assert archive.verdict("/usr/sbin/bad") == "taken" and "package pkg" in archive.custody["/usr/sbin/bad"]["why"]
    assert not {"/usr/sbin/good", "/usr/sbin/unlisted"} & set(archive.custody)


def test_files_beyond_those_that_a_rule_looks_at_have_a_line_and_the_summary_says_so(root, collected, monkeypatch, capsys):
    from dataclasses import replace

    from scout.collecting import examined
    from scout.targets import TargetList, load

    for number in range(8):
        planted(root, [f"tmp/{number}.sh"], b"#!/bin/sh\n")
    few = [replace(one, rule=replace(one.rule, looked=5)) if one.id == "LF13" else one for one in load()]
    monkeypatch.setattr(examined, "load", lambda: TargetList(tuple(few)))
    archive = collected(root, "--targets", "LF13", "--os", "linux")
    assert sum(line["verdict"] == "taken" for line in archive.lines if line["source"].startswith("/tmp/")) == 5
    line = archive.custody["/tmp"]
    assert (line["verdict"], line["type"]) == ("over limit", "directory") and "3 files were not" in line["error"]
    assert "5 files that LF13 looks at" in capsys.readouterr().out
