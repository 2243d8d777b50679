"""Copy the programs of running processes whose file has no name any more, or never had one (memfd): the process is their last copy.

Source: proc_pid_exe(5), memfd_create(2).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from scout.archive import facts
from scout.archive.custody import WantedItem
from scout.collecting.taking import ItemTaker
from scout.collecting.walk import explain, verdict_of
from scout.live.linux import procfs
from scout.sources.directory import DiskFile
from scout.targets import CollectionTarget

MAX_NAMED = 8
"""processes that custody names of one program"""


def take(target: CollectionTarget, taker: ItemTaker, stopped: Callable[[], object]) -> None:
    """Take each such program once, named after the first process that runs it."""
    running: dict[tuple[int, int], list[int]] = {}
    for pid in procfs.pids():
        try:
            status = Path(f"/proc/{pid}/exe").stat()
        except OSError:
            continue  # a kernel thread, a process that ended, or one that this account may not look at: live/processes.jsonl says which
        if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
            running.setdefault((status.st_dev, status.st_ino), []).append(pid)
    for pids in running.values():
        if stopped():
            return
        _one(pids, target, taker)


def _one(pids: list[int], target: CollectionTarget, taker: ItemTaker) -> None:
    path = f"/proc/{pids[0]}/exe"
    named = procfs.link(path)
    why = "running from memory (memfd)" if named.startswith("/memfd:") else "running, its file is deleted"
    who = [f"process {pid} {procfs.text(procfs.read(f'/proc/{pid}/comm')).strip()}" for pid in pids[:MAX_NAMED]]
    item = WantedItem(source=path, volume="root", target=target.id, facts={"link": named, "why": why, "referrer": who})
    try:
        file = DiskFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as e:
        taker.refused(item, verdict_of(e), explain(e))
        return
    try:
        item.facts = {**facts.of_stat(file.status), **item.facts}
        taker.running(item, target, file)
    finally:
        file.close()
