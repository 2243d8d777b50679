"""The host itself, one object (`host/1`).

name, domain, kernel, kernel_version, machine (architecture), os, os_version, machine_id, boot_id
booted, taken (RFC 3339 UTC), uptime_seconds, local_offset (seconds east of UTC), timezone
kernel_command_line, taint (number of /proc/sys/kernel/tainted), lockdown, modules_disabled
addresses: list of `interface address`; hardware: list of `interface address`; memory_bytes, processors

Source: proc(5), uname(2), os-release(5).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

from scout.formats import linux_host
from scout.live.linux import procfs

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """Yield one object."""
    import psutil

    system = os.uname()
    release = procfs.text(procfs.read("/etc/os-release") or procfs.read("/usr/lib/os-release"))
    named = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', release, re.MULTILINE))
    now = time.time()
    addresses = [(interface, one) for interface, ones in sorted(psutil.net_if_addrs().items()) for one in ones]
    hardware = psutil.AF_LINK
    known: dict[str, Any] = {
        "name": system.nodename,
        "domain": _first("/proc/sys/kernel/domainname"),
        "kernel": system.release,
        "kernel_version": system.version,
        "machine": system.machine,
        "os": "linux",
        "os_version": named.get("PRETTY_NAME"),
        "machine_id": _first("/etc/machine-id"),
        "boot_id": _first("/proc/sys/kernel/random/boot_id"),
        "booted": procfs.moment(procfs.boot_time()),
        "taken": procfs.moment(now),
        "uptime_seconds": float((_first("/proc/uptime") or "0").split()[0]),
        "local_offset": time.localtime(now).tm_gmtoff,
        "timezone": linux_host.zone_of(lambda path: procfs.link(f"/{path}"), lambda path: procfs.read(f"/{path}")).name,
        "kernel_command_line": _first("/proc/cmdline"),
        "taint": int(_first("/proc/sys/kernel/tainted") or 0),
        "lockdown": _first("/sys/kernel/security/lockdown"),
        "modules_disabled": _first("/proc/sys/kernel/modules_disabled"),
        "addresses": [f"{interface} {one.address}" for interface, one in addresses if one.family != hardware],
        "hardware": [f"{interface} {one.address}" for interface, one in addresses if one.family == hardware],
        "memory_bytes": psutil.virtual_memory().total,
        "processors": os.cpu_count(),
    }
    yield {key: value for key, value in known.items() if value not in (None, "", "(none)")}


def _first(path: str) -> str:
    return procfs.text(procfs.read(path)).strip()
