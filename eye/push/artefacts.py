"""Artefacts of an incident: the addresses, hashes, domains, URLs and hosts of the records that the findings of a case rest on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from eye.case import findings
from eye.index.store import Store

MOST = 500
RECORDS = 2_000
"""Records that are read."""
KINDS = {
    "ip": ("source.ip", "destination.ip"),
    "hash": ("file.hash.sha256", "file.hash.sha1", "file.hash.md5", "process.hash.sha256", "process.hash.sha1", "process.hash.md5"),
    "domain": ("url.domain", "destination.domain", "dns.question.name"),
    "url": ("url.full",),
    "host": ("host.name",),
}
"""Kind → fields that hold one."""
_FORMS = {
    "hash": re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}"),
    "domain": re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "url": re.compile(r"https?://[^\s<>\"'`\\]{1,2000}"),
    "host": re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"),
}


def artefacts(store: Store) -> dict[str, list[str]]:
    """Return kind → values, each once, in the order of the findings, the most severe first; at most MOST of a kind."""
    ids = list(dict.fromkeys(str(i) for finding in findings(store.case) for i in finding.get("escadre.records") or []))[:RECORDS]
    found: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    for record in store.by_ids(ids):
        for kind, names in KINDS.items():
            for value in _values(record, names):
                if _is(kind, value):
                    found[kind].setdefault(value.lower() if kind == "hash" else value)
    return {kind: list(values)[:MOST] for kind, values in found.items() if values}


def _values(record: dict[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = record.get(name)
        yield from (str(item) for item in (value if isinstance(value, list) else [value]) if item is not None)


def _is(kind: str, value: str) -> bool:
    """Return whether a value is one of its kind: of addresses, one that tells hosts apart."""
    if kind != "ip":
        return _FORMS[kind].fullmatch(value) is not None
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)
