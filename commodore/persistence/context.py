"""What a judge may ask about the host beyond the record: facts that other datasets have. Each is read when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

FACT_DATASETS = frozenset({"com_classes"})
"""Datasets that `HostFacts` reads"""
Records = Callable[[str], Iterable[Mapping[str, Any]]]


class HostFacts:
    """Facts of one host, from its records. `records`: name of a dataset → its records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @cached_property
    def _servers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for record in self._records("com_classes"):
            name, path = str(record.get("escadre.com.class") or "").lower(), str(record.get("registry.path") or "")
            if name and path.upper().startswith("HKLM\\") and record.get("process.command_line"):
                found.setdefault(name, []).append(str(record["process.command_line"]))
        return found

    def servers(self, clsid: str) -> list[str]:
        """Return the libraries and programs of a COM class of the machine."""
        return self._servers.get(clsid.lower(), [])

    @property
    def knows_classes(self) -> bool:
        """Return whether COM classes of the machine are among the evidence at all."""
        return bool(self._servers)


@dataclass(frozen=True, slots=True)
class JudgingContext:
    """The host beyond the record."""

    facts: HostFacts = field(default_factory=lambda: HostFacts(lambda _: ()))
    guilty_units: frozenset[str] = frozenset()
    """names of systemd units of the host with a suspicious command"""


NOTHING_KNOWN = JudgingContext()
