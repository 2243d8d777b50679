"""Options of these tests."""

from __future__ import annotations


def pytest_addoption(parser):
    parser.addoption("--accept", action="store_true", help="rewrite tests/golden/*/expected.jsonl with what is read now; review the diff")
