"""What this running host names: on Linux the programs of processes and the files that they have mapped as code; on Windows also what
services, run keys, tasks and startup folders start, by the running registry.

Without this process and its children, and only processes that see the same mounts and the same root as this one: the paths of a container
are others. Source: proc(5).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from scout.live.linux import maps, procfs


def names() -> Iterator[tuple[str, str]]:
    """Yield (native path, who names it)."""
    if sys.platform == "win32":
        from scout.live.windows import _autostarts

        for path, named_by in _autostarts.named().items():
            yield from ((path, who) for who in named_by)
    elif sys.platform.startswith("linux"):
        yield from _processes()


def _processes() -> Iterator[tuple[str, str]]:
    """Yield (native path, `process <pid> <name>`) of each program and each mapped library that still has its name."""
    own, this = procfs.link("/proc/self/ns/mnt"), str(os.getpid())
    for pid in procfs.pids():
        if str(pid) == this or procfs.stat(pid)[1:2] == [this]:
            continue
        if procfs.link(f"/proc/{pid}/ns/mnt") != own or procfs.link(f"/proc/{pid}/root") != "/":
            continue
        who = f"process {pid} {procfs.text(procfs.read(f'/proc/{pid}/comm')).strip()}"
        program = procfs.link(f"/proc/{pid}/exe")
        if program.startswith("/") and not program.startswith("/memfd:") and not program.endswith(" (deleted)"):
            yield program, who
        for mapped in maps.of_process(pid):
            path = str(mapped.get("path", ""))
            if path.startswith("/") and "x" in mapped["perms"] and not mapped["deleted"] and not mapped["memfd"] and path != program:
                yield path, who
