"""Shared fixtures: the evidence corpus, and the rule that nothing is skipped quietly where CI is set."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

if hasattr(os, "register_at_fork"):
    # pytest enables faulthandler, and a forked worker inherits it: a test that makes a worker crash would print a wall of stacks
    os.register_at_fork(after_in_child=faulthandler.disable)


def need(condition: object, what: str) -> None:
    """Skip with a word, or fail where CI=true: a missing part is never passed over in silence there."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is required in CI", pytrace=False)
    pytest.skip(f"{what} is not here")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The unpacked evidence corpus: `$ESCADRE_CORPUS`, or packs in `shared/corpus` beside the checkout, unpacked into `.corpus/`."""
    given = os.environ.get("ESCADRE_CORPUS")
    if given:
        return Path(given)
    packs = ROOT.parent / "shared" / "corpus"
    need((packs / "unpack").exists(), "the evidence corpus")
    target = ROOT / ".corpus"
    subprocess.run([sys.executable, str(packs / "unpack"), str(target)], check=True)
    return target
