"""Check that a tree is the host of the plan, by machine id and host name. The inode of the root shows whether it is a copy.

Of Windows, the machine id is the `MachineGuid`, and the name the `ComputerName` of its registry.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress

from hunter.host.host import RemovalHost
from hunter.unsafe import UnsafeError
from scout.console import Complaint, escape
from scout.formats import linux_host
from scout.live.linux import procfs

_MACHINE = r"HKLM\SOFTWARE\Microsoft\Cryptography"
_NAMES = [rf"HKLM\SYSTEM\ControlSet{n:03d}\Control\ComputerName\ComputerName" for n in (1, 2)]


def facts(on: RemovalHost) -> dict[str, str]:
    """Return `name`, `machine_id`, `machine_id_sha256`, `root_ino` of a tree, where it has them. Sources: machine-id(5), hostname(5)."""
    found = {"root_ino": str(on.root_ino)}
    raw = _read(on, "/etc/machine-id") or _value(on, _MACHINE, "MachineGuid").encode()
    if raw.strip():
        found |= {"machine_id": raw.decode(errors="replace").strip(), "machine_id_sha256": hashlib.sha256(raw).hexdigest()}
    name = linux_host.name_of(lambda path: _read(on, f"/{path}"))
    name = name or next(filter(None, (_value(on, key, "ComputerName") for key in _NAMES)), "")
    if on.live:
        name = socket.gethostname()
    return found | ({"name": name} if name else {}) | ({"boot": start} if (start := boot(on)) else {})


def boot(on: RemovalHost) -> str:
    """Return what no two starts of this host share: the id of the kernel's start, and when the first process began (a container starts
    again without its kernel). '' where the host does not run, or does not say.
    """
    if not on.live or sys.platform != "linux":
        return ""
    first = procfs.stat(1)
    return f"{procfs.whole('/proc/sys/kernel/random/boot_id').strip()} {first[19]}" if len(first) > 19 else ""


def _value(on: RemovalHost, key: str, name: str) -> str:
    """Return the text of a registry value, '' where it cannot be read."""
    with suppress(UnsafeError):
        if value := on.registry.value(key, name):
            return value.data.decode("utf-16-le", "replace").partition("\0")[0]
    return ""


def _read(on: RemovalHost, path: str) -> bytes:
    with suppress(FileNotFoundError, NotADirectoryError, UnsafeError, PermissionError):
        return on.files.read(path)
    return b""


def is_copy(host: Mapping[str, str], on: RemovalHost) -> bool:
    """Return True where the tree is a copy or image of the plan's host: its file ids mean nothing."""
    return host.get("root_ino", "") != str(on.root_ino)


def require(host: Mapping[str, str], on: RemovalHost) -> bool:
    """Return True for a copy. Complaint (code 3) for another host, or where nothing identifies the host."""
    now = facts(on)
    compared = [name for name in ("machine_id", "machine_id_sha256") if host.get(name)]
    for name in compared:
        if host[name] != now.get(name, ""):
            raise _other(host, "its machine id differs" if name in now else "it has no machine id")
    wanted = host.get("name", "")
    if wanted and host.get("name_inferred") != "yes":
        if not _same_name(wanted, now.get("name", "")):
            raise _other(host, f"its name is {now.get('name') or 'not known'}")
        compared.append("name")
    if not compared and wanted and os.path.basename(on.native).lower() == wanted.lower():  # noqa: PTH119
        compared.append("directory")
    if not compared:
        raise Complaint(
            "Nothing shows whether this is the host of the plan: the collection has neither its machine id nor its name.",
            "Write `machine_id` under `host` in the plan, then hunter check --seal.",
        )
    copy = is_copy(host, on)
    if copy and on.live and host.get("root_ino"):
        raise _other(host, "its root is another file system")
    return copy


def _same_name(one: str, other: str) -> bool:
    return one.lower() == other.lower() or one.lower().split(".")[0] == other.lower().split(".")[0]


def _other(host: Mapping[str, str], reason: str) -> Complaint:
    return Complaint(
        f"This is not {escape(host.get('name', '?'))}, the host of the plan: {escape(reason)}. Nothing was changed.",
        "Run it on that host, or name its mounted root with --root.",
    )
