"""Every pattern of every target: on a tree with a file for each, all are collected, and nothing beside them is."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from scout.targets import load
from tests.scout.collecting import *  # noqa: F403  (fixtures)

HOMES = {"windows": "Users/agnes", "linux": "home/agnes"}


def alternatives(pattern: str) -> list[str]:
    """The pattern once for each choice of its braces, made by cutting at them: no code of the collector."""
    pieces = re.split(r"\{([^}]*)\}", pattern)
    choices = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def sample(pattern: str, system: str) -> str:
    """A path that a person would say the pattern means."""
    path = pattern.replace("<U>", HOMES[system]).replace("%SystemRoot%", "Windows")
    path = re.sub(r"\*\*/", "deep/er/", path)
    path = re.sub(r"\*\*$", "deep/er/leaf", path)
    return path.replace("*", "x1").replace("?", "2").strip("/")


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


def test_no_target_takes_stored_passwords_or_cookies():
    names = ("Login Data", "Cookies", "key4.db", "logins.json", "cookies.sqlite", "NTDS.dit", "ntds.dit", "Web Data", "Local State")
    for target in load():
        for pattern in (one for given in target.paths for one in alternatives(given)):
            assert not any(re.search(rf"(?:^|/){re.escape(name)}$", pattern) for name in names), (target.id, pattern)
