"""One member of a property list of macOS goes and every other value stays; undo gives the same bytes. The lists are the corpus's."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from tests.hunter.conftest import manifest
from tests.hunter.driver import hunt
from tests.hunter.test_accounts import _Root

LISTS = "macos/log2timeline+plaso/test_data/plist"
AGENT = "Library/LaunchAgents/x.plist"
CASES: list[tuple[str, str, list[Any]]] = [
    ("launchd.plist", "--flag", ["ProgramArguments", 0]),
    ("launchd.minimal.plist", "Program=/usr/bin/true", ["Program"]),
    ("loginwindow.plist", "Path=/Applications/SafeConnect.app", ["AutoLaunchedApplicationDictionary", 0, "Path"]),
    (
        "leading_whitespace.plist",
        "IE_KEY_80211D_COUNTRY_CODE=US",
        ["RememberedNetworks", 0, "CachedScanRecord", "80211D_IE", "IE_KEY_80211D_COUNTRY_CODE"],
    ),
    ("nobody.plist", "shell=/usr/bin/false", ["shell", 0]),
    ("com.apple.loginitems.plist", "Name=iTunesHelper", ["SessionItems", "CustomListItems", 0, "Name"]),
    ("com.apple.SoftwareUpdate.plist", "LastResultCode=2", ["LastResultCode"]),
]


def host_with(folder: Path, data: bytes) -> _Root:
    host = _Root(folder, {AGENT: ""})
    (host.root / AGENT).write_bytes(data)
    return host


def add(host: _Root, element: str) -> tuple[int, str]:
    words = ("--element", element, "--root", host.root, "-r", host.key)
    code, out, err = hunt("add", host.plan, f"/{AGENT}", *words)
    return code, " ".join((out + err).split())


@pytest.mark.parametrize(("name", "element", "place"), CASES, ids=[name for name, *_ in CASES])
def test_a_member_goes_alone_and_comes_back(tmp_path, corpus, name, element, place) -> None:
    data = (corpus / LISTS / name).read_bytes()
    host = host_with(tmp_path, data)
    before = manifest(host.root)
    code, told = add(host, element)
    assert code == 0, told
    code, told = host.run("apply", "--yes")
    assert (code, "Done: 1 of 1, verified." in told) == (0, True), told
    wanted = plistlib.loads(data.strip() if data.lstrip().startswith(b"<?xml") else data)
    holder = wanted
    for step in place[:-1]:
        holder = holder[step]
    del holder[place[-1]]
    after = (host.root / AGENT).read_bytes()
    assert plistlib.loads(after.strip() if after.lstrip().startswith(b"<?xml") else after) == wanted
    assert host.run("verify")[0] == 0
    code, told = host.run("undo")
    assert code == 0, told
    assert manifest(host.root) == before


@pytest.mark.parametrize(
    ("name", "element", "why"),
    [
        ("NSKeyedArchiver.plist", "x", "refer to each other by number"),
        ("truncated.plist", "x", "it is no property list"),
        ("launchd.plist", "Program=/test", "the member is not there"),
        ("com.apple.bluetooth.plist", "0", "times"),
    ],
)
def test_what_is_no_such_member_is_refused(tmp_path, corpus, name, element, why) -> None:
    host = host_with(tmp_path, (corpus / LISTS / name).read_bytes())
    before = manifest(host.root)
    code, told = add(host, element)
    assert (code != 0, why in told) == (True, True), told
    assert manifest(host.root) == before
