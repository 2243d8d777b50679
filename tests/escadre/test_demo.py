"""The demo: the complete chain, as a new user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from escadre.demo import _program, demo
from scout.console import Screen, run


def escadre(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from escadre.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    place = tmp_path_factory.mktemp("demo")
    return place, escadre("demo", cwd=place)


def test_it_ends_well_and_says_how_to_go_on(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    place, done = ran
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "eye serve escadre-demo/case" in done.stdout
    assert "rm -r escadre-demo" in done.stdout
    assert sorted(p.name for p in place.iterdir()) == ["escadre-demo"]
    assert "Traceback" not in done.stderr


def test_every_plant_is_found_and_none_of_the_ordinary_entries(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    import orjson
    import zstandard

    place, _ = ran
    lines = []
    for path in place.glob("escadre-demo/case/findings/*.jsonl.zst"):
        with path.open("rb") as stream:
            lines += zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read().splitlines()
    grave = [f for f in map(orjson.loads, lines) if f["escadre.severity"] in ("high", "critical")]
    assert {"W001", "W008", "W012", "W050", "W100", "W150", "L010", "L001", "L050", "L062"} <= {f["rule.id"] for f in grave}
    guilty = str([(f["escadre.matched"], f.get("target")) for f in grave])
    for ordinary in ("SecurityHealth", "ScheduledDefrag", "desktop.ini", "site/cron.php", "backup@nas", "paul@portable"):
        assert ordinary not in guilty


def test_a_directory_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    done = escadre("demo", "-o", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "no demo made it" in done.stderr
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"


def test_machines_get_one_document(tmp_path: Path) -> None:
    done = escadre("demo", "-o", "here", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) | {"seconds": 0} == {
        "directory": "here",
        "case": "here/case",
        "plan": "here/plans/web-vitrine.yaml",
        "seconds": 0,
    }
    assert "$ scout" not in done.stdout and "Taken back: 8 of 8" in done.stderr


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = escadre("demo", "-o", "file/demo", cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "escadre: file/demo cannot be written: Not a directory.")


def test_a_step_that_fails_ends_the_demo_and_so_does_ctrl_c(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for code, ends in ((1, 3), (3, 3), (130, 130)):
        monkeypatch.setattr("escadre.demo.run", lambda tool, app, words, code=code: code if words[0] == "verify" else run(tool, app, words))
        assert demo(tmp_path / str(code), Screen(json_lines=True, quiet=True)) == ends


def test_the_last_lines_name_a_program_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "env" / "python"))
    assert _program("eye") == "eye"
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "eye").touch()
    monkeypatch.chdir(tmp_path)
    assert _program("eye") == "env/eye"
