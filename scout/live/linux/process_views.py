"""Processes by four ways of asking (`process_views/1`): what hides from one is shown by another.

The first object: listed (readdir of /proc), direct (getdents64 of /proc), answered (ids that answer to a probe), cgroup (ids in control
groups), probed_to (highest id that was probed), complete (every possible id was probed), hidepid (/proc is mounted so that it shows
only processes of its reader, and SCOUT is not root: what /proc lacks says nothing then, and is not listed).
Then one object for each process that readdir or getdents64 lacks: pid, listed, direct, answered, cgroup; name, exe, command_line where they
can be read.

A process that comes or goes meanwhile is none: what differs is asked again. Threads answer to probes too and are left out.
Source: proc(5), getpgid(2), cgroups(7).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

from scout.live.linux import _direct, procfs

SCHEMA = 1
SECONDS = 10.0
"""time for probing"""
MAX_GROUPS = 50_000
CGROUPS = "/sys/fs/cgroup"


def collect() -> Iterator[dict[str, Any]]:
    """Yield the summary, and the processes that differ."""
    before = _listed()
    answered, probed_to, complete = _probe()
    groups = _in_groups()
    direct, after = _direct_list(), _listed()
    known = before | after
    yield {
        "listed": len(after),
        "direct": len(direct),
        "answered": len(answered),
        "cgroup": len(groups),
        "probed_to": probed_to,
        "complete": complete,
        **({"hidepid": True} if (own_only := _shows_own_only()) else {}),
    }
    for pid in sorted((answered | groups | direct) - known) if not own_only else ():
        if _is_process(pid) and pid not in _listed():
            yield _one(pid, answered, groups)
    for pid in sorted(known & _listed()):
        if direct and pid not in direct and pid not in _direct_list() and pid in _listed():
            yield _one(pid, answered, groups)


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    if "pid" not in row:
        return ""
    ways = {"listed": "readdir", "direct": "getdents64", "answered": "a probe", "cgroup": "its control group"}
    seen = [word for key, word in ways.items() if row.get(key)]
    return f"process {row['pid']} {row.get('name', '')} is shown by {' and '.join(seen) or 'nothing any more'} only"


def _shows_own_only() -> bool:
    """Return whether /proc hides the processes of others from this one: its option `hidepid`, which does not count for root."""
    if os.geteuid() == 0:
        return False
    mounts = (line.split() for line in procfs.lines("/proc/self/mountinfo"))
    options = [fields[-1] for fields in mounts if len(fields) > 6 and fields[4] == procfs.PROC]
    return bool(options) and re.search(r"\bhidepid=(?:2|4|invisible|ptraceable)\b", options[-1]) is not None


def _listed() -> set[int]:
    return {int(name) for name in os.listdir(procfs.PROC) if name.isdigit()}


def _direct_list() -> set[int]:
    try:
        return {int(name) for name in _direct.names(procfs.PROC) if name.isdigit()} if _direct.available() else set()
    except OSError:
        return set()


def _probe() -> tuple[set[int], int, bool]:
    """Return (ids that answer, highest id that was probed, whether that is all)."""
    most = int(procfs.text(procfs.read("/proc/sys/kernel/pid_max")).strip() or 32768)
    found: set[int] = set()
    until, getpgid = time.monotonic() + SECONDS, os.getpgid
    for pid in range(1, most + 1):
        try:
            getpgid(pid)
        except ProcessLookupError:
            if pid & 0xFFFF == 0 and time.monotonic() > until:
                return found, pid, False
            continue
        except PermissionError:
            pass
        if _is_process(pid):
            found.add(pid)
    return found, most, True


def _is_process(pid: int) -> bool:
    """Return whether an id is a process of its own: a thread has the id of its process as `Tgid`. Without a status the answer counts."""
    status = procfs.status(pid)
    if status:
        return status.get("Tgid", "").strip() == str(pid)
    try:
        os.getpgid(pid)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _in_groups() -> set[int]:
    """Return the ids in all control groups (of our namespace: others are 0)."""
    found: set[int] = set()
    for number, (folder, folders, files) in enumerate(os.walk(CGROUPS)):
        folders.sort()
        if number >= MAX_GROUPS:
            break
        if "cgroup.procs" in files:
            found.update(int(line) for line in procfs.lines(f"{folder}/cgroup.procs") if line.isdigit() and line != "0")
    return found


def _one(pid: int, answered: set[int], groups: set[int]) -> dict[str, Any]:
    command = procfs.text(procfs.read(f"/proc/{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" "))
    known = {
        "pid": pid,
        "listed": pid in _listed(),
        "direct": pid in _direct_list(),
        "answered": pid in answered,
        "cgroup": pid in groups,
        "name": procfs.text(procfs.read(f"/proc/{pid}/comm")).rstrip("\n"),
        "exe": procfs.link(f"/proc/{pid}/exe"),
        "command_line": command,
    }
    return {key: value for key, value in known.items() if value != ""}
