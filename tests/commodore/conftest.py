"""Options of these tests, and what they share."""

from __future__ import annotations

import pytest

from tests import forked


def pytest_addoption(parser):
    parser.addoption("--accept", action="store_true", help="rewrite tests/golden/*/expected.jsonl with what is read now; review the diff")


@pytest.fixture(scope="session", autouse=True)
def _prepared() -> None:
    """Each run starts workers, which inherit what is loaded here."""
    forked.prepare("commodore")
