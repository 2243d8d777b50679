"""Every pattern of every target: on a tree with a file for each, all are collected, and nothing beside them is."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commodore.readers.calls import CallCount
from scout.collecting.examined import make_plan, open_host
from scout.collecting.options import CollectOptions
from scout.sources.timed_calls import TimedCalls
from scout.targets import load
from tests.scout.collecting import *  # noqa: F403  (fixtures)

HOMES = {"windows": "Users/agnes", "linux": "home/agnes"}


def alternatives(pattern: str) -> list[str]:
    """The pattern once for each choice of its braces, made by cutting at them: no code of the collector."""
    pieces = re.split(r"\{([^}]*)\}", pattern)
    choices = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def sample(pattern: str, system: str, star: str = "x1") -> str:
    """A path that a person would say the pattern means. `star` is in the place of `*`."""
    path = pattern.replace("<U>", HOMES[system]).replace("%SystemRoot%", "Windows")
    path = re.sub(r"\*\*/", "deep/er/", path)
    path = re.sub(r"\*\*$", "deep/er/leaf", path)
    return path.replace("*", star).replace("?", "2").strip("/")


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_every_pattern_of_every_target_takes_its_files_and_no_decoy(system, tmp_path, collected):
    root = tmp_path / "host"
    for folder in ("Windows/System32", "Users/agnes") if system == "windows" else ("etc", "usr", "var", "home/agnes"):
        (root / folder).mkdir(parents=True)
    wanted, decoys = set(), set()
    for target in load():
        if target.os != system or target.rule is not None or target.stream or target.priority == "O":
            continue
        for pattern in (one for given in (*target.first, *target.paths) for one in alternatives(given)):
            path = sample(pattern, system)
            if (root / path).is_dir() or any((root / above).is_file() for above in Path(path).parents):
                continue  # one pattern's file is another one's folder: the other pattern is tested
            everywhere = pattern.startswith("**/")  # nothing is beside that
            for kind, where in ((wanted, path), (wanted if everywhere else decoys, f"beside/{path}")):
                (root / where).parent.mkdir(parents=True, exist_ok=True)
                (root / where).write_text("nothing\n")
                kind.add(("C:\\" + where.replace("/", "\\")) if system == "windows" else f"/{where}")
    assert len(wanted) > 150
    archive = collected(root, "--profile", "full", "--os", system)
    lower = {source.lower(): line for source, line in archive.custody.items()}
    lost = {path: lower.get(path.lower(), {}).get("verdict") for path in wanted}
    assert {path: verdict for path, verdict in lost.items() if verdict not in ("taken", "blocked")} == {}
    assert sorted(path for path in decoys if path.lower() in lower) == []


ODD = (
    "\n",
    "\r",
    "\x1b[2J",
    "\x7f",
    "\udcff",
    "\udced\udca0\udc80",
    "\u202e",
    "\u2028",
    "\xa0",
    "%2e%2e%2f",
    "$(x)",
    "`x`",
    "'\"",
    "*?[",
    "a" * 200,
    "=1+1",
)
"""what a hostile host puts into names"""


def patterns(system: str) -> list[str]:
    """The patterns with `*` of all targets that take plain files."""
    known = [one for one in load() if one.os == system and one.rule is None and not one.stream and one.priority != "O"]
    return [one for target in known for given in (*target.first, *target.paths) for one in alternatives(given) if "*" in one]


def planted(root: Path, system: str, stars: Callable[[int], list[str]]) -> list[str]:
    """Make a root with files for each pattern; `stars(number)`: what is in the place of `*` in the paths of one. Return the paths."""
    for folder in ("Windows/System32", "Users/agnes") if system == "windows" else ("etc", "usr", "var", "home/agnes"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    made = []
    for number, pattern in enumerate(patterns(system)):
        for star in stars(number):
            path = sample(pattern, system, star)
            at = root / path
            if max(map(len, map(os.fsencode, at.parts))) > 255 or at.is_dir() or any(above.is_file() for above in at.parents):
                continue
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(b"nothing\n")
            made.append(path)
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="file systems of other systems take no such names")
def test_a_hostile_name_in_each_pattern_of_each_target_costs_nothing(tmp_path, collected):
    """As a Linux root: names of Windows have none of these characters."""
    root = tmp_path / "host"
    made = planted(root, "linux", lambda number: [ODD[number % len(ODD)], "x1"])
    archive = collected(root, "--profile", "full", "--os", "linux")
    lost = {path: archive.custody.get(f"/{path}", {}).get("verdict") for path in made}
    assert {path: verdict for path, verdict in lost.items() if verdict not in ("taken", "blocked", "duplicate")} == {}
    assert len(made) > 400


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_the_work_of_finding_the_files_of_all_targets_grows_no_faster_than_they_do(system, tmp_path):
    costs = {}
    for times in (2, 6):
        root = tmp_path / str(times)
        planted(root, system, lambda _, times=times: [f"x{n}" for n in range(times)])
        host = open_host(CollectOptions(root=root, profile="full", system=system))
        host.timed = TimedCalls(0)  # its calls are made by this thread, which counts
        count = CallCount()
        with count.counting():
            make_plan(host, compare=False)
        host.close()
        costs[times] = count.made
    assert costs[6] <= 1.5 * 3 * costs[2], costs


def test_no_target_takes_stored_passwords_or_cookies():
    names = ("Login Data", "Cookies", "key4.db", "logins.json", "cookies.sqlite", "NTDS.dit", "ntds.dit", "Web Data", "Local State")
    for target in load():
        for pattern in (one for given in target.paths for one in alternatives(given)):
            assert not any(re.search(rf"(?:^|/){re.escape(name)}$", pattern) for name in names), (target.id, pattern)
