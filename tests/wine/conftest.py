"""Fixtures of the tests under Wine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wine.machine import WindowsMachine, prepared


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowsMachine]:
    """A Windows that all tests share: they do not change what others look at."""
    with WindowsMachine(prepared(), tmp_path_factory.mktemp("wine") / "prefix") as machine:
        yield machine


@pytest.fixture(scope="module")
def own_windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowsMachine]:
    """A Windows for one test file, which may change it."""
    with WindowsMachine(prepared(), tmp_path_factory.mktemp("wine") / "prefix") as machine:
        yield machine
