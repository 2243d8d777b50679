"""Units as systemd runs them (`services/1`). systemctl belongs to the suspect host and is not run: state is read from what systemd leaves.

unit                `ssh.service`
pids                processes in its control group, from /proc/<pid>/cgroup; active: it has processes, or an invocation that is not over
invocation          id of the present run (/run/systemd/units/invocation:<unit>)
scope               `system` where one of its processes is in a control group of the host's own manager (in no container)
path                unit file that systemd uses: of the first folder of its load path that has one; absent: a unit without a file
masked              the file is a link to /dev/null
enabled_by          links in `.wants` and `.requires` folders that start it

Source: systemd.unit(5), "Unit File Load Path"; systemd's src/core/unit.c for the links below /run/systemd/units.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scout.formats.linux_paths import SYSTEM_UNITS
from scout.live.linux import procfs

SCHEMA = 1
INVOCATIONS = "/run/systemd/units"
_UNIT = re.compile(r"[^/]+\.(?:service|timer|socket|path|scope|mount|automount|swap|target)")


def collect() -> Iterator[dict[str, Any]]:
    """Yield units that run, have an invocation, or are enabled by a link."""
    pids: dict[str, list[int]] = defaultdict(list)
    own: set[str] = set()
    for pid in procfs.pids():
        for line in procfs.lines(f"/proc/{pid}/cgroup"):
            group = line.split(":", 2)[-1]
            units = [part for part in group.split("/") if _UNIT.fullmatch(part)]
            if units and pid not in pids[units[-1]]:
                pids[units[-1]].append(pid)
            if len(units) == 1 and group.startswith("/system.slice/"):
                own.add(units[0])
    named = [name.removeprefix("invocation:") for name in _list(INVOCATIONS) if name.startswith("invocation:")]
    invocations = {unit: procfs.link(f"{INVOCATIONS}/invocation:{unit}") for unit in named}
    enabled = enabling(SYSTEM_UNITS)
    for unit in sorted(set(pids) | set(invocations) | set(enabled)):
        one = _unit(unit, pids.get(unit, []), invocations.get(unit, ""), enabled.get(unit, []))
        yield one | ({"scope": "system"} if unit in own else {})


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    if not row["active"] or row.get("path") or not row["unit"].endswith((".service", ".timer", ".socket", ".path")):
        return ""
    return "" if row["unit"].startswith("user@") else f"unit {row['unit']} runs, and has no file"


def _unit(unit: str, pids: list[int], invocation: str, enabled: list[str]) -> dict[str, Any]:
    known: dict[str, Any] = {"unit": unit, "active": bool(pids or invocation), "pids": pids, "enabled_by": enabled}
    if invocation:
        known["invocation"] = invocation
    path = file_of(unit, SYSTEM_UNITS)
    if path:
        known["path"] = path
        known["masked"] = procfs.link(path) == "/dev/null"
    return known


def enabling(folders: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the units, each with the paths of the links that start it."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for name in _list(folder):
            if name.endswith((".wants", ".requires")):
                for unit in _list(f"{folder}/{name}"):
                    found[unit].append(f"{folder}/{name}/{unit}")
    return dict(found)


def file_of(unit: str, folders: tuple[str, ...]) -> str:
    """Return the path of the unit's file, or of its template (`getty@.service` of `getty@tty1.service`); '' where there is none."""
    template = re.sub(r"@[^@]*(\.[a-z]+)$", r"@\1", unit)
    for name in dict.fromkeys((unit, template)):
        for folder in folders:
            if os.path.lexists(f"{folder}/{name}"):
                return f"{folder}/{name}"
    return ""


def _list(folder: str) -> list[str]:
    try:
        return sorted(procfs.text(os.fsencode(name)) for name in os.listdir(folder))
    except OSError:
        return []
