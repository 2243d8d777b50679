"""The demo: the whole chain as a new user meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


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
    with (place / "escadre-demo/case/findings.jsonl.zst").open("rb") as stream:
        lines = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read().splitlines()
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
