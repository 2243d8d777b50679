"""Loaded kernel modules (`kernel_modules/1`), from /proc/modules and /sys/module. A module that only one of them lists is hidden."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.live.linux import procfs

SCHEMA = 1
SYS = "/sys/module"


def collect() -> Iterator[dict[str, Any]]:
    """Yield all modules that either list has. Modules built into the kernel are not listed."""
    listed = {line.split()[0]: line.split() for line in procfs.lines("/proc/modules") if len(line.split()) >= 5}
    try:
        loadable = {name for name in os.listdir(SYS) if Path(f"{SYS}/{name}/initstate").exists()}
    except OSError:
        loadable = set()
    for name in sorted(set(listed) | loadable):
        module: dict[str, Any] = {"name": name, "in_proc": name in listed, "in_sys": name in loadable}
        if name in listed:
            fields = listed[name]
            module |= {
                "size": int(fields[1]),
                "used": int(fields[2]) if fields[2].isdigit() else 0,
                "state": fields[4],
                "used_by": [one for one in fields[3].split(",") if one not in ("", "-")],
            }
        for key, file in (("version", "version"), ("srcversion", "srcversion"), ("taint", "taint")):
            value = procfs.text(procfs.read(f"{SYS}/{name}/{file}")).strip()
            if value:
                module[key] = value
        yield module


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    if row["in_proc"] == row["in_sys"]:
        return ""
    return f"kernel module {row['name']} is in {'/proc/modules' if row['in_proc'] else '/sys/module'} only"
