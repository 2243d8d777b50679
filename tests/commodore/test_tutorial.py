"""The pages `docs/guide/add-*.md`, done word for word in a copy of the project, whose tests must then pass."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?( \+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""kind, file to write, ` +` where the block is appended to it, content"""


CHECKS = ("tests/test_house.py", "tests/commodore/test_schema.py")
"""what holds all artefacts to the rules of the house; the page itself runs the golden tests of the new one"""
OTHERS = ("400_lines", "agent_imports", "a_help_is_shown", "messages_finds_the_faults")
"""names of tests in them that have nothing to do with artefacts"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project."""
    there = tmp_path_factory.mktemp("tutorial")
    junk = shutil.ignore_patterns(".*cache", "images")
    for name in ("scout", "commodore", "eye", "hunter", "escadre", "fixtures", "tests", "docs", "requirements"):
        shutil.copytree(ROOT / name, there / name, ignore=junk)
    shutil.copy(ROOT / "pyproject.toml", there)
    if (ROOT / ".mypy_cache").is_dir():  # where the code was checked before, mypy reads here what changed alone
        shutil.copytree(ROOT / ".mypy_cache", there / ".mypy_cache")
    return there


def listing(root: Path) -> dict[str, str]:
    """Path → content of everything that is not a cache."""
    files = (p for p in root.rglob("*") if p.is_file() and "cache" not in str(p.relative_to(root)))
    return {p.relative_to(root).as_posix(): sha256(p.read_bytes()).hexdigest() for p in files}


def run(command: str, there: Path, *more: str) -> subprocess.CompletedProcess:
    """Run a command of the page in the copy, with the tools of this environment."""
    tool, *arguments = [*command.split(), *more]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(there), "CI": ""}  # a copy has no corpus beside it
    done = subprocess.run([sys.executable, "-m", tool, *arguments], cwd=there, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
    return done


def follow(page: str, there: Path) -> tuple[list[str], set[str]]:
    """Do what the page says. Return its commands, and the files that were written or changed."""
    blocks = BLOCK.findall((GUIDE / page).read_text(encoding="utf-8"))
    before = listing(there)
    for _, name, more, content in blocks:
        if name:
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            with (there / name).open("a" if more else "w", encoding="utf-8", newline="\n") as file:
                file.write(content)
    commands = [line[2:] for kind, *_, content in blocks if kind == "console" for line in content.splitlines() if line.startswith("$ ")]
    for command in commands:
        run(command, there)
    after = listing(there)
    return commands, {p for p in after if after[p] != before.get(p)} | set(before) - set(after)


def test_an_artefact_touches_its_file_and_its_golden_folder(copy):
    commands, touched = follow("add-an-artefact.md", copy)
    assert [c.split()[0] for c in commands] == ["pytest", "pytest", "ruff", "mypy"]
    assert touched == {
        "commodore/artefacts/linux/files/hosts_file.py",
        "tests/golden/hosts_file/input/etc/hosts",
        "tests/golden/hosts_file/expected.jsonl",
    }
    run("commodore.reference docs/artefacts", copy)  # as `make generated` does
    run(f"pytest -x {' '.join(CHECKS)} -k", copy, " and ".join(f"not {name}" for name in OTHERS))
    lines = [json.loads(line) for line in (copy / "tests/golden/hosts_file/expected.jsonl").read_text(encoding="utf-8").splitlines()]
    records = [line for line in lines if "event.dataset" in line]
    assert [(r["destination.domain"], r["destination.ip"], r["escadre.line_number"]) for r in records] == [
        ("localhost", "127.0.0.1", 1),
        ("intranet.mairie.example", "192.0.2.10", 3),
        ("update.example", "198.51.100.23", 4),
    ]
    (account,) = [line for line in lines if line.get("expected") is not None]
    assert (account["expected"], account["parsed"], account["lost"]) == (4, 3, 1)


def test_a_persistence_row_touches_its_file_and_its_test(copy):
    commands, touched = follow("add-a-persistence-row.md", copy)
    assert [c.split()[0] for c in commands] == ["pytest", "pytest"]
    assert touched == {"commodore/persistence/rows/windows/W199.yaml", "tests/commodore/persistence/test_w199.py"}


def test_a_removal_mechanism_touches_its_file_the_catalogue_and_its_test(copy):
    commands, touched = follow("add-a-removal-mechanism.md", copy)
    assert [c.split()[0] for c in commands] == ["pytest", "pytest"]
    test = "tests/hunter/mechanisms/test_rc_local_line.py"
    assert touched == {"hunter/kinds/rc_local.yaml", test}
