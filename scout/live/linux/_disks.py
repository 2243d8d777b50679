"""The disks of the running Linux, opened for reading. Source: kernel documentation "sysfs-block": a real disk has a `device`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from scout.blocks import BlockReader, FileBlocks


def disks() -> Iterator[tuple[str, Callable[[], BlockReader]]]:
    """Yield the name of each disk and what opens it, which may raise OSError."""
    try:
        names = sorted(os.listdir("/sys/block"))
    except OSError:
        return
    for name in names:
        if Path(f"/sys/block/{name}/device").exists():
            path = f"/dev/{name.replace('!', '/')}"
            yield path, lambda path=path: _opened(path)  # type: ignore[misc]


def _opened(path: str) -> BlockReader:
    if not stat.S_ISBLK(Path(path).lstat().st_mode):
        raise OSError("it is no block device")
    return FileBlocks(path)
