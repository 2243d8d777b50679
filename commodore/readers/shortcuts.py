"""What a shortcut opens, as fields of a record."""

from __future__ import annotations

from typing import Any

from scout.formats.shortcut import Shortcut, details

SHORTCUT_FIELDS = (
    "escadre.settings",
    "escadre.shortcut.machine",
    "escadre.shortcut.others",
    "escadre.shortcut.product",
    "file.target_path",
    "process.command_line",
    "process.working_directory",
)


def shortcut_fields(found: Shortcut, data: bytes = b"") -> dict[str, Any]:
    """Return the fields that a shortcut gives, `data` for what it says beside its target; what it does not say is left out."""
    said = details(data)
    fields: dict[str, Any] = {
        "file.target_path": found.path,
        "process.command_line": found.command_line or found.arguments,
        "process.working_directory": next((d.partition("=")[2] for d in said if d.startswith("WorkingDir=")), ""),
        "escadre.settings": said,
        "escadre.shortcut.others": list(found.others),
        "escadre.shortcut.machine": found.machine,
        "escadre.shortcut.product": found.product,
    }
    return {name: value for name, value in fields.items() if value}
