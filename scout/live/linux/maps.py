"""Files that processes have mapped, and anonymous memory that can be executed (`maps/1`): one object per process and file, or region.

pid, name           the process
path                the mapped file, without ` (deleted)`; absent for anonymous memory
perms               all permissions that its regions have together: `rwx` and `p` (private) or `s` (shared)
start, size         hexadecimal address of the first region, bytes of all regions
device, inode       `major:minor` and inode of the file
deleted, memfd      the file has no name any more; it never had one
anonymous           true: no file; only executable regions are listed

Source: proc_pid_maps(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.linux import procfs

SCHEMA = 1
MAX_MAPS = 16 << 20
"""bytes read of one process' table"""


def collect() -> Iterator[dict[str, Any]]:
    """Mapped files of all processes."""
    for pid in procfs.pids():
        name = procfs.text(procfs.read(f"/proc/{pid}/comm")).rstrip("\n")
        for mapped in of_process(pid):
            yield {"pid": pid, "name": name, **mapped}


def of_process(pid: int) -> Iterator[dict[str, Any]]:
    """Mapped files and executable anonymous regions of one process."""
    files: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in procfs.lines(f"/proc/{pid}/maps", MAX_MAPS):
        fields = line.split(None, 5)
        if len(fields) < 5 or "-" not in fields[0]:
            continue
        low, _, high = fields[0].partition("-")
        size, perms, path = int(high, 16) - int(low, 16), fields[1], fields[5] if len(fields) > 5 else ""
        if fields[4] != "0":
            fresh = {"start": low, "size": 0, "perms": set(), "device": fields[3], "inode": int(fields[4])}
            one = files.setdefault((path, fields[3], fields[4]), fresh)
            one["size"] += size
            one["perms"] |= set(perms) - {"-"}
        elif "x" in perms and not path.startswith("["):
            yield {"anonymous": True, "perms": perms, "start": low, "size": size}
    for (path, _, _), one in files.items():
        deleted = path.endswith(" (deleted)")
        yield {
            "path": path.removesuffix(" (deleted)"),
            **one,
            "perms": "".join(letter for letter in "rwxps" if letter in one["perms"]),
            "deleted": deleted,
            "memfd": path.startswith("/memfd:"),
        }
