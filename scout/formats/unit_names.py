"""Names of systemd units. Source: systemd.unit(5)."""

from __future__ import annotations

import re

KINDS = ("service", "socket", "timer", "path", "mount", "automount", "target", "swap", "slice", "scope")
"""Types of units, as the endings of their names."""


def whose(unit: str) -> str:
    """Return in words which units a drop-in changes: `foo-.service.d` all whose names begin so, `service.d` all services."""
    stem, _, kind = unit.rpartition(".")
    if not stem:
        return f"every {kind}" if kind in KINDS else f"unit {unit}"
    return f"every unit {stem}*.{kind}" if stem.endswith("-") else f"unit {unit}"


def manager_home(source: str) -> str:
    """Return the home of the user whose manager reads a unit file: the home that it is in, else that of root."""
    found = re.match(r"(/.+?)/\.(?:config|local/share)/systemd/|(/home/[^/]+|/root)/", source)
    return found[1] or found[2] if found else "/root"


def place(source: str) -> tuple[str, str, str, str]:
    """Return (unit, type, drop-in name or '', system or user) of a path."""
    *folders, name = source.split("/")
    scope = "user" if re.search(r"/systemd/user(\.control)?/|/\.config/|/\.local/|^/run/user/", source) else "system"
    drop_in = ""
    if folders and folders[-1].endswith(".d") and name.endswith(".conf"):
        drop_in, name = name, folders[-1].removesuffix(".d")
    kind = name.rpartition(".")[2] if "." in name else name
    return name, kind, drop_in, scope
