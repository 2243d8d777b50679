"""Programs in the wrong place: recognised by header, name and extension, on real files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scout.collecting import secrets
from scout.collecting.suspicious import HEAD, judge
from scout.targets.loader import SampleRule

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
