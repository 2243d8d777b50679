"""The facts pass: facts of a host that parsers need. One module per operating system."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from commodore.evidence import Evidence
from commodore.host import Host

Fetch = Callable[[str], "Evidence | None"]
"""path below the volume's root → evidence with its companions, or None"""


def wanted(system: str) -> tuple[str, ...]:
    """Return the path patterns of the files that give facts on this operating system; empty where it has no module."""
    module = _module(system)
    return tuple(module.WANTED) if module else ()


def gather(system: str, collection: str, header: Mapping[str, Any], fetch: Fetch, directory: str) -> Host:
    """Return the frozen Host: the facts of `collection.json`, then those of the evidence, then `directory` as its name.

    `header` is the `host` object and `clock_offset`, `started` of collection.json, empty for plain input.
    Facts that a module cannot get out of bad evidence are left out; it never raises for them.
    """
    known: dict[str, Any] = _declared(header)
    module = _module(system)
    if module:
        known = module.facts(fetch) | known
    host = Host(collection=collection, os=system, **{k: v for k, v in known.items() if k != "os"})
    if not host.name:
        host = replace(host, name=directory, inferred=host.inferred | {"name"})
    return host


def _declared(header: Mapping[str, Any]) -> dict[str, Any]:
    about = header.get("host") or {}
    known = {k: about[k] for k in ("name", "os_version", "timezone", "system_root") if isinstance(about.get(k), str) and about[k]}
    if about.get("rights_kept") is False:
        known["rights_kept"] = False
    if isinstance(header.get("clock_offset"), (int, float)):
        known["clock_offset"] = float(header["clock_offset"])
    if isinstance(header.get("started"), str):
        known["collected"] = header["started"]
    return known


def _module(system: str) -> Any:
    name = f"{__name__}.{system}"
    return importlib.import_module(name) if system.isidentifier() and find_spec(name) else None
