"""Helpers of the engine's tests: the content of a case, artefacts planted for a test, small hosts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import orjson

from commodore.case import jsonl
from commodore.case.reader import CaseReader
from tests.forked import tool

ROOT = Path(__file__).resolve().parent.parent.parent
CLI = [sys.executable, "-m", "commodore.cli"]


def content(case: Path) -> dict[str, str]:
    """sha256 of the uncompressed lines of everything that must be the same in every run."""
    result = {}
    for pattern in ("records/*/*.jsonl.zst", "findings/*.jsonl.zst", "members/*.jsonl.zst", "ledger/*.jsonl"):
        for path in sorted(case.glob(pattern)):
            result[str(path.relative_to(case))] = _sum(jsonl.lines(path))
    return result


def forget(case: Path) -> None:
    """Take the manifests away: the case is as after a kill at the very end of each collection."""
    for path in case.glob("collections/*.json"):
        path.unlink()


def _sum(lines) -> str:
    whole = hashlib.sha256()
    for line in lines:
        whole.update(line + b"\n")
    return whole.hexdigest()


def records(case: Path, dataset: str) -> list[dict]:
    return [orjson.loads(line) for path in sorted((case / "records" / dataset).glob("*.jsonl.zst")) for line in jsonl.lines(path)]


def ledger(case: Path) -> list[dict]:
    return list(CaseReader(case).ledger())


def members(case: Path) -> list[dict]:
    return [row for path in sorted(case.glob("members/*.jsonl.zst")) for row in jsonl.objects(path)]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **more}


def commodore(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The program itself, as a person starts it, but for the start of Python."""
    return tool("commodore", *arguments)
