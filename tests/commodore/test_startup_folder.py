"""Startup folders: one record per file, with its owner."""

from __future__ import annotations

import pytest

from commodore import catalogue
from commodore.artefact import Record
from commodore.artefacts.windows.files import startup_folder
from commodore.evidence import Evidence
from commodore.host import Host

HOST = Host("c", profiles={"S-1-5-21-1-2-3-1001": "C:\\Users\\agnes.m"}, users={"S-1-5-21-1-2-3-1001": "agnes"})
MENU = "Microsoft\\Windows\\Start Menu\\Programs\\Startup"


def run(source, **facts):
    return next(r.fields for r in startup_folder.parse(Evidence(source, b"x" * 9, facts=facts), HOST) if isinstance(r, Record))


@pytest.mark.parametrize(
    ("source", "user"),
    [
        (f"C:\\ProgramData\\{MENU}\\a.lnk", None),
        (f"C:\\Users\\agnes.m\\AppData\\Roaming\\{MENU}\\a.lnk", "agnes"),
        (f"C:\\Users\\paul\\AppData\\Roaming\\{MENU}\\a.lnk", "paul"),
        ("C:\\Documents and Settings\\joe\\Startmenü\\Programs\\Startup\\a.lnk", "joe"),
        ("C:\\Documents and Settings\\All Users\\Start Menu\\Programs\\Startup\\a.lnk", None),
    ],
)
def test_the_owner_comes_from_the_path(source, user):
    fields = run(source)
    assert fields.get("user.name") == user
    assert (fields["file.name"], fields["file.extension"], fields["file.size"]) == ("a.lnk", "lnk", 9)
    below = source.removeprefix("C:\\").replace("\\", "/")
    assert "startup_folder" in catalogue.matcher().match(below, b"x").names


def test_times_and_hash_are_those_that_the_collector_saw():
    fields = run(f"C:\\ProgramData\\{MENU}\\run", mtime="2026-01-02T00:00:00Z", btime="2026-01-01T00:00:00Z", sha256="ab")
    assert (fields["@timestamp"], fields["file.mtime"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert fields["file.hash.sha256"] == "ab"
    assert "file.extension" not in fields
    assert "@timestamp" not in run(f"C:\\ProgramData\\{MENU}\\run")
