"""The agent and HUNTER in a real CPython for Windows, under Wine: no proof for real Windows, but paths, names and calls are Windows'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wine.machine import drive

pytestmark = pytest.mark.wine
TASKS = "Windows/System32/Tasks"
LONG = f"{TASKS}/{'a long name of a folder ' * 6}x/{'another ' * 20}x/task"
AWKWARD = (LONG, f"{TASKS}/ends with a dot.", f"{TASKS}/nul.txt", f"{TASKS}/Aufräumen")
"""a path beyond 260 characters, and names that Windows' own Explorer does not open"""


@pytest.fixture(scope="module")
def collected(windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fixtures.windows.build import build

    place = tmp_path_factory.mktemp("collected")
    build(place / "host")
    for path in AWKWARD:
        (place / "host" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "host" / path).write_text(f"<Task>{path}</Task>")
    made = windows.run("scout", "keygen", "-o", drive(place / "key.txt"))
    assert made.returncode == 0, made.stderr
    from scout.keys import recipients_of

    (place / "out").mkdir()
    public, root, out = recipients_of(place / "key.txt")[0], drive(place / "host"), drive(place / "out")
    done = windows.run("scout", "collect", "-r", public, "--root", root, "-o", out)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return place


def test_what_windows_python_collects_is_whole_and_reads_on_linux(collected: Path) -> None:
    from scout.archive.reader import ArchiveReader
    from scout.keys import load_identities

    (archive,) = (collected / "out").glob("*.age")
    with ArchiveReader(archive, load_identities(collected / "key.txt")) as reader:
        found = {m.source: m.stream.read(m.size) for m in reader if m.kind == "files"}
        assert reader.state == "complete"
    host = collected / "host"
    logs = ("Windows/System32/winevt/Logs/Security.evtx", "Windows/Prefetch/WH.EXE-5C1F9E02.pf")
    for below in (*logs, "Windows/System32/Tasks/Microsoft/Windows/SoftwareHelper", *AWKWARD):
        assert found["C:\\" + below.replace("/", "\\")] == (host / below).read_bytes()


def test_windows_python_verifies_and_lists_it(windows, collected: Path) -> None:
    (archive,) = (collected / "out").glob("*.age")
    checked = windows.run(
        "scout", "verify", drive(archive), "-i", drive(collected / "key.txt"), "--receipt", drive(archive) + ".receipt.json"
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = windows.run("scout", "list", drive(archive), "-i", drive(collected / "key.txt"), "--json")
    sources = {json.loads(line)["source"] for line in listed.stdout.splitlines()}
    assert "C:\\Windows\\System32\\config\\SYSTEM" in sources


def test_a_bad_root_is_one_clear_line_there_too(windows, collected: Path) -> None:
    done = windows.run("scout", "collect", "-r", "age1nonsense", "--root", "Z:\\not\\there")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_hunter_starts_and_says_what_it_cannot_do_there(windows, collected: Path) -> None:
    done = windows.run("hunter", "--help")
    assert done.returncode == 0, done.stderr
    assert "apply" in done.stdout
