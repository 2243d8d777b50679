"""Names of systemd units. Source: systemd.unit(5)."""

from __future__ import annotations

KINDS = ("service", "socket", "timer", "path", "mount", "automount", "target", "swap", "slice", "scope")
"""Types of units, as the endings of their names."""


def whose(unit: str) -> str:
    """Return in words which units a drop-in changes: `foo-.service.d` all whose names begin so, `service.d` all services."""
    stem, _, kind = unit.rpartition(".")
    if not stem:
        return f"every {kind}" if kind in KINDS else f"unit {unit}"
    return f"every unit {stem}*.{kind}" if stem.endswith("-") else f"unit {unit}"
