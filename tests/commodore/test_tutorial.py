"""docs/guide/add-an-artefact.md, done word for word in a copy of the project, in which all tests of artefacts must then pass."""

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
PAGE = ROOT / "docs" / "guide" / "add-an-artefact.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


CHECKS = ("tests/test_house.py", "tests/commodore/test_schema.py", "tests/commodore/test_golden.py")
"""what holds all artefacts to the rules of the house"""
OTHERS = ("400_lines", "agent_imports")
"""names of tests in them that have nothing to do with artefacts"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project."""
    there = tmp_path_factory.mktemp("tutorial")
    junk = shutil.ignore_patterns("__pycache__", "*.pyc", ".*cache", "images")
    for name in ("scout", "commodore", "eye", "hunter", "escadre", "tests", "docs", "requirements"):
        shutil.copytree(ROOT / name, there / name, ignore=junk)
    shutil.copy(ROOT / "pyproject.toml", there)
    return there


def listing(root: Path) -> dict[str, str]:
    """Path → content of everything that is not a cache."""
    files = (p for p in root.rglob("*") if p.is_file() and "cache" not in str(p.relative_to(root)))
    return {p.relative_to(root).as_posix(): sha256(p.read_bytes()).hexdigest() for p in files}


def run(command: str, there: Path, *more: str) -> subprocess.CompletedProcess:
    """Run a command of the page in the copy, with the tools of this environment."""
    tool, *arguments = [*command.split(), *more]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(there), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", tool, *arguments], cwd=there, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_page_does_what_it_says_and_touches_nothing_else(copy):
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    before = listing(copy)
    for _, name, content in blocks:
        if name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(content, encoding="utf-8", newline="\n")
    commands = [line[2:] for kind, _, content in blocks if kind == "console" for line in content.splitlines() if line.startswith("$ ")]
    assert [c.split()[0] for c in commands] == ["pytest", "pytest", "ruff", "mypy"]
    for command in commands:
        run(command, copy)

    after = listing(copy)
    run("commodore.reference docs/artefacts", copy)  # as `make generated` does
    run(f"pytest -x {' '.join(CHECKS)} -k", copy, " and ".join(f"not {name}" for name in OTHERS))
    assert {p for p in after if after[p] != before.get(p)} | set(before) - set(after) == {
        "commodore/artefacts/linux/files/hosts_file.py",
        "tests/golden/hosts_file/input/etc/hosts",
        "tests/golden/hosts_file/expected.jsonl",
    }
    lines = [json.loads(line) for line in (copy / "tests/golden/hosts_file/expected.jsonl").read_text(encoding="utf-8").splitlines()]
    records = [line for line in lines if "event.dataset" in line]
    assert [(r["destination.domain"], r["destination.ip"], r["escadre.line_number"]) for r in records] == [
        ("localhost", "127.0.0.1", 1),
        ("intranet.mairie.example", "192.0.2.10", 3),
        ("update.example", "198.51.100.23", 4),
    ]
    (account,) = [line for line in lines if line.get("expected") is not None]
    assert (account["expected"], account["parsed"], account["lost"]) == (4, 3, 1)
