"""The fields of a record about a registry key or value."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from commodore.host import Host
from commodore.readers.hives.mount import Mount
from scout.formats.commandline import parse_windows
from scout.formats.regf import Key, Value
from scout.formats.regf.data import strings

REGISTRY_FIELDS = (
    "registry.hive",
    "registry.key",
    "registry.value",
    "registry.path",
    "registry.data.type",
    "registry.data.strings",
    "registry.data.bytes",
    "escadre.registry.copy",
    "escadre.registry.last_written",
)
TIMES = {
    "@timestamp": "last write of the key: when one of its values, not necessarily this one, was last set or deleted",
    "escadre.registry.last_written": "the same",
}
SOURCES = ("Windows registry file format specification, M. Suhanov",)
LARGEST_VALUE = 1 << 20
"""bytes of one value that a record holds; what is longer is cut, and the ledger says so"""


def value_fields(at: Mount, key: Key, value: Value) -> dict[str, Any]:
    """Return the fields that any record of one value has: path, type, data as strings and as bytes, owner, last write of the key."""
    raw = value.raw
    if len(raw) > LARGEST_VALUE:
        value.hive.note(value.offset, f"{LARGEST_VALUE:,} of {len(raw):,} bytes of a value were kept")
        raw = raw[:LARGEST_VALUE]
    texts = strings(value.kind, raw)
    fields: dict[str, Any] = {
        **key_fields(at, key),
        "registry.value": value.name,
        "registry.path": registry_path(at, key, value.name),
        "registry.data.type": value.type,
        "registry.data.bytes": b64encode(raw).decode("ascii"),
    }
    if texts:
        fields["registry.data.strings"] = texts
    return fields


def command_value_fields(at: Mount, key: Key, value: Value, host: Host) -> dict[str, Any]:
    """Return the fields of a value whose data is a command line, with `process.*`."""
    fields = value_fields(at, key, value)
    texts = fields.get("registry.data.strings") or [""]
    return fields | command_fields(texts[0], host)


def key_fields(at: Mount, key: Key) -> dict[str, Any]:
    """Return the fields that any record of one key has."""
    fields: dict[str, Any] = {"registry.hive": at.path, "registry.key": key.path, "registry.path": registry_path(at, key)}
    if written := key.last_written:
        fields["@timestamp"] = fields["escadre.registry.last_written"] = written
    if at.user:
        fields["user.name"] = at.user
    if at.sid:
        fields["user.id"] = at.sid
    if at.copy:
        fields["escadre.registry.copy"] = at.copy
    return fields


def registry_path(at: Mount, key: Key, value: str = "") -> str:
    """Return the path as an analyst writes it. A default value has the path of its key."""
    return "\\".join(part for part in (at.path, key.path, value) if part)


def command_fields(line: str, host: Host) -> dict[str, Any]:
    """Return `process.command_line`, and the program if the line names one: its absolute path, else only its name."""
    if not line.strip():
        return {}
    program = parse_windows(line, system_root=host.system_root or "C:\\Windows").executable.rstrip(", ")
    fields: dict[str, Any] = {"process.command_line": line}
    if re.match(r"[A-Za-z]:\\|\\\\", program) and "%" not in program:
        fields["process.executable"] = program
    if program:
        fields["process.name"] = program.rpartition("\\")[2]
    return fields


def state(*cells: Key | Value) -> str:
    """Return `replayed` if one of the cells came from a log, else `allocated`."""
    return "replayed" if any(cell.replayed for cell in cells) else "allocated"


def locator(key: Key, value: Value | None = None) -> str:
    """Return the offsets of the cells in the hive bins data: `0x1c20` for a key, `0x1c20/0x1d80` for a value of it."""
    return f"{key.offset:#x}/{value.offset:#x}" if value else f"{key.offset:#x}"
