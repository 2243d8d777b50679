"""Shared fixtures: the evidence corpus, and the rule that nothing is skipped quietly where CI is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
