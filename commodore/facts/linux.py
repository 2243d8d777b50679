"""Facts of a Linux host, from /etc: name, version, time zone, accounts and their homes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commodore.evidence import Evidence
from commodore.readers.lines import text
from scout.formats import linux_host
from scout.formats.accounts import accounts

WANTED = (*linux_host.FILES, "etc/passwd")
"""Source: passwd(5); `scout.formats.linux_host` names those of the others."""


def facts(fetch: Callable[[str], Evidence | None]) -> dict[str, Any]:
    """Return keyword arguments of `Host`, only what is known. Bad evidence gives no facts, never an error."""
    out: dict[str, Any] = {}
    known: dict[str, bytes] = {}

    def read(path: str) -> bytes:
        if path not in known:
            known[path] = _head(fetch(path))
        return known[path]

    if name := linux_host.name_of(read):
        out["name"] = name
    if version := linux_host.version_of(read):
        out["os_version"] = version
    if family := linux_host.family_of(read):
        out["os_family"] = family
    zone = linux_host.zone_of(lambda path: _link(fetch(path)), read)
    if zone.name:
        out["timezone"] = zone.name
    if zone.conflict:
        out["conflicts"] = (zone.conflict,)
    users, homes = _accounts(_head(fetch("etc/passwd")))
    if users:
        out["users"], out["profiles"] = users, homes
    return out


def _link(evidence: Evidence | None) -> str:
    link = evidence.facts.get("link") if evidence else ""
    return link if isinstance(link, str) else ""


def _head(evidence: Evidence | None) -> bytes:
    if evidence is None:
        return b""
    with evidence.open() as stream:
        return stream.read(linux_host.LONGEST)


def _accounts(data: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return (uid → name, name → home). Of several names with one uid the first counts, as for getpwuid."""
    users: dict[str, str] = {}
    homes: dict[str, str] = {}
    for found in accounts(text(data)):
        if found.name:
            users.setdefault(str(found.uid), found.name)
            if found.home.startswith("/"):
                homes.setdefault(found.name, found.home)
    return users, homes
