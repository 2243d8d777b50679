"""Addresses with a password: no dataset and no output of `hive` has it; the rest of the address stays."""

from __future__ import annotations

import json

import pytest

from commodore.hive import HiveFile
from commodore.readers.hives.secrets import without_password
from tests.commodore.registry_hives import NTUSER, hive, run

SECRET = "pa55@wo:rd"
FTP = f"ftp://anna:{SECRET}@files.example:2121/a?b#c"
IE, EXPLORER = "Software\\Microsoft\\Internet Explorer", "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
KEYS = {
    f"{IE}\\TypedURLs": {"url1": FTP, "url2": f"anna:{SECRET}@files.example/", "url3": "https://b@c.example/"},
    f"{EXPLORER}\\TypedPaths": {"url1": FTP, "url2": "C:\\Users\\a@b"},
    f"{EXPLORER}\\RunMRU": {"a": f"explorer {FTP}\\1", "MRUList": "a"},
}


@pytest.mark.parametrize(
    ("dataset", "shown"),
    [
        ("typed_urls", ["ftp://anna:***@files.example:2121/a?b#c", "anna:***@files.example/", "https://b@c.example/"]),
        ("typed_paths", ["ftp://anna:***@files.example:2121/a?b#c", "C:\\Users\\a@b"]),
        ("run_mru", ["explorer ftp://anna:***@files.example:2121/a?b#c"]),
    ],
)
def test_what_a_user_typed_has_no_password(dataset, shown):
    records, problems = run(dataset, KEYS, NTUSER)
    assert [record.get("url.full") or record.get("file.path") or record["process.command_line"] for record in records] == shown
    assert not problems
    assert SECRET not in json.dumps(records)


def test_the_value_itself_has_no_password_and_no_bytes():
    records, _ = run("registry", {"Software\\x": {"url": FTP, "two": ["plain", FTP], "none": "https://b@c.example/"}}, NTUSER)
    found = {
        r["registry.value"]: (
            r["registry.data.strings"],
            r.get("registry.data.bytes"),
            "password" in r.get("escadre.registry.withheld", ""),
        )
        for r in records
        if "registry.value" in r
    }
    masked = "ftp://anna:***@files.example:2121/a?b#c"
    assert found == {"url": ([masked], None, True), "two": (["plain", masked], None, True), "none": (["https://b@c.example/"], None, False)}
    assert SECRET not in json.dumps(records)


def test_the_tool_shows_no_password(tmp_path):
    (tmp_path / "h").write_bytes(hive({"Software": {"url": FTP}}))
    (value,) = [value for key in HiveFile(tmp_path / "h").keys() for value in key.values]
    assert (value.shown, value.data) == ("ftp://anna:***@files.example:2121/a?b#c", None)


@pytest.mark.parametrize(
    "text", ["mailto:anna@example.org", "\\\\server@SSL@8443\\share", "https://a.example:8443/x:y@z", "see a@b, c: d@e", "C:\\a@b", "x@y"]
)
def test_what_is_no_password_stays(text):
    assert without_password(text, typed=True) == text
