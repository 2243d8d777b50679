r"""Shares of this host, connections to them, and files that others have open (`shares/1`); `kind` says which.

share               name, path, type (disk, printer, device, ipc; special: made by Windows), comment, users (connected now)
session             client, user, seconds, idle_seconds
file                path, user: opened over the network
error               what could not be asked, and why

Source: Microsoft, NetShareEnum (SHARE_INFO_2), NetSessionEnum, NetFileEnum. Passwords of shares are not taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native

SCHEMA = 1
_TYPES = ("disk", "printer", "device", "ipc")


def collect() -> Iterator[dict[str, Any]]:
    """Yield shares, sessions, files."""
    for kind, part in (("share", _shares), ("session", _sessions), ("file", _files)):
        yield from _native.fenced(kind, part)


def _shares() -> Iterator[dict[str, Any]]:
    net, resume = _native.module("win32net"), 0
    while True:
        rows, _, resume = net.NetShareEnum(None, 2, resume)
        for row in rows:
            kind = int(row["type"])
            yield {
                "name": _native.text(row["netname"]),
                "path": _native.text(row.get("path")),
                "type": _TYPES[kind & 0xFF] if kind & 0xFF < len(_TYPES) else str(kind & 0xFF),
                "special": bool(kind & 0x80000000),
                "comment": _native.text(row.get("remark")),
                "users": int(row.get("current_uses") or 0),
            }
        if not resume or not rows:
            return


def _sessions() -> Iterator[dict[str, Any]]:
    for row in _native.module("win32net").NetSessionEnum(10):
        names = {"client": _native.text(row.get("client_name")), "user": _native.text(row.get("user_name"))}
        yield {**names, "seconds": int(row.get("active_time") or 0), "idle_seconds": int(row.get("idle_time") or 0)}


def _files() -> Iterator[dict[str, Any]]:
    for row in _native.module("win32net").NetFileEnum(3):
        yield {"path": _native.text(row.get("path_name")), "user": _native.text(row.get("user_name"))}
