"""Files that are opened before their turn: each is taken as it is at its turn, and none stays open."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scout.collecting.ahead import WINDOW, OpenedAhead
from scout.collecting.planned import PlannedItem
from scout.sources.directory import DirectorySource
from scout.sources.timed_calls import TimedCalls
from scout.targets import loader
from tests.conftest import need


def _items(root: Path, count: int) -> tuple[DirectorySource, list[PlannedItem]]:
    need(sys.platform.startswith("linux"), "Linux: the list of open descriptors")
    for number in range(count):
        (root / f"{number:02}").write_bytes(b"first")
    source, target = DirectorySource(root), loader.load().all[0]
    return source, [PlannedItem(source, (f"{number:02}",), target, "file", 5, 5, "", "", None) for number in range(count)]


def _open(root: Path) -> list[str]:
    return sorted(Path(os.readlink(one)).name for one in Path("/proc/self/fd").iterdir() if os.path.realpath(one).startswith(f"{root}/"))


def test_a_file_is_taken_as_it_is_at_its_turn(tmp_path: Path) -> None:
    _, items = _items(tmp_path, 3)
    with OpenedAhead(items, TimedCalls(0)) as ahead:
        ahead.take().close()
        (tmp_path / "01").write_bytes(b"first and second")
        (tmp_path / "02").unlink()
        for content in (b"first and second", b"first"):
            file = ahead.take()
            assert (file.status.st_size, file.read(100)) == (len(content), content)
            file.close()


def test_what_cannot_be_opened_says_so_at_its_own_turn(tmp_path: Path) -> None:
    _, items = _items(tmp_path, 4)
    (tmp_path / "01").unlink()
    os.mkfifo(tmp_path / "01")
    (tmp_path / "02").unlink()
    blocked = items[3]._replace(verdict="blocked")
    with OpenedAhead([*items[:3], blocked], TimedCalls(0)) as ahead:
        ahead.take().close()
        with pytest.raises(OSError, match="a pipe is never opened"):
            ahead.take()
        with pytest.raises(FileNotFoundError):
            ahead.take()
        assert ahead.take() is None


def test_few_are_open_and_none_is_left(tmp_path: Path) -> None:
    _, items = _items(tmp_path, 3 * WINDOW)
    with OpenedAhead(items, TimedCalls(0)) as ahead:
        ahead.take().close()
        assert _open(tmp_path) == [f"{number:02}" for number in range(1, WINDOW + 1)]
    assert not _open(tmp_path)


def test_nothing_is_opened_before_its_turn_where_a_call_may_hang(tmp_path: Path) -> None:
    _, items = _items(tmp_path, 3)
    with OpenedAhead(items, TimedCalls(5)) as ahead:
        assert ahead.take() is None and not _open(tmp_path)
