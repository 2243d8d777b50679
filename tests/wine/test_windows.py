"""The agent and HUNTER in a real CPython for Windows, under Wine: no proof for real Windows, but paths, names and calls are Windows'."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, need

pytestmark = pytest.mark.wine
HERE = Path(__file__).resolve().parent
TASKS = "Windows/System32/Tasks"
LONG = f"{TASKS}/{'a long name of a folder ' * 6}x/{'another ' * 20}x/task"
AWKWARD = (LONG, f"{TASKS}/ends with a dot.", f"{TASKS}/nul.txt", f"{TASKS}/Aufräumen")
"""a path beyond 260 characters, and names that Windows' own Explorer does not open"""


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory):
    """Runs a tool of this checkout with Windows' Python; paths below the file system's root are `Z:` there."""
    need(shutil.which("wine") and shutil.which("x86_64-w64-mingw32-gcc"), "Wine with mingw")
    place = Path(os.environ.get("ESCADRE_CACHE", ROOT / ".cache")) / "wine"
    made = subprocess.run([str(HERE / "prepare"), str(place)], capture_output=True, text=True, env=os.environ | {"PYTHON": sys.executable})
    need(made.returncode == 0, f"Windows' Python under Wine ({made.stderr.strip()[-300:]})")
    python, start = made.stdout.strip(), tmp_path_factory.mktemp("wine") / "start.py"
    begin = f"import importlib, sys\nsys.path.insert(0, {drive(ROOT)!r})\nname = sys.argv.pop(1)\n"
    start.write_text(begin + "importlib.import_module(name + '.cli').main()\n")
    environment = os.environ | {"WINEDEBUG": "-all", "WINEPREFIX": str(place / "prefix"), "NO_COLOR": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        # Wine's Python cannot write to a regular file: output goes through pipes
        command = ["wine", python, str(drive(start)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, timeout=180)

    def quietly(*command: str) -> int:
        nothing = subprocess.DEVNULL
        return subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, env=environment, timeout=180).returncode

    # Wine's server ends soon after its last program, and a program that starts in that moment dies without a word. This one stays. What
    # Wine starts of its own comes with the first program, and would hold that one's pipes open
    quietly("wineserver", "--kill")
    quietly("wineserver", "--wait")
    assert quietly("wineserver", "--persistent") == 0
    assert quietly("wine", python, "-c", "") == 0
    yield run
    quietly("wineserver", "--kill")


def drive(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


@pytest.fixture(scope="module")
def collected(windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fixtures.windows.build import build

    place = tmp_path_factory.mktemp("collected")
    build(place / "host")
    for path in AWKWARD:
        (place / "host" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "host" / path).write_text(f"<Task>{path}</Task>")
    made = windows("scout", "keygen", "-o", drive(place / "key.txt"))
    assert made.returncode == 0, made.stderr
    from scout.keys import recipients_of

    (place / "out").mkdir()
    public, root, out = recipients_of(place / "key.txt")[0], drive(place / "host"), drive(place / "out")
    done = windows("scout", "collect", "-r", public, "--root", root, "-o", out)
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
    checked = windows("scout", "verify", drive(archive), "-i", drive(collected / "key.txt"), "--receipt", drive(archive) + ".receipt.json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = windows("scout", "list", drive(archive), "-i", drive(collected / "key.txt"), "--json")
    sources = {json.loads(line)["source"] for line in listed.stdout.splitlines()}
    assert "C:\\Windows\\System32\\config\\SYSTEM" in sources


def test_a_bad_root_is_one_clear_line_there_too(windows, collected: Path) -> None:
    done = windows("scout", "collect", "-r", "age1nonsense", "--root", "Z:\\not\\there")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_hunter_starts_and_says_what_it_cannot_do_there(windows, collected: Path) -> None:
    done = windows("hunter", "--help")
    assert done.returncode == 0, done.stderr
    assert "apply" in done.stdout
