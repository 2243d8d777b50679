"""`commodore hive`: keys, search, timeline, comparison, replay, and the second reader."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest

from commodore.hive import HiveFile, below, diff, search, timeline, write_replayed
from fixtures.hives.build import files
from scout.console import Complaint
from scout.formats.regf import Hive
from tests.commodore.registry_hives import hive

KEYS = {
    "Run": {".time": "2026-10-31T20:00:00Z", "Update": "C:\\Users\\Public\\wh.exe", "Level": 3},
    "Run\\Below": {},
    "Winlogon": {"DefaultPassword": "hello"},
}


@pytest.fixture
def folder(tmp_path):
    for name, data in files().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "plain").write_bytes(hive(KEYS))
    return tmp_path


def tool(*arguments):
    done = subprocess.run([sys.executable, "-m", "commodore", "hive", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_key_is_shown_with_its_values_and_the_keys_below_it(folder):
    shown = list(below(HiveFile(folder / "plain").keys(), "run"))
    assert [key.path for key in shown] == ["Run", "Run\\Below"]
    assert [(v.name, v.type, v.shown) for v in shown[0].values] == [
        ("Update", "REG_SZ", "C:\\Users\\Public\\wh.exe"),
        ("Level", "REG_DWORD", "3"),
    ]


def test_a_search_finds_names_and_data_and_no_secrets(folder):
    found = [(hit.key.path, hit.value and hit.value.name) for hit in search(HiveFile(folder / "plain").keys(), r"wh\.exe$|^below$|hello")]
    assert found == [("Run", "Update"), ("Run\\Below", None)]
    with pytest.raises(Complaint, match=r"\(\?="):
        list(search([], r"(?=x)"))


def test_a_timeline_is_in_the_order_of_the_last_writes(folder):
    times = [key.last_written for key in timeline(HiveFile(folder / "plain").keys())]
    assert times == sorted(times)
    assert times[-1] == "2026-10-31T20:00:00.0000000Z"


def test_two_hives_are_compared_value_by_value(folder):
    changed = {**KEYS, "Run": {"Update": "C:\\Users\\Public\\wh.exe", "Level": 4, "New": "n"}}
    del changed["Run\\Below"]
    (folder / "later").write_bytes(hive(changed))
    found = {
        (c.what, c.path, c.value) for c in diff(HiveFile(folder / "plain").keys(lost=False), HiveFile(folder / "later").keys(lost=False))
    }
    assert found == {("changed", "Run", None), ("changed", "Run", "Level"), ("added", "Run", "New"), ("removed", "Run\\Below", None)}
    assert tool("diff", folder / "plain", folder / "later")[0] == 1
    assert tool("diff", folder / "plain", folder / "plain")[0] == 0


def test_logs_beside_a_hive_are_replayed_and_the_recovered_hive_is_written_once(folder):
    user = folder / "NTUSER.DAT"
    assert any(key.state == "replayed" for key in HiveFile(user).keys())
    assert not any(key.state == "replayed" for key in HiveFile(user, []).keys())
    code, _, err = tool("replay", user, "-o", folder / "recovered")
    assert (code, err) == (0, ""), err
    written = (folder / "recovered").read_bytes()
    whole = Hive.open(written)
    assert not whole.dirty
    assert whole.find("Software\\Microsoft\\Windows\\CurrentVersion\\Run").value("OneDriveUpd")
    if os.name == "posix":
        assert stat.S_IMODE((folder / "recovered").stat().st_mode) == 0o600
    code, _, err = tool("replay", user, "-o", folder / "recovered")
    assert code == 2
    assert "exists" in err
    assert (folder / "recovered").read_bytes() == written
    (folder / "again.part").write_bytes(b"of a run that was killed")
    assert tool("replay", user, "-o", folder / "again")[0] == 0
    assert (folder / "again").read_bytes() == written and not (folder / "again.part").exists()
    with pytest.raises(Complaint, match="nothing to replay"):
        write_replayed(HiveFile(folder / "plain"), folder / "other")


def test_the_second_reader_shows_the_same_and_keeps_the_same_secrets(folder):
    first = tool("keys", folder / "plain", "Winlogon", "--json")
    then = tool("keys", folder / "plain", "Winlogon", "--json", "--reader", "python-registry")
    assert first == then
    assert [json.loads(line).get("data") for line in then[1].splitlines()] == [None, ["not shown: it contains a password"]]
    assert tool("keys", folder / "plain", "--reader", "other")[0] == 2


def test_a_path_that_does_not_exist_is_an_error(folder):
    code, out, err = tool("keys", folder / "plain", "HKLM\\SOFTWARE\\Microsoft")
    assert (code, out) == (3, "")
    assert "no such key" in err and "below the root of the hive" in err


def test_what_is_no_hive_is_said_in_one_line(folder):
    (folder / "text").write_text("hello")
    code, out, err = tool("keys", folder / "text")
    assert (code, out) == (3, "")
    assert "signature regf is missing" in err
    assert "Name a hive" in err
    assert "Traceback" not in err


def test_the_hive_may_stand_first_with_its_logs(folder):
    (folder / "log").write_bytes((folder / "NTUSER.DAT.LOG1").read_bytes())
    (folder / "alone").write_bytes((folder / "NTUSER.DAT").read_bytes())
    run = "Software\\Microsoft\\Windows\\CurrentVersion\\Run"
    behind = tool(folder / "alone", folder / "log", "--json", "keys", run)
    assert behind == tool("keys", folder / "alone", run, "--log", folder / "log", "--json")
    assert (behind[0], "OneDriveUpd" in behind[1]) == (0, True)
    assert tool(folder / "plain") == tool("keys", folder / "plain")
    assert tool(folder / "plain", "diff", folder / "plain") == (0, "0 differences.\n", "")
    code, _, err = tool("kyes", folder / "plain")
    assert (code, "No such command 'kyes'" in err) == (2, True)
    code, _, err = tool(folder / "absent", "keys")
    assert (code, "No such file" in err) == (3, True)


def test_what_is_wrong_with_the_file_of_a_hive_is_said(folder):
    whole = (folder / "SOFTWARE").read_bytes()
    (folder / "cut").write_bytes(whole[:-4096])
    assert HiveFile(folder / "cut").notes == ["hive is cut: 4096 bytes that its base block promises are missing"]
    (folder / "edited").write_bytes(whole[:12] + b"\1" + whole[13:])
    assert "it was changed after Windows wrote it" in HiveFile(folder / "edited").notes[0]
    foreign = HiveFile(folder / "NTUSER.DAT", [folder / "plain"])
    assert [note.partition(":")[0] for note in foreign.notes] == ["log refused"]
    assert tool("timeline", folder / "NTUSER.DAT", "--log", folder / "plain")[0] == 1


def test_what_the_second_reader_refuses_completely_is_one_error(folder):
    for name, data in (("empty", b""), ("head", (folder / "plain").read_bytes()[:4096]), ("text", b"hello")):
        (folder / name).write_bytes(data)
        for command in (("keys",), ("search", "x"), ("timeline",)):
            code, out, err = tool(command[0], folder / name, *command[1:], "--reader", "python-registry")
            assert (code, out) == (3, ""), (name, command, err)
            assert err.startswith(f"commodore: {folder / name}: python-registry: "), err
            assert "Name a hive" in err
