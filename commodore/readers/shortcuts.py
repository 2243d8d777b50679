"""What a shortcut opens, as fields of a record."""

from __future__ import annotations

from typing import Any

from scout.formats.shortcut import Shortcut

SHORTCUT_FIELDS = (
    "escadre.shortcut.machine",
    "escadre.shortcut.others",
    "escadre.shortcut.product",
    "file.target_path",
    "process.command_line",
)


def shortcut_fields(found: Shortcut) -> dict[str, Any]:
    """Return the fields that a shortcut gives; what it does not say is left out."""
    fields: dict[str, Any] = {
        "file.target_path": found.path,
        "process.command_line": found.command_line or found.arguments,
        "escadre.shortcut.others": list(found.others),
        "escadre.shortcut.machine": found.machine,
        "escadre.shortcut.product": found.product,
    }
    return {name: value for name, value in fields.items() if value}
