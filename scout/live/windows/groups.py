r"""Local groups with their members (`groups/1`).

name, comment, sid; members: `DOMAIN\name` of each; error: why the members are unknown

Source: Microsoft, NetLocalGroupEnum, NetLocalGroupGetMembers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from scout.live.windows import _native

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """Yield the local groups."""
    net, security = _native.module("win32net"), _native.module("win32security")
    resume = 0
    while True:
        rows, _, resume = net.NetLocalGroupEnum(None, 1, resume)
        for row in rows:
            yield _native.known(_group(net, security, row))
        if not resume or not rows:
            return


def _group(net: Any, security: Any, row: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"name": _native.text(row["name"]), "comment": _native.text(row.get("comment")), "members": []}
    with suppress(security.error):
        out["sid"] = security.ConvertSidToStringSid(security.LookupAccountName(None, row["name"])[0])
    resume = 0
    try:
        while True:
            members, _, resume = net.NetLocalGroupGetMembers(None, row["name"], 2, resume)
            out["members"] += [_native.text(member["domainandname"]) for member in members]
            if not resume or not members:
                return out
    except net.error as e:
        out["error"] = _native.text(e)
    return out
